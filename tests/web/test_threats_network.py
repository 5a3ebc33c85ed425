"""Where our server may be sent by strangers: public addresses, few redirects, ActivityPub documents."""

import json

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from fedicause.instance import Instance
from storage import local_actors
from tests import signing
from tests.conftest import Client
from tests.federation.test_addresses import SPECIAL
from tests.fediverse import Fediverse, Server
from tests.people import Person
from tests.web import counting

NUMERIC = [each for each in SPECIAL if each and (":" in each or each.count(".") == 3)]

pytestmark = [
    pytest.mark.usefixtures("campaign"),
    # What is refused here never reaches a database.
    pytest.mark.parametrize("dialect", ["sqlite"], indirect=True),
]


@pytest.fixture
async def inside(fediverse: Fediverse) -> Server:
    """A server in our own network, where Mallory has an account: reached, it would vouch for her."""
    server = await fediverse.server("inside.test")
    del fediverse.names.names["inside.test"]
    return server


@pytest.fixture
async def mallory(fediverse: Fediverse) -> Person:
    return await (await fediverse.server("mallory.test")).person("mallory")


async def signed_by(person: Person, key_id: str) -> signing.Request:
    """A Like by `person`, whose key is said to be elsewhere."""
    key = signing.Key(key_id, person.key.private)
    return person.signed(counting.like(person.uri), counting.INBOX, key=key)


async def test_a_name_of_a_special_address_is_never_asked(
    inside: Server, client: Client, fediverse: Fediverse
) -> None:
    for number, address in enumerate(NUMERIC):
        fediverse.internet.host(address, inside)
        host = f"h{number}.inside.test"
        fediverse.names.names[host] = [[address]]
        uri = f"https://{host}/users/mallory"
        key = signing.Key(f"{uri}#main-key", (await inside.person("mallory")).key.private)
        said = inside.people["mallory"].signed(counting.like(uri), counting.INBOX, key=key)
        assert (await fediverse.send(said)).status == 401, address
    assert fediverse.internet.dialled == []
    assert inside.asked == []
    assert await counting.endorsements(client, fediverse) == 0


async def test_a_special_address_in_a_key_id_is_never_asked(
    inside: Server, client: Client, fediverse: Fediverse
) -> None:
    """A resolver of one's own never sees literals: aiohttp dials them by themselves."""
    mallory = await inside.person("mallory")
    for address in NUMERIC:
        fediverse.internet.host(address, inside)
        uri = f"https://[{address}]/users/mallory" if ":" in address else f"https://{address}/users/mallory"
        key = signing.Key(f"{uri}#main-key", mallory.key.private)
        said = mallory.signed(counting.like(uri), counting.INBOX, key=key)
        assert (await fediverse.send(said)).status in (400, 401), address
    assert fediverse.internet.dialled == []
    assert inside.asked == []


async def test_a_key_id_that_is_no_public_https_address_is_refused(
    mallory: Person, client: Client, fediverse: Fediverse
) -> None:
    for key_id in (
        "http://mallory.test/users/mallory#main-key",
        "https://mallory.test.:443/users/mallory#main-key",
        "https://user@mallory.test/users/mallory#main-key",
        "https://2130706433/users/mallory#main-key",
        "https://0x7f.1/users/mallory#main-key",
        "https://127.1/users/mallory#main-key",
        "file:///etc/passwd",
        "acct:mallory@mallory.test",
        "mallory.test/users/mallory",
    ):
        answer = await fediverse.send(await signed_by(mallory, key_id))
        assert answer.status in (400, 401), key_id
    assert mallory.server.asked == []
    assert fediverse.internet.dialled == []


async def test_of_a_name_with_a_public_and_a_private_address_the_private_one_is_never_dialled(
    mallory: Person, inside: Server, client: Client, fediverse: Fediverse
) -> None:
    """DNS rebinding: the public address is dead, so that the next one of the same name is tried."""
    await mallory.server.stop()
    public = fediverse.names.names.setdefault("mallory.test", [["93.184.216.10"]])[0]
    public += ["127.0.0.1", "::1"]
    fediverse.internet.host("127.0.0.1", inside)
    await mallory.like(counting.NOTE)
    assert set(fediverse.internet.dialled) <= {"93.184.216.10", "93.184.216.11"}
    assert inside.asked == []
    assert await counting.endorsements(client, fediverse) == 0


async def test_a_redirect_into_our_own_network_is_not_followed(
    mallory: Person, inside: Server, client: Client, fediverse: Fediverse
) -> None:
    fediverse.internet.host("10.0.0.1", inside)
    fediverse.names.names["inside.test"] = [["10.0.0.1"]]
    for number, location in enumerate(
        ("https://inside.test/a", "https://10.0.0.1/a", "http://mallory.test/a", "file:///etc/passwd")
    ):
        path = f"/key/{number}"
        redirect(mallory.server, path, location)
        said = await signed_by(mallory, f"https://mallory.test{path}")
        assert (await fediverse.send(said)).status == 401, location
    assert inside.asked == []
    assert await counting.endorsements(client, fediverse) == 0


def redirect(server: Server, path: str, location: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": location})

    server.documents[path] = answer


async def test_redirects_without_end_are_given_up(
    mallory: Person, client: Client, fediverse: Fediverse
) -> None:
    async def further(request: web.Request) -> web.Response:
        number = int(request.path.rpartition("/")[2]) + 1
        return web.Response(status=302, headers={"Location": f"/on/{number}"})

    for number in range(100):
        mallory.server.documents[f"/on/{number}"] = further
    redirect(mallory.server, "/loop", "/loop")
    assert (await fediverse.send(await signed_by(mallory, "https://mallory.test/loop"))).status == 401
    assert mallory.server.fetches() == 1
    assert (await fediverse.send(await signed_by(mallory, "https://mallory.test/on/0"))).status == 401
    assert mallory.server.fetches() == 1 + 4


async def test_a_redirect_is_followed_with_a_signature_of_its_own(
    mallory: Person, client: Client, instance: Instance, fediverse: Fediverse
) -> None:
    redirect(mallory.server, "/old", "/older")
    redirect(mallory.server, "/older", "/users/mallory")
    key = signing.Key("https://mallory.test/old#main-key", mallory.key.private)
    document = mallory.document
    document["publicKey"]["id"] = key.id
    mallory.server.documents["/users/mallory"] = document
    said = mallory.signed(counting.like(mallory.uri), counting.INBOX, key=key)
    assert (await fediverse.send(said)).status == 202
    async with instance.database.reading() as session:
        public = load_pem_public_key((await local_actors.instance(session)).rsa_public.encode())
    asked = [each.request for each in mallory.server.asked]
    assert [signing.target(each.url) for each in asked] == ["/old", "/older", "/users/mallory"]
    for request in asked:
        assert signing.holds(request, public)  # type: ignore[arg-type]
        assert 'keyId="https://ours.test/actor#main-key"' in (request.header("signature") or "")


@pytest.fixture
async def uploads(mallory: Person) -> dict[str, str]:
    """Mallory uploads her actor document to Bob's server as a file: by path, the type it is served with."""
    types: dict[str, str] = {}

    async def answer(request: web.Request) -> web.Response:
        uri = f"https://mallory.test{request.path}"
        document = mallory.document | {"id": uri}
        document["publicKey"] = {
            "id": f"{uri}#main-key",
            "owner": uri,
            "publicKeyPem": mallory.key.pem,
        }
        return web.Response(body=json.dumps(document).encode(), headers={"Content-Type": types[request.path]})

    for number in range(20):
        mallory.server.documents[f"/files/{number}"] = answer
    return types


async def test_only_activitypub_media_types_make_a_document(
    uploads: dict[str, str], mallory: Person, client: Client, fediverse: Fediverse
) -> None:
    """Else whoever may upload a file speaks as an actor of that host (CVE-2024-25623)."""
    wrong = [
        "text/plain",
        "text/html; charset=utf-8",
        "application/json",
        "application/octet-stream",
        "image/png",
        "application/ld+json",
        'application/ld+json; profile="https://example.org/"',
        "application/activity+json+zip",
        "text/plain; application/activity+json",
    ]
    right = [
        "application/activity+json; charset=utf-8",
        'application/ld+json; profile="https://www.w3.org/ns/activitystreams"',
    ]
    for number, kind in enumerate(wrong + right):
        uploads[f"/files/{number}"] = kind
        uri = f"https://mallory.test/files/{number}"
        key = signing.Key(f"{uri}#main-key", mallory.key.private)
        answer = await fediverse.send(mallory.signed(counting.like(uri), counting.INBOX, key=key))
        assert answer.status == (202 if kind in right else 401), kind
    assert await counting.endorsements(client, fediverse) == len(right)
