"""A clean Debian as somebody rents it: its own disk, processes and network, systemd as first process."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests import components
from tests.deploying import outside, packages

# What the images of providers have beyond the smallest Debian.
INCLUDED: Final = "systemd,systemd-sysv,dbus,ca-certificates,iproute2,procps"
SUITE: Final = "bookworm"
_BOOT: Final = Path(__file__).with_name("boot.sh")
_CA: Final = "/opt/host/ca.pem"


class Failed(Exception):
    """A command ended with an error; the text is the command, and what it printed."""


@dataclass
class Machine:
    """A running machine; `first` is its systemd, seen from here."""

    first: int
    disk: Path
    """Its root directory, by way of that process."""
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, script: str, *, timeout: float = 600) -> str:
        """What a script of root prints; it ends with the first command that fails: Failed."""
        done = subprocess.run(
            [
                *("nsenter", "--target", str(self.first), "--mount", "--pid", "--net", "--uts", "--ipc"),
                *("--cgroup", "--root", "--", "/usr/bin/env", "-i", "-C", "/root"),
                *(f"{name}={value}" for name, value in self.environment.items()),
                *("/bin/bash", "-e", "-s"),
            ],
            input=script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise Failed(f"{script}\n--- {done.returncode} ---\n{done.stdout[-4000:]}")
        return done.stdout

    def write(self, path: str, content: str) -> None:
        (self.disk / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        (self.disk / path.lstrip("/")).write_text(content)


def cache() -> Path:
    """Where what takes minutes to make is kept between runs."""
    chosen = os.environ.get("XDG_CACHE_HOME")
    directory = Path(chosen) if chosen else Path("/var/cache")
    return directory / "fedicause-tests"


def base() -> Path:
    """The directory of a clean Debian, made when there is none yet; skips where it can't be."""
    if os.geteuid() != 0:
        components.missing("root")
    debootstrap = shutil.which("debootstrap") or components.missing("debootstrap")
    directory = cache() / f"{SUITE}-{INCLUDED.replace(',', '-')}"
    directory.parent.mkdir(parents=True, exist_ok=True)
    with (directory.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists():
            unfinished = directory.with_name(directory.name + ".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            made = subprocess.run(
                [
                    debootstrap,
                    "--variant=minbase",
                    f"--include={INCLUDED}",
                    SUITE,
                    unfinished,
                    packages.mirror(SUITE),
                ],
                capture_output=True,
                text=True,
                timeout=900,
                check=False,
            )
            if made.returncode:
                sys.stderr.write(made.stdout[-2000:] + made.stderr[-2000:])
                components.missing(f"a mirror of Debian {SUITE}")
            (unfinished / "var/cache/apt/archives").mkdir(parents=True, exist_ok=True)
            unfinished.rename(directory)
    return directory


@contextmanager
def running(room: Path, hosts: Mapping[str, str], *, authority: str, repository: Path) -> Iterator[Machine]:
    """A machine that was just rented; it ends with the context.

    `hosts` are names and addresses of the world; `authority` is a certificate (PEM) that everybody trusts;
    `repository` can be read at its own path. How this machine reaches package indexes is told to that
    one: apt and pip are as they are here.
    """
    directory = base()
    kept = cache() / "packages"
    (kept / "apt" / "partial").mkdir(parents=True, exist_ok=True)
    (kept / "pip").mkdir(exist_ok=True)
    shared = [
        f"{kept / 'apt'}=/var/cache/apt/archives",
        f"{kept / 'pip'}=/root/.cache/pip",
        f"{repository}={repository}",
        *(f"{each}={each}" for each in packages.indexes()),
    ]
    group = _group()
    # It is put into its group before anything of it runs, and the group is the root of all that it sees.
    script = f'echo $$ >"{group}/cgroup.procs" && exec "$@"'
    unshare = ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child"]
    with (room / "console").open("wb") as console:
        outer = subprocess.Popen(
            ["/bin/sh", "-c", script, "sh", *unshare, "bash", _BOOT, directory, room, *shared],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
        )
    try:
        first = _first(outer, room)
        machine = Machine(first, Path(f"/proc/{first}/root"), _environment())
        _until_up(machine)
        _furnish(machine, hosts, authority)
        yield machine
    finally:
        _end(outer, group)


def _first(outer: "subprocess.Popen[bytes]", room: Path) -> int:
    """The machine's first process, once it is systemd."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        if children and Path(f"/proc/{children[0]}/comm").read_text().strip() == "systemd":
            return int(children[0])
        if outer.poll() is not None:
            break
        time.sleep(0.05)
    raise Failed(f"No machine: {(room / 'console').read_text()[-2000:]}")


def _until_up(machine: Machine) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(Failed):
            machine.run("systemctl is-system-running --wait")
            return
        time.sleep(0.1)
    raise Failed(machine.run("systemctl --failed --no-pager || true"))


def _furnish(machine: Machine, hosts: Mapping[str, str], authority: str) -> None:
    """Names, whom to trust, and how this network reaches packages: what a provider sees to."""
    names = "".join(f"{address} {name}\n" for name, address in hosts.items())
    machine.write("/etc/hosts", f"127.0.0.1 localhost\n::1 localhost\n{names}")
    machine.write("/usr/local/share/ca-certificates/of-the-test.crt", authority)
    machine.write(_CA, packages.authorities().read_text())
    proxy = f"http://{outside.OUTSIDE}:{outside.PROXY_PORT}"
    machine.write(
        "/etc/apt/apt.conf.d/99network",
        f'Acquire::http::Proxy "{proxy}";\nAcquire::https::Proxy "{proxy}";\n'
        # For speed: nobody pulls the plug of this disk.
        'Dpkg::Options { "--force-unsafe-io"; };\n',
    )
    machine.run("update-ca-certificates")


def _environment() -> dict[str, str]:
    proxy = f"http://{outside.OUTSIDE}:{outside.PROXY_PORT}"
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    pip |= {f"PIP_{name.upper().replace('-', '_')}": value for name, value in packages.pip().items()}
    return pip | {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "https_proxy": proxy,
        "http_proxy": proxy,
        "PIP_CERT": _CA,
        "PIP_ROOT_USER_ACTION": "ignore",
    }


def _group() -> Path:
    """A control group for the machine, in the second version's tree, wherever that is."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            group = Path(where) / f"fedicause-test-{os.getpid()}"
            group.mkdir(exist_ok=True)
            return group
    components.missing("control groups of version 2")


def _end(outer: "subprocess.Popen[bytes]", group: Path) -> None:
    """Ends the machine by its first process: all others end with it."""
    outer.send_signal(signal.SIGKILL)
    outer.wait(30)
    deadline = time.monotonic() + 10
    for each in sorted(group.rglob("*"), reverse=True):
        if each.is_dir():
            _remove(each, deadline)
    _remove(group, deadline)


def _remove(group: Path, deadline: float) -> None:
    while group.exists():
        try:
            group.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
