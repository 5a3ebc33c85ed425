# make demo    three organisations in a coalition, and a small fediverse that endorses, on this machine
#              (make demo DEMO=--chaos: one of them is cut off now and then)
# make test    sets up everything that the tests need, and runs them
# make check   style, types, layers, translations
# make serve   the instance that .env describes
# make bench   what this machine can do, and how much of it fedicause uses
# make audit   whether holes are known in what the locks name, where somebody can be asked
# make undefended  takes the defences of docs/security.md out, one after the other: their tests must fail
# make lock    newer libraries

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
WORKERS ?= $(shell n=$$(($$(nproc) + 1)); echo $$((n < 4 ? n : 4)))
.PHONY: help demo test check serve bench audit undefended lock setup setup-dev

help:
	@sed -n 's/^# //p' Makefile

setup:
	@tools/venv .venv requirements.lock .

setup-dev:
	@tools/venv .venv requirements-dev.lock .

demo: setup
	@exec .venv/bin/fedicause demo $(DEMO)

serve: setup
	@exec .venv/bin/fedicause serve

bench: setup-dev
	@exec .venv/bin/python -m bench

# As root everything is there once the tools have run, so nothing may be skipped.
# One process more than there are cores, for some tests wait more than they work.
test: setup-dev
	@tools/components
	@tools/peers
	@tools/venv .venv-pasture tests/interop/pasture/requirements.lock
	@if [[ $$(id -u) == 0 ]]; then export FEDICAUSE_COMPLETE=1; fi; .venv/bin/python -m pytest -n $(WORKERS) --no-loadscope-reorder $(TESTS)

check: setup-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/python -m pytest tests/test_layers.py tests/test_repository.py
	.venv/bin/python -m fedicause.web.translations --check

lock:
	@tools/lock

audit: setup-dev
	@tools/audit

undefended: setup-dev
	@exec .venv/bin/python -m tests.undefended $(REMOVALS)
