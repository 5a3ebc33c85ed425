"""Each test of docs/security.md, run where its defence was taken out: it must fail there."""

from tests.undefended import (
    coalition,
    faults,
    killed,
    markup,
    network,
    people,
    requests,
    setbacks,
    silence,
    watching,
    web,
)

ALL = [
    *requests.ALL,
    *network.ALL,
    *markup.ALL,
    *coalition.ALL,
    *web.ALL,
    *people.ALL,
    *setbacks.ALL,
    *faults.ALL,
    *killed.ALL,
    *silence.ALL,
    *watching.ALL,
]
