"""Each test of docs/security.md, run where its defence was taken out: it must fail there."""

from tests.undefended import coalition, markup, network, people, requests, setbacks, web

ALL = [*requests.ALL, *network.ALL, *markup.ALL, *coalition.ALL, *web.ALL, *people.ALL, *setbacks.ALL]
