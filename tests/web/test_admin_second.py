"""The second step: an app's codes, and what is for a lost phone."""

import asyncio
import re

import pyotp
import pytest

from fedicause.instance import Instance
from tests.clock import Clock
from tests.conftest import Client
from tests.web import staff
from tests.web.staff import Browser

EMAIL = "bob@ours.test"
_SECRET = re.compile(r'<code class="secret">([A-Z2-7]{32})</code>')
_CODE = re.compile(r'<code class="secret">([a-z0-9]{5}-[a-z0-9]{5})</code>')
_SEALED = re.compile(r'name="sealed" value="([^"]+)"')


async def offered(browser: Browser) -> tuple[str, str]:
    """A secret, and the same sealed for the form."""
    page = await browser.get("/admin/me/second")
    secret, sealed = _SECRET.search(page.text), _SEALED.search(page.text)
    assert secret
    assert sealed
    return secret[1], sealed[1]


async def set_up(client: Client, instance: Instance, role: str = "moderator") -> tuple[str, str, list[str]]:
    """Bob with a second step: his password, secret and recovery codes."""
    password = await staff.hire(instance, EMAIL, role)
    bob = Browser(client)
    await bob.log_in(EMAIL, password)
    secret, sealed = await offered(bob)
    answer = await bob.post(
        "/admin/me/second", {"sealed": sealed, "password": password, "code": staff.code(secret, instance)}
    )
    assert answer.status == 200, answer.text
    return password, secret, _CODE.findall(answer.text)


async def test_after_the_password_comes_the_code(client: Client, instance: Instance, clock: Clock) -> None:
    password, secret, _ = await set_up(client, instance)
    clock.advance(30)
    bob = Browser(client)
    answer = await bob.log_in(EMAIL, password, next="/admin/me")
    assert answer.place == "/admin/login/code?next=/admin/me"
    half = bob.token
    for path in ("/admin", "/admin/me", "/admin/me/second", "/admin/staff"):
        assert (await bob.get(path)).place.startswith("/admin/login/code")
    assert (await bob.post("/admin/me/sessions")).place == "/admin/login/code"
    done = await bob.post("/admin/login/code", {"code": staff.code(secret, instance), "next": "/admin/me"})
    assert (done.status, done.place) == (303, "/admin/me")
    assert bob.token != half
    assert (await bob.get("/admin")).status == 200
    assert (await Browser(client, cookies={"__Host-session": half}).get("/admin")).status == 303


async def test_a_code_opens_once(client: Client, instance: Instance, clock: Clock) -> None:
    """Who looks over a shoulder has half a minute, and it is spent."""
    password, secret, _ = await set_up(client, instance)
    code = staff.code(secret, instance)
    late = Browser(client)
    await late.log_in(EMAIL, password)
    assert (await late.post("/admin/login/code", {"code": code})).status == 422
    clock.advance(30)
    code = staff.code(secret, instance)
    browsers = [Browser(client) for _ in range(4)]
    for browser in browsers:
        await browser.log_in(EMAIL, password)
    answers = await asyncio.gather(*(each.post("/admin/login/code", {"code": code}) for each in browsers))
    assert sorted(answer.status for answer in answers) == [303, 422, 422, 422]
    earlier = staff.code(secret, instance, steps=-1)
    assert (await late.post("/admin/login/code", {"code": earlier})).status == 422


@pytest.mark.parametrize(("steps", "status"), [(-2, 422), (-1, 303), (0, 303), (1, 303), (2, 422)])
async def test_a_phone_may_be_half_a_minute_off(
    client: Client, instance: Instance, clock: Clock, steps: int, status: int
) -> None:
    password, secret, _ = await set_up(client, instance)
    clock.advance(300)
    bob = Browser(client)
    await bob.log_in(EMAIL, password)
    code = staff.code(secret, instance, steps=steps)
    assert (await bob.post("/admin/login/code", {"code": f" {code[:3]} {code[3:]} "})).status == status


async def test_codes_cannot_be_guessed(client: Client, instance: Instance, clock: Clock) -> None:
    password, secret, _ = await set_up(client, instance)
    clock.advance(300)
    answers = []
    for guess in range(9):
        bob = Browser(client)
        await bob.log_in(EMAIL, password)
        answers.append((await bob.post("/admin/login/code", {"code": f"{guess:06}"})).status)
    assert answers == [422] * 5 + [429] * 4
    assert (await bob.post("/admin/login/code", {"code": staff.code(secret, instance)})).status == 429
    clock.advance(16)
    assert (await bob.post("/admin/login/code", {"code": staff.code(secret, instance)})).status == 303


async def test_a_half_session_lasts_ten_minutes(client: Client, instance: Instance, clock: Clock) -> None:
    password, secret, _ = await set_up(client, instance)
    bob = Browser(client)
    await bob.log_in(EMAIL, password)
    clock.advance(601)
    answer = await bob.post("/admin/login/code", {"code": staff.code(secret, instance)})
    assert answer.status == 422
    assert "That took too long" in answer.text
    assert (await bob.get("/admin/login/code")).place == "/admin/login"


async def test_the_form_of_the_second_step_is_guarded_too(
    client: Client, instance: Instance, clock: Clock
) -> None:
    password, secret, _ = await set_up(client, instance)
    clock.advance(60)
    bob = Browser(client)
    await bob.log_in(EMAIL, password)
    code = staff.code(secret, instance)
    assert (await bob.post("/admin/login/code", {"code": code, "csrf": "x"})).status == 403
    assert (await bob.post("/admin/login/code", {"code": code})).status == 303


async def test_a_recovery_code_opens_once_however_it_is_written(client: Client, instance: Instance) -> None:
    password, _, codes = await set_up(client, instance)
    assert len(set(codes)) == 10
    for written, status in ((codes[0].upper().replace("-", " "), 303), (codes[0], 422), (codes[1], 303)):
        bob = Browser(client)
        await bob.log_in(EMAIL, password)
        assert (await bob.post("/admin/login/code", {"code": written})).status == status
    assert "8 recovery codes left" in (await bob.get("/admin/me")).text


async def test_new_recovery_codes_replace_the_old_ones(client: Client, instance: Instance) -> None:
    password, _, codes = await set_up(client, instance)
    bob = Browser(client)
    await bob.log_in(EMAIL, password)
    await bob.post("/admin/login/code", {"code": codes[0]})
    await bob.get("/admin/me")
    assert (await bob.post("/admin/me/second/codes", {"password": "wrong"})).status == 422
    fresh = _CODE.findall((await bob.post("/admin/me/second/codes", {"password": password})).text)
    assert len(set(fresh) - set(codes)) == 10
    for code, status in ((codes[1], 422), (fresh[0], 303)):
        again = Browser(client)
        await again.log_in(EMAIL, password)
        assert (await again.post("/admin/login/code", {"code": code})).status == status


async def test_it_takes_the_password_to_turn_it_on_or_off(
    client: Client, instance: Instance, clock: Clock
) -> None:
    """A session left open is not enough to lock its owner out."""
    password = await staff.hire(instance, EMAIL, "reader")
    bob = Browser(client)
    await bob.log_in(EMAIL, password)
    secret, sealed = await offered(bob)
    form = {"sealed": sealed, "password": "wrong", "code": staff.code(secret, instance)}
    refused = await bob.post("/admin/me/second", form)
    assert (refused.status, "The password is wrong." in refused.text) == (422, True)
    assert secret in refused.text, "the same secret: it is in the app by now"
    assert (await bob.post("/admin/me/second", form | {"password": password, "code": "123"})).status == 422
    assert (await staff.user(instance, EMAIL)).totp_sealed is None
    assert (await bob.post("/admin/me/second", form | {"password": password})).status == 200
    assert (await bob.post("/admin/me/second/off", {"password": "wrong"})).status == 422
    assert (await staff.user(instance, EMAIL)).totp_sealed is not None
    assert (await bob.post("/admin/me/second/off", {"password": password})).status == 303
    assert (await Browser(client).log_in(EMAIL, password)).place == "/admin"


async def test_turning_it_on_logs_out_everywhere_else(client: Client, instance: Instance) -> None:
    password = await staff.hire(instance, EMAIL, "reader")
    bob, other = Browser(client), Browser(client)
    for browser in (bob, other):
        await browser.log_in(EMAIL, password)
    thief = Browser(client, cookies=dict(bob.cookies))
    secret, sealed = await offered(bob)
    form = {"sealed": sealed, "password": password, "code": staff.code(secret, instance)}
    page = await bob.post("/admin/me/second", form)
    assert page.csrf == bob.csrf
    assert (await other.get("/admin")).status == 303
    assert (await thief.get("/admin")).status == 303
    assert (await bob.post("/admin/logout")).place == "/admin/login?done=out"


async def test_an_offer_is_for_one_user_and_half_an_hour(
    client: Client, instance: Instance, clock: Clock
) -> None:
    """Mallory's secret in Alice's form would let Mallory know her codes."""
    mallory = await staff.come_in(client, instance, "reader")
    secret, sealed = await offered(mallory)
    password = await staff.hire(instance, EMAIL, "owner")
    bob = Browser(client)
    await bob.log_in(EMAIL, password)
    own, own_sealed = await offered(bob)
    for given, of in ((sealed, secret), ("forged", own), ("", own)):
        answer = await bob.post(
            "/admin/me/second", {"sealed": given, "password": password, "code": staff.code(of, instance)}
        )
        assert (answer.status, answer.place) == (303, "/admin/me/second?done=late")
    clock.advance(1801)
    late = {"sealed": own_sealed, "password": password, "code": staff.code(own, instance)}
    assert (await bob.post("/admin/me/second", late)).place == "/admin/me/second?done=late"
    assert (await staff.user(instance, EMAIL)).totp_sealed is None


async def test_neither_secret_nor_codes_are_kept_in_clear(client: Client, instance: Instance) -> None:
    _, secret, codes = await set_up(client, instance)
    sealed = (await staff.user(instance, EMAIL)).totp_sealed
    assert sealed is not None
    opened = instance.seal.open(sealed).decode()
    assert secret not in sealed.decode()
    assert not any(code in opened or code.replace("-", "") in opened for code in codes)


async def test_the_app_learns_whose_account_it_is(client: Client, instance: Instance) -> None:
    from fedicause.here import Here
    from fedicause.staffing import second

    offer = second.offer(Here.at(instance), await staff.user(instance, staff.ALICE), "Friends & Co")
    read = pyotp.parse_uri(offer.address)
    assert (read.name, read.issuer, read.secret) == (staff.ALICE, "Friends & Co", offer.secret)
