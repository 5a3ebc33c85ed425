"""What becomes of an activity that we send."""

import asyncio
import json
from datetime import timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from federation import httpsig, keys, vocabulary
from federation.remote import Answer, ForbiddenAddress, Remote, Unreachable
from tests.clock import Clock
from tests.federation.peers import AGENT, KEY, Peer, signer_of

ALICE = "https://ours.test/actors/forest"
ALICES_KEY = keys.SigningKey(f"{ALICE}#main-key", KEY.private)
BODY = json.dumps({"type": "Announce", "actor": ALICE}).encode()


@pytest.fixture(autouse=True)
def inboxes(carol: Peer, mallory: Peer) -> None:
    for peer in (carol, mallory):
        peer.serve("/inbox", b"", status=202)


async def test_an_activity_arrives_signed_by_its_actor(remote: Remote, carol: Peer, clock: Clock) -> None:
    assert await remote.deliver(carol.url("/inbox"), BODY, ALICES_KEY) == Answer(202, None, "cavage")
    (posted,) = carol.seen
    assert (posted.method, posted.body) == ("POST", BODY)
    assert posted.headers["content-type"] == vocabulary.ACTIVITY_JSON
    assert posted.headers["user-agent"] == AGENT
    assert await signer_of(posted, carol, clock.now()) == ALICE


@pytest.mark.parametrize("status", [400, 401])
async def test_a_refused_signature_is_made_by_the_other_scheme_and_that_is_remembered(
    remote: Remote, carol: Peer, clock: Clock, schemes: dict[str, httpsig.Scheme], status: int
) -> None:
    async def only_rfc9421(request: web.Request) -> web.Response:
        return web.Response(status=202 if "Signature-Input" in request.headers else status)

    carol.answer("/inbox", only_rfc9421)
    assert await remote.deliver(carol.url("/inbox"), BODY, ALICES_KEY) == Answer(202, None, "rfc9421")
    assert schemes == {carol.authority: "rfc9421"}
    await remote.deliver(carol.url("/inbox"), BODY, ALICES_KEY)
    assert ["signature-input" in each.headers for each in carol.seen] == [False, True, True]
    assert await signer_of(carol.seen[-1], carol, clock.now()) == ALICE


async def test_a_host_that_goes_back_to_cavage_is_followed(
    remote: Remote, carol: Peer, schemes: dict[str, httpsig.Scheme]
) -> None:
    schemes[carol.authority] = "rfc9421"

    async def only_cavage(request: web.Request) -> web.Response:
        return web.Response(status=401 if "Signature-Input" in request.headers else 202)

    carol.answer("/inbox", only_cavage)
    assert (await remote.deliver(carol.url("/inbox"), BODY, ALICES_KEY)).scheme == "cavage"
    assert schemes == {carol.authority: "cavage"}


async def test_a_host_that_refuses_both_schemes_is_asked_twice_and_nothing_is_remembered(
    remote: Remote, carol: Peer, schemes: dict[str, httpsig.Scheme]
) -> None:
    carol.serve("/inbox", {"error": "no"}, status=401)
    assert (await remote.deliver(carol.url("/inbox"), BODY, ALICES_KEY)).status == 401
    assert len(carol.seen) == 2
    assert schemes == {}


@pytest.mark.parametrize("status", [200, 403, 404, 410, 422, 500])
async def test_every_other_status_is_the_answer_at_once(remote: Remote, carol: Peer, status: int) -> None:
    carol.serve("/inbox", {"error": "no"}, status=status)
    assert (await remote.deliver(carol.url("/inbox"), BODY, ALICES_KEY)).status == status
    assert len(carol.seen) == 1


async def test_how_long_to_wait_is_part_of_the_answer(remote: Remote, carol: Peer) -> None:
    carol.serve("/inbox", b"", status=429, headers={"Retry-After": "30"})
    assert await remote.deliver(carol.url("/inbox"), BODY, ALICES_KEY) == Answer(429, 30.0, "cavage")


async def test_a_refused_signature_tells_whether_the_clocks_agree(
    remote: Remote, carol: Peer, clock: Clock
) -> None:
    date = format_datetime(clock.now() - timedelta(minutes=30), usegmt=True)
    carol.serve("/inbox", {"error": "expired"}, status=401, headers={"Date": date})
    answer = await remote.deliver(carol.url("/inbox"), BODY, ALICES_KEY)
    assert answer.ahead == pytest.approx(-1800, abs=1)


@pytest.mark.parametrize("status", [307, 308])
async def test_an_inbox_that_moved_within_its_host_gets_a_new_signature(
    remote: Remote, carol: Peer, clock: Clock, status: int
) -> None:
    carol.redirect("/old", "/inbox", status=status)
    assert (await remote.deliver(carol.url("/old"), BODY, ALICES_KEY)).status == 202
    assert carol.seen[-1].body == BODY
    assert await signer_of(carol.seen[-1], carol, clock.now()) == ALICE


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_no_other_redirect_of_a_post_is_followed(remote: Remote, carol: Peer, status: int) -> None:
    carol.redirect("/old", "/inbox", status=status)
    assert (await remote.deliver(carol.url("/old"), BODY, ALICES_KEY)).status == status
    assert carol.targets == ["/old"]


async def test_an_activity_is_not_carried_to_another_host(remote: Remote, carol: Peer, mallory: Peer) -> None:
    carol.redirect("/inbox", mallory.url("/inbox"), status=307)
    assert (await remote.deliver(carol.url("/inbox"), BODY, ALICES_KEY)).status == 307
    assert mallory.seen == []


@pytest.mark.parametrize("location", ["", "ftp://carol.test/inbox", "http://["])
async def test_a_redirect_to_nowhere_is_the_answer(remote: Remote, carol: Peer, location: str) -> None:
    carol.redirect("/inbox", location, status=308)
    assert (await remote.deliver(carol.url("/inbox"), BODY, ALICES_KEY)).status == 308


async def test_redirects_of_a_post_end(remote: Remote, carol: Peer) -> None:
    carol.redirect("/a", "/b", status=307)
    carol.redirect("/b", "/a", status=307)
    assert (await remote.deliver(carol.url("/a"), BODY, ALICES_KEY)).status == 307
    assert carol.targets == ["/a", "/b"]
    carol.seen.clear()
    for number in range(10):
        carol.redirect(f"/{number}", f"/{number + 1}", status=307)
    assert (await remote.deliver(carol.url("/0"), BODY, ALICES_KEY)).status == 307
    assert len(carol.seen) == 4


async def test_deliveries_share_a_connection(remote: Remote, carol: Peer) -> None:
    carol.serve("/inbox", {"accepted": True}, status=200)
    for _ in range(5):
        await remote.deliver(carol.url("/inbox"), BODY, ALICES_KEY)
    assert len({each.connection for each in carol.seen}) == 1


async def test_a_connection_is_kept_when_the_text_of_the_answer_comes_later(
    remote: Remote, carol: Peer
) -> None:
    async def slowly(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(status=202)
        await answer.prepare(request)
        await asyncio.sleep(0.05)
        await answer.write(b"accepted")
        return answer

    carol.answer("/inbox", slowly)
    for _ in range(3):
        await remote.deliver(carol.url("/inbox"), BODY, ALICES_KEY)
    assert len({each.connection for each in carol.seen}) == 1


async def test_an_answer_without_end_is_not_listened_to(remote: Remote, carol: Peer) -> None:
    async def talk(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(status=202)
        await answer.prepare(request)
        for _ in range(100):
            await answer.write(b"x" * 65536)
        return answer

    carol.answer("/inbox", talk)
    assert (await remote.deliver(carol.url("/inbox"), BODY, ALICES_KEY)).status == 202


async def test_an_answer_whose_text_never_comes_is_an_answer(remote: Remote, carol: Peer) -> None:
    async def stall(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(status=202)
        await answer.prepare(request)
        await answer.write(b"x")
        await asyncio.sleep(5)
        return answer

    carol.answer("/inbox", stall)
    async with asyncio.timeout(3):
        assert (await remote.deliver(carol.url("/inbox"), BODY, ALICES_KEY, total=0.5)).status == 202


async def test_a_connection_that_was_closed_meanwhile_costs_no_delivery(remote: Remote) -> None:
    posts = 0

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one request a connection, and hangs up when it sees the second."""
        nonlocal posts
        for turn in range(2):
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(len(BODY))
            if turn == 0:
                posts += head.startswith(b"POST")
                writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    inbox = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/inbox"
    assert (await remote.deliver(inbox, BODY, ALICES_KEY)).status == 202
    assert (await remote.deliver(inbox, BODY, ALICES_KEY)).status == 202
    assert posts == 2
    server.close()
    await remote.close()


async def test_a_server_that_always_hangs_up_is_asked_twice_and_unreachable(remote: Remote) -> None:
    connections = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    with pytest.raises(Unreachable):
        await remote.deliver(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/inbox", BODY, ALICES_KEY)
    assert connections == 2
    server.close()


async def test_a_server_that_never_answers_is_unreachable(remote: Remote, carol: Peer) -> None:
    async def sleep(_: web.Request) -> web.Response:
        await asyncio.sleep(1)
        return web.Response()

    carol.answer("/inbox", sleep)
    with pytest.raises(Unreachable):
        await remote.deliver(carol.url("/inbox"), BODY, ALICES_KEY, total=0.2)


async def test_credentials_in_an_inbox_are_refused(remote: Remote, carol: Peer) -> None:
    with pytest.raises(ForbiddenAddress):
        await remote.deliver(f"http://me:secret@{carol.authority}/inbox", BODY, ALICES_KEY)
    assert carol.seen == []
