"""The door of the administration: who comes in, and who does not."""

import asyncio
import hashlib
import time

import pytest
from sqlalchemy import func, select

from fedicause.instance import Instance
from fedicause.staffing import login, passwords
from storage import sessions
from storage.staff_models import Attempt, Session
from tests.clock import Clock
from tests.conftest import Client
from tests.web import staff
from tests.web.staff import Browser

WRONG = "Check the address and the password."
MINUTE = 60
HOUR = 3600


async def begin(client: Client, instance: Instance) -> tuple[Browser, str]:
    """Bob's browser at the door, and his password."""
    return Browser(client), await staff.hire(instance, "bob@ours.test", "campaigner")


async def test_who_knows_the_password_comes_in(client: Client, instance: Instance) -> None:
    bob, password = await begin(client, instance)
    answer = await bob.log_in("  Bob@Ours.Test ", password)
    assert (answer.status, answer.place) == (303, "/admin")
    page = await bob.get("/admin")
    assert page.status == 200
    assert "bob@ours.test" in page.text


async def test_the_cookie_is_for_this_host_alone_and_no_script_sees_it(
    client: Client, instance: Instance
) -> None:
    bob, password = await begin(client, instance)
    answer = await bob.log_in("bob@ours.test", password)
    for cookie in answer.headers.getall("Set-Cookie"):
        assert cookie.startswith("__Host-")
        for part in ("HttpOnly", "Secure", "SameSite=Strict", "Path=/"):
            assert part in cookie
        assert "Domain" not in cookie


async def test_only_the_hash_of_a_token_is_kept(client: Client, instance: Instance) -> None:
    bob = await staff.come_in(client, instance)
    async with instance.database.reading() as session:
        kept = await session.scalar(select(Session.token))
    assert kept == hashlib.sha256(bob.token.encode()).digest()


async def test_pages_of_the_staff_are_kept_and_found_by_nobody(client: Client, instance: Instance) -> None:
    bob = await staff.come_in(client, instance, "reader")
    for path in ("/admin", "/admin/me", "/admin/login", "/admin/staff", "/admin/nothing"):
        answer = await (Browser(client) if path == "/admin/login" else bob).get(path)
        if path != "/admin/nothing":
            assert answer.headers["Cache-Control"] == "no-store"
            assert "noindex" in answer.headers["X-Robots-Tag"]
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert "form-action 'self';" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/admin", "/admin/me", "/admin/staff", "/admin/audit", "/admin/me/second"])
async def test_nobody_else_sees_anything(client: Client, instance: Instance, path: str) -> None:
    answer = await Browser(client).get(path)
    assert answer.status == 303
    assert answer.place.startswith("/admin/login")


async def test_who_was_on_the_way_to_a_page_gets_there(client: Client, instance: Instance) -> None:
    bob, password = await begin(client, instance)
    door = await bob.get("/admin/me/second?a=1")
    assert door.place == "/admin/login?next=/admin/me/second%3Fa%3D1"
    page = await bob.get(door.place)
    assert 'name="next" value="/admin/me/second?a=1"' in page.text
    answer = await bob.log_in("bob@ours.test", password, next="/admin/me/second?a=1")
    assert answer.place == "/admin/me/second?a=1"
    assert (await bob.get("/admin/login?next=/admin/me")).place == "/admin/me"


@pytest.mark.parametrize(
    "next_",
    [
        "https://mallory.test/",
        "//mallory.test/admin",
        "/\\mallory.test",
        "/admin\\@mallory.test",
        "/adminmallory",
        "/admin\r\nLocation: https://mallory.test/",
        "/admin/\u2028x",
        "javascript:alert(1)",
        "/admin/logout",
        "/admin/login",
        "",
    ],
)
async def test_the_door_leads_nowhere_else(client: Client, instance: Instance, next_: str) -> None:
    bob, password = await begin(client, instance)
    answer = await bob.log_in("bob@ours.test", password, next=next_)
    assert (answer.status, answer.place) == (303, "/admin")


async def test_unknown_disabled_and_mistyped_are_the_same(
    client: Client, instance: Instance, clock: Clock
) -> None:
    """Nobody learns who runs the instance: same words, same status, same work."""
    _, password = await begin(client, instance)
    await staff.hire(instance, "carol@ours.test", "reader")
    alice = await staff.come_in(client, instance)
    carol = await staff.user(instance, "carol@ours.test")
    assert (await alice.post(f"/admin/staff/{carol.id}/disable")).status == 303
    seen = set()
    for email in ("bob@ours.test", "carol@ours.test", "nobody@ours.test", "no address", "x" * 400):
        answer = await Browser(client).log_in(email, password + "x")
        assert WRONG in answer.text
        shown = answer.text.replace(email[:254], "")
        seen.add((answer.status, shown, answer.headers.get("Set-Cookie")))
    assert len(seen) == 1


async def test_an_unknown_address_takes_as_long_as_a_known_one(client: Client, instance: Instance) -> None:
    """Both hash once: what is compared against is a hash with the same cost as those that are kept."""
    kept = passwords.hashed("one of ours")
    assert login._NOBODY.split("$")[:4] == kept.split("$")[:4]
    checker = login.Checker()
    took = []
    for hash_ in (kept, None):
        began = time.perf_counter()
        for _ in range(3):
            assert not await checker.fits("guess", hash_)
        took.append(time.perf_counter() - began)
    assert max(took) < 3 * min(took)


async def test_a_disabled_user_is_out_at_once(client: Client, instance: Instance) -> None:
    alice = await staff.come_in(client, instance)
    bob = await staff.come_in(client, instance, "moderator")
    assert (await bob.get("/admin")).status == 200
    found = await staff.user(instance, "moderator@ours.test")
    await alice.post(f"/admin/staff/{found.id}/disable")
    assert (await bob.get("/admin")).place.startswith("/admin/login")
    await alice.post(f"/admin/staff/{found.id}/enable")
    assert (await bob.get("/admin")).place.startswith("/admin/login")


async def test_a_session_ends_when_idle_and_in_the_end(
    client: Client, instance: Instance, clock: Clock
) -> None:
    bob = await staff.come_in(client, instance)
    for _ in range(13):
        clock.advance(11 * HOUR)
        assert (await bob.get("/admin")).status == 200
    clock.advance(13 * HOUR)
    assert (await bob.get("/admin")).status == 303
    carol = await staff.come_in(client, instance, "reader")
    for _ in range(15):
        clock.advance(11 * HOUR)
        await carol.get("/admin")
    clock.advance(4 * HOUR)
    assert (await carol.get("/admin")).status == 303


async def test_logging_out_ends_the_session_for_who_copied_the_cookie(
    client: Client, instance: Instance
) -> None:
    bob = await staff.come_in(client, instance)
    thief = Browser(client, cookies=dict(bob.cookies))
    assert (await thief.get("/admin")).status == 200
    assert (await bob.post("/admin/logout")).place == "/admin/login?done=out"
    assert bob.token == ""
    assert (await thief.get("/admin")).status == 303


async def test_a_session_laid_out_by_somebody_else_is_never_taken_up(
    client: Client, instance: Instance
) -> None:
    """Session fixation: coming in gives a new token, and ends the one that was there."""
    mallory = await staff.come_in(client, instance, "reader")
    bob, password = await begin(client, instance)
    for laid_out in (mallory.token, "made-up-by-mallory"):
        bob.cookies["__Host-session"] = laid_out
        assert (await bob.log_in("bob@ours.test", password)).status == 303
        assert bob.token != laid_out
        assert (await Browser(client, cookies={"__Host-session": laid_out}).get("/admin")).status == 303
    assert (await mallory.get("/admin")).status == 303


@pytest.mark.parametrize("token", ["", "x", "'; DROP TABLE sessions; --", "\u00e9" * 40, "x" * 5000])
async def test_a_token_that_is_none_opens_nothing(client: Client, instance: Instance, token: str) -> None:
    bob = Browser(client, cookies={"__Host-session": token})
    assert (await bob.get("/admin")).status in {303, 400}


async def test_a_cookie_under_another_name_opens_nothing(client: Client, instance: Instance) -> None:
    """A subdomain can set a cookie `session` for us, but none with the prefix."""
    bob = await staff.come_in(client, instance)
    assert (await Browser(client, cookies={"session": bob.token}).get("/admin")).status == 303


async def test_guessing_one_password_gets_slower_and_slower(
    client: Client, instance: Instance, clock: Clock
) -> None:
    bob, password = await begin(client, instance)
    statuses = [(await bob.log_in("bob@ours.test", f"guess {n}")).status for n in range(8)]
    assert statuses == [422] * 5 + [429] * 3
    refused = await bob.log_in("bob@ours.test", password)
    assert refused.status == 429, "the right password does not tell itself by coming in meanwhile"
    assert 0 < int(refused.headers["Retry-After"]) <= 15
    guesses, before = 0, clock.now()
    while (clock.now() - before).days < 1:
        answer = await bob.log_in("bob@ours.test", "guess")
        guesses += answer.status == 422
        clock.advance(int(answer.headers.get("Retry-After", 1)) + 1)
    assert guesses < 60


async def test_known_and_unknown_addresses_are_slowed_down_alike(client: Client, instance: Instance) -> None:
    await begin(client, instance)
    for email in ("bob@ours.test", "nobody@ours.test"):
        statuses = [(await Browser(client).log_in(email, f"guess {n}")).status for n in range(7)]
        assert statuses == [422] * 5 + [429] * 2


async def test_a_thousand_guesses_at_once_are_not_one(client: Client, instance: Instance) -> None:
    await begin(client, instance)
    answers = await asyncio.gather(
        *(Browser(client).log_in("bob@ours.test", f"guess {n}") for n in range(30))
    )
    assert sum(answer.status == 422 for answer in answers) <= 5
    assert {answer.status for answer in answers} == {422, 429}


async def test_one_network_cannot_try_one_password_on_everybody(client: Client, instance: Instance) -> None:
    for n in range(33):
        await staff.hire(instance, f"user{n}@ours.test", "reader")
    statuses = [
        (await Browser(client).log_in(f"user{n}@ours.test", "Password1234")).status for n in range(33)
    ]
    assert statuses == [422] * 30 + [429] * 3
    elsewhere = await Browser(client).post(
        "/admin/login", {"email": "user1@ours.test", "password": "x"}, X_Forwarded_For="203.0.113.9"
    )
    assert elsewhere.status == 422
    other = await Browser(client).post(
        "/admin/login",
        {"email": "user2@ours.test", "password": "x"},
        X_Forwarded_For="203.0.113.77, 127.0.0.1",
    )
    assert other.status == 422


async def test_guessing_elsewhere_does_not_lock_out_who_came_in_before(
    client: Client, instance: Instance, clock: Clock
) -> None:
    bob, password = await begin(client, instance)
    await bob.log_in("bob@ours.test", password)
    await bob.post("/admin/logout")
    for n in range(8):
        await Browser(client).log_in("bob@ours.test", f"guess {n}")
    assert (await Browser(client).log_in("bob@ours.test", password)).status == 429
    assert (await bob.log_in("bob@ours.test", password)).status == 303
    # What a browser is known by is good for one address: no way around for others.
    mark = bob.cookies["__Host-device"]
    for n in range(8):
        await Browser(client).log_in("alice@ours.test", f"guess {n}")
    thief = Browser(client, cookies={"__Host-device": mark})
    assert (await thief.log_in("alice@ours.test", "guess")).status == 429
    thief.cookies["__Host-device"] = "forged"
    assert (await thief.log_in("bob@ours.test", password)).status == 429


async def test_failures_are_forgotten_after_a_day_and_after_coming_in(
    client: Client, instance: Instance, clock: Clock
) -> None:
    bob, password = await begin(client, instance)
    for n in range(4):
        await bob.log_in("bob@ours.test", f"guess {n}")
    assert (await bob.log_in("bob@ours.test", password)).status == 303
    fresh = Browser(client)
    for n in range(4):
        assert (await fresh.log_in("bob@ours.test", f"guess {n}")).status == 422
    clock.advance(25 * HOUR)
    await Browser(client).log_in("nobody@ours.test", "guess")
    async with instance.database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Attempt)) == 2


async def test_neither_addresses_nor_networks_are_kept_in_clear(client: Client, instance: Instance) -> None:
    await Browser(client).log_in("nobody@ours.test", "guess")
    async with instance.database.reading() as session:
        keys = list(await session.scalars(select(Attempt.key)))
    assert len(keys) == 2
    known = {hashlib.sha256(value).digest() for value in (b"nobody@ours.test", b"127.0.0.0/24")}
    assert all(len(key) == 32 and key not in known and b"nobody" not in key for key in keys)


async def test_a_crowd_at_the_door_is_bounded(instance: Instance) -> None:
    """Each check takes 64 MiB: a flood waits, or is sent away."""
    checker = login.Checker(at_once=1, waiting=1)
    done = await asyncio.gather(*(checker.fits("guess", None) for _ in range(5)), return_exceptions=True)
    assert [type(each) for each in done].count(login.Wait) == 3
    assert done.count(False) == 2


async def test_a_password_is_taken_as_it_is(client: Client, instance: Instance) -> None:
    bob, password = await begin(client, instance)
    assert (await bob.log_in("bob@ours.test", password)).status == 303
    chosen = "  spaces & <signs> \u00fcml\u00e4ut  "
    changed = await bob.post("/admin/me/password", {"password": password, "new": chosen})
    assert changed.place == "/admin/me?done=password"
    assert (await Browser(client).log_in("bob@ours.test", chosen.strip())).status == 422
    assert (await Browser(client).log_in("bob@ours.test", chosen)).status == 303


async def test_a_new_password_ends_every_other_session_and_the_token_of_this_one(
    client: Client, instance: Instance
) -> None:
    bob, password = await begin(client, instance)
    await bob.log_in("bob@ours.test", password)
    thief = Browser(client, cookies=dict(bob.cookies))
    other = Browser(client)
    await other.log_in("bob@ours.test", password)
    await bob.post("/admin/me/password", {"password": password, "new": "correct horse battery"})
    assert (await bob.get("/admin")).status == 200
    assert (await thief.get("/admin")).status == 303
    assert (await other.get("/admin")).status == 303


@pytest.mark.parametrize(
    ("password", "new", "status"),
    [("wrong", "correct horse battery", 422), (None, "short", 422), (None, "x" * 201, 422)],
)
async def test_a_password_is_not_changed_without_the_old_one_nor_to_a_weak_one(
    client: Client, instance: Instance, password: str | None, new: str, status: int
) -> None:
    bob, right = await begin(client, instance)
    await bob.log_in("bob@ours.test", right)
    answer = await bob.post("/admin/me/password", {"password": password or right, "new": new})
    assert answer.status == status
    assert (await Browser(client).log_in("bob@ours.test", right)).status == 303


async def test_an_open_session_is_no_place_to_guess_the_password(client: Client, instance: Instance) -> None:
    bob = await staff.come_in(client, instance)
    statuses = [
        (
            await bob.post("/admin/me/password", {"password": f"guess {n}", "new": "correct horse battery"})
        ).status
        for n in range(7)
    ]
    assert statuses == [422] * 5 + [429] * 2


async def test_everywhere_else_can_be_logged_out(client: Client, instance: Instance) -> None:
    bob, password = await begin(client, instance)
    other = Browser(client)
    for browser in (bob, other):
        await browser.log_in("bob@ours.test", password)
    assert (await bob.get("/admin/me")).text.count("Last used") == 2
    assert (await bob.post("/admin/me/sessions")).place == "/admin/me?done=sessions"
    assert (await bob.get("/admin/me")).text.count("Last used") == 1
    assert (await other.get("/admin")).status == 303


async def test_ended_sessions_are_swept_when_somebody_comes_in(
    client: Client, instance: Instance, clock: Clock
) -> None:
    await staff.come_in(client, instance)
    clock.advance(13 * HOUR)
    await staff.come_in(client, instance, "reader")
    async with instance.database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Session)) == 1


async def test_a_session_is_seen_but_not_written_at_every_click(
    client: Client, instance: Instance, clock: Clock
) -> None:
    bob = await staff.come_in(client, instance)
    came = clock.now()
    clock.advance(4 * MINUTE)
    await bob.get("/admin")
    assert await seen_at(instance, bob) == came
    clock.advance(2 * MINUTE)
    await bob.get("/admin")
    assert await seen_at(instance, bob) == clock.now()


async def seen_at(instance: Instance, browser: Browser) -> object:
    now = instance.now()
    async with instance.database.reading() as session:
        found = await sessions.by_token(
            session, hashlib.sha256(browser.token.encode()).digest(), now=now, seen_after=now - login.IDLE
        )
    assert found is not None
    return found[0].seen_at


async def test_a_link_in_a_mail_opens_the_page_although_the_cookie_stays_away(
    client: Client, instance: Instance
) -> None:
    """SameSite=Strict: the browser asks once without it, and then again, led by ourselves."""
    answer = await Browser(client).get("/admin/me", Sec_Fetch_Site="cross-site")
    assert answer.status == 200
    assert 'http-equiv="refresh"' in answer.text
    assert (await Browser(client).get("/admin/me", Sec_Fetch_Site="same-origin")).status == 303
