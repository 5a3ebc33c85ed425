"""Outside of dev mode: public addresses by https, whatever a URL, a name or a redirect says."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import keys, transport, vocabulary
from federation.remote import ForbiddenAddress, Remote, RemoteError, Unreachable
from tests.clock import Clock
from tests.federation.peers import Authority, Internet, Names, Peer
from tests.federation.test_addresses import SPECIAL

KEY = keys.SigningKey("https://ours.test/actor#main-key", keys.generate_ed25519())
PUBLIC = "93.184.216.34"


class World:
    """Carol on a public address; what is private is on loopback, and listens to everybody."""

    def __init__(self, carol: Peer, private: Peer, names: Names, internet: Internet, remote: Remote) -> None:
        self.carol = carol
        self.private = private
        self.names = names
        self.internet = internet
        self.remote = remote


@pytest.fixture
async def world(tmp_path: Path, clock: Clock) -> AsyncIterator[World]:
    authority = Authority()
    carol = Peer("carol.test", tls=authority.server("carol.test", tmp_path))
    private = Peer("127.0.0.1", tls=authority.server("127.0.0.1", tmp_path))
    await carol.start()
    await private.start()
    internet = Internet()
    internet.host(PUBLIC, carol)
    names = Names({"carol.test": [[PUBLIC]]})
    remote = Remote(
        key=KEY,
        user_agent="test",
        allow_private=False,
        now=clock.now,
        schemes={},
        resolver=names,
        ssl=authority.client(),
        dial=internet.dial,
    )
    yield World(carol, private, names, internet, remote)
    await remote.close()
    await carol.close()
    await private.close()


async def test_a_public_server_is_reached_over_https(world: World) -> None:
    uri = world.carol.document("/users/carol")
    assert (await world.remote.fetch(uri)).url == uri
    assert world.internet.dialled == [PUBLIC]


async def test_a_certificate_of_another_name_is_refused(world: World) -> None:
    world.names.names["dave.test"] = [[PUBLIC]]
    with pytest.raises(Unreachable):
        await world.remote.fetch(f"https://dave.test:{world.carol.port}/")
    assert world.carol.seen == []


@pytest.mark.parametrize("address", [each for each in SPECIAL if ":" in each or each.count(".") == 3])
async def test_a_name_of_a_special_address_is_refused(world: World, address: str) -> None:
    world.names.names["inside.test"] = [[address]]
    with pytest.raises(ForbiddenAddress):
        await world.remote.fetch("https://inside.test/")
    assert world.internet.dialled == []


@pytest.mark.parametrize("address", [each for each in SPECIAL if each])
async def test_a_special_address_in_a_url_is_refused(world: World, address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    world.names.names["localhost"] = [["127.0.0.1"], ["::1"]]
    for call in (world.remote.fetch, world.remote.fetch_json, world.remote.fetch_picture):
        with pytest.raises(ForbiddenAddress):
            await call(f"https://{host}:{world.private.port}/")
    with pytest.raises(ForbiddenAddress):
        await world.remote.deliver(f"https://{host}:{world.private.port}/inbox", b"{}", KEY)
    assert world.internet.dialled == []
    assert world.private.seen == []


async def test_of_several_addresses_only_the_public_one_is_dialled(world: World) -> None:
    world.names.names["carol.test"] = [["127.0.0.1", "::1", PUBLIC]]
    await world.remote.fetch(world.carol.document("/a"))
    assert world.internet.dialled == [PUBLIC]


async def test_several_special_addresses_are_refused_as_one_is(world: World) -> None:
    world.names.names["inside.test"] = [["127.0.0.1", "::1", "10.0.0.1"]]
    with pytest.raises(ForbiddenAddress):
        await world.remote.fetch("https://inside.test/")


async def test_a_name_that_turns_private_after_the_check_is_not_followed_there(world: World) -> None:
    """DNS rebinding: one look-up, and what it gave is what is dialled."""
    world.names.names["carol.test"] = [[PUBLIC], ["127.0.0.1"]]
    await world.remote.fetch(world.carol.document("/a"))
    assert world.names.asked == ["carol.test"]
    assert world.internet.dialled == [PUBLIC]


async def test_a_redirect_to_a_name_of_a_private_address_is_refused(world: World) -> None:
    world.names.names["mallory.test"] = [["127.0.0.1"]]
    world.carol.redirect("/a", f"https://mallory.test:{world.private.port}/")
    with pytest.raises(ForbiddenAddress):
        await world.remote.fetch(world.carol.url("/a"))
    assert world.internet.dialled == [PUBLIC]
    assert world.private.seen == []


@pytest.mark.parametrize(
    "location",
    [
        "https://127.0.0.1:{port}/",
        "//127.0.0.1:{port}/",
        "https://[::ffff:127.0.0.1]:{port}/",
        "https://[64:ff9b::7f00:1]:{port}/",
        "https://169.254.169.254/latest/meta-data/",
        "http://carol.test/",
        "https://user:password@carol.test/",
        "file:///etc/passwd",
        "gopher://carol.test/",
    ],
)
async def test_a_redirect_is_checked_like_every_url(world: World, location: str) -> None:
    world.carol.redirect("/a", location.format(port=world.private.port))
    for call in (world.remote.fetch, world.remote.fetch_json, world.remote.fetch_picture):
        with pytest.raises(ForbiddenAddress):
            await call(world.carol.url("/a"))
    assert world.private.seen == []


async def test_an_id_is_checked_like_every_url(world: World) -> None:
    world.carol.serve("/a", {"id": world.private.url("/admin")})
    with pytest.raises(ForbiddenAddress):
        await world.remote.fetch(world.carol.url("/a"))
    assert world.private.seen == []


async def test_a_page_of_a_collection_is_checked_like_every_url(world: World) -> None:
    world.carol.document("/a", first=world.private.url("/admin"))
    with pytest.raises(ForbiddenAddress):
        [item async for item in world.remote.collection(world.carol.url("/a"))]
    assert world.private.seen == []


@pytest.mark.parametrize(
    "url",
    [
        "http://carol.test/",
        "ftp://carol.test/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "carol.test/users/carol",
        "https://",
        "https:///users",
        "https://carol@carol.test/",
        "https://carol:secret@carol.test/",
        "https://carol.test./",
        "https://carol.test:0/",
        "https://carol.test:99999/",
        "https://carol.test\\@mallory.test/",
        "https://carol.test /",
        "https://carol.test/\r\nX: 1",
        "https://carol%2etest/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://１２７.0.0.1/",
        "https://carol.test/" + "x" * 2048,
    ],
)
async def test_only_plain_https_urls_are_asked(world: World, url: str) -> None:
    for call in (world.remote.fetch, world.remote.fetch_json, world.remote.fetch_picture):
        with pytest.raises(ForbiddenAddress):
            await call(url)
    with pytest.raises(ForbiddenAddress):
        await world.remote.deliver(url, b"{}", KEY)
    assert world.names.asked == []
    assert world.internet.dialled == []


async def test_an_international_name_is_asked_by_its_ascii_form(world: World) -> None:
    with pytest.raises(Unreachable):
        await world.remote.fetch("https://Bücher.test/")
    assert world.names.asked == ["xn--bcher-kva.test"]


async def test_a_redirect_from_https_to_http_is_refused_in_dev_mode_too(tmp_path: Path, clock: Clock) -> None:
    authority = Authority()
    carol = Peer("127.0.0.1", tls=authority.server("127.0.0.1", tmp_path))
    plain = Peer()
    await carol.start()
    await plain.start()
    carol.redirect("/a", plain.document("/a"))
    async with Remote(
        key=KEY, user_agent="test", allow_private=True, now=clock.now, schemes={}, ssl=authority.client()
    ) as remote:
        with pytest.raises(ForbiddenAddress):
            await remote.fetch(carol.url("/a"))
    assert plain.seen == []
    await carol.close()
    await plain.close()


@given(st.text(alphabet="aZ09.:/@[]%#?\\-_ \t\né１。xfF", max_size=40).map(lambda rest: f"https://{rest}"))
def test_what_is_asked_has_one_host_for_every_parser(url: str) -> None:
    try:
        address = transport.address_of(url, allow_private=False)
    except RemoteError:
        return
    assert vocabulary.host_of(address.text) == vocabulary.host_of(url) == address.host
    assert address.url.user is address.url.password is None
    assert not address.url.fragment
    host = f"[{address.url.host}]" if ":" in str(address.url.host) else address.url.raw_host
    assert address.host.startswith(str(host))
