"""What stands before the form: work, limits, and where it was sent from."""

import base64
import json

import altcha
import pytest

from fedicause import meter
from fedicause.instance import Instance
from fedicause.meter import Limit, TooMany
from fedicause.web import guard
from fedicause.web.guard import Guard, Unproven
from storage.columns import to_milliseconds
from storage.models import Campaign
from tests import forms, letters
from tests.clock import Clock
from tests.conftest import Client

ABOUT = "/campaigns/forest"
SIGN = "/campaigns/forest/signatures"


def proof_of(asked: altcha.Challenge) -> str:
    solution = altcha.solve_challenge(asked)
    assert solution is not None
    return altcha.Payload(asked, solution).to_base64()


async def is_proven(keeper: Guard, text: str, about: str = ABOUT) -> bool:
    try:
        return (await keeper.proven(text, about)).by_hand is False
    except Unproven:
        return False


async def test_work_done_is_a_proof(instance: Instance) -> None:
    keeper = Guard(instance)
    proof = proof_of(altcha.Challenge.from_dict(keeper.challenge(ABOUT)))
    assert await is_proven(keeper, proof)
    first, second = await keeper.proven(proof, ABOUT), await keeper.proven(proof, ABOUT)
    assert first == second
    assert len(first.fingerprint) == 64


@pytest.mark.parametrize(
    "text",
    ["", "x", "e30=", "bnVsbA==", "W10=", "eyJjaGFsbGVuZ2UiOiAxfQ==", "A" * 100_000, "ä", "[" * 3000],
)
async def test_what_is_no_proof_is_refused(instance: Instance, text: str) -> None:
    assert not await is_proven(Guard(instance), text)


async def test_a_proof_is_for_one_campaign_and_some_minutes(instance: Instance, clock: Clock) -> None:
    keeper = Guard(instance)
    proof = proof_of(altcha.Challenge.from_dict(keeper.challenge(ABOUT)))
    assert not await is_proven(keeper, proof, "/campaigns/other")
    clock.advance(guard.PROOF_FOR.total_seconds() + 1)
    assert not await is_proven(keeper, proof)


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ("cost", 1),
        ("keyPrefix", ""),
        ("nonce", "00" * 16),
        ("data", {"for": ABOUT, "until": 9_999_999_999_999}),
        ("algorithm", "SHA-256"),
    ],
)
async def test_nobody_makes_the_work_easier(instance: Instance, changed: str, value: object) -> None:
    keeper = Guard(instance)
    asked = keeper.challenge(ABOUT)
    asked["parameters"][changed] = value
    assert not await is_proven(keeper, proof_of(altcha.Challenge.from_dict(asked)))


async def test_a_solution_must_be_one(instance: Instance) -> None:
    keeper = Guard(instance)
    document = json.loads(base64.b64decode(proof_of(altcha.Challenge.from_dict(keeper.challenge(ABOUT)))))
    document["solution"]["counter"] += 1
    assert not await is_proven(keeper, base64.b64encode(json.dumps(document).encode()).decode())


async def test_a_stamp_is_young_old_enough_and_for_one_campaign(instance: Instance, clock: Clock) -> None:
    keeper = Guard(instance)
    stamp = keeper.stamp(ABOUT)
    with pytest.raises(guard.TooSoon):
        keeper.stamped(stamp, ABOUT)
    clock.advance(guard.STAMP_FROM.total_seconds())
    assert keeper.stamped(stamp, ABOUT).by_hand
    for wrong in ("", ".", "1.2.3", stamp[:-1], "9" + stamp, stamp + "ä", f"1{stamp}"):
        with pytest.raises(Unproven):
            keeper.stamped(wrong, ABOUT)
    with pytest.raises(Unproven):
        keeper.stamped(stamp, "/campaigns/other")
    clock.advance(guard.STAMP_FOR.total_seconds())
    with pytest.raises(Unproven):
        keeper.stamped(stamp, ABOUT)


async def test_without_a_script_one_press_more_signs(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    written = forms.BOB | {"reason": "Owls & <elks>", "consent-own": "yes", "shown": "name"}
    first = await forms.post(client, SIGN, written)
    assert (first.status, await letters.waiting(instance)) == (200, [])
    assert "Is this right?" in first.text
    assert written.items() <= first.hidden().items()
    early = await forms.post(client, SIGN, first.hidden())
    assert "That was very quick" in early.text
    assert early.hidden()["stamp"] == first.hidden()["stamp"]
    clock.advance(guard.STAMP_FROM.total_seconds())
    assert (await forms.post(client, SIGN, early.hidden())).status == 303
    assert len(await letters.waiting(instance)) == 1
    # One stamp is good for one form.
    used = await forms.post(client, SIGN, first.hidden() | {"mail": "carol@mail.example"})
    assert used.status == 200
    assert len(await letters.waiting(instance)) == 1


async def test_one_proof_signs_once(client: Client, instance: Instance, campaign: Campaign) -> None:
    proof = await forms.solved(client)
    for number in range(3):
        fields = forms.BOB | {"mail": f"p{number}@mail.example", "altcha": proof}
        assert (await forms.post(client, SIGN, fields)).status == (200 if number else 303)
    assert len(await letters.waiting(instance)) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Origin": "https://ours.test.evil.test"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://ours.test"},
    ],
)
async def test_a_form_on_another_site_is_refused(
    client: Client, instance: Instance, campaign: Campaign, headers: dict[str, str]
) -> None:
    assert (await forms.sign(client, headers=headers)).status == 403
    await forms.sign(client)
    (letter,) = await letters.waiting(instance)
    assert (await forms.post(client, letter.links["decline"], {}, **headers)).status == 403


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "https://ours.test"}],
)
async def test_a_form_of_ours_is_taken(client: Client, campaign: Campaign, headers: dict[str, str]) -> None:
    assert (await forms.sign(client, headers=headers)).status == 303


async def test_only_forms_are_read(client: Client, campaign: Campaign) -> None:
    for body, type_ in ((b"{}", "application/json"), (b"x", "multipart/form-data; boundary=x")):
        async with client.post(SIGN, data=body, headers={"Content-Type": type_}) as answer:
            assert answer.status == 415
    assert (await forms.post(client, SIGN, forms.BOB | {"reason": "x" * 70_000})).status == 413


async def press(client: Client, clock: Clock, number: int, **headers: str) -> int:
    """Signs without a script as somebody of this number; the status."""
    fields = forms.BOB | {"mail": f"p{number}@d{number}.example"}
    once_more = await forms.post(client, SIGN, fields, **headers)
    clock.advance(guard.STAMP_FROM.total_seconds())
    answer = await forms.post(client, SIGN, once_more.hidden(), **headers)
    if answer.status == 429:
        assert int(answer.headers["Retry-After"]) > 0
        assert "Please try again in a few minutes" in answer.text
        assert f'value="p{number}@d{number}.example"' in answer.text
    return answer.status


async def test_a_network_may_sign_so_often(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    statuses = [await press(client, clock, number) for number in range(12)]
    assert statuses.count(429) > 2
    assert statuses[0] == 303
    # Others are not held up, and are told apart by what our own proxy says.
    assert await press(client, clock, 100, **{"X-Forwarded-For": "198.51.100.7"}) == 303
    assert await press(client, clock, 101, **{"X-Forwarded-For": "192.0.2.9, 127.0.0.1"}) == 303
    clock.advance(3600)
    assert await press(client, clock, 200) == 303


async def test_what_a_sender_says_of_itself_is_not_believed(
    client: Client, instance: Instance, campaign: Campaign, clock: Clock
) -> None:
    statuses = [
        await press(client, clock, number, **{"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.7"})
        for number in range(12)
    ]
    assert statuses.count(429) > 2


def charge(keeper: Guard, used: dict[str, int], clock: Clock, network: str, domain: str) -> TooMany | None:
    """Whether there was no room for a form, of which so much is used up."""
    limits = keeper.limits(network, domain, by_hand=False)
    return meter.charge(used, limits, to_milliseconds(clock.now()))


async def test_a_mail_domain_may_sign_so_often(instance: Instance, clock: Clock) -> None:
    keeper, used = Guard(instance), dict[str, int]()
    limit = instance.settings.domain_limit
    assert limit is not None

    def until_refused(domain: str) -> int:
        for number in range(limit * 2):
            if charge(keeper, used, clock, f"{domain} {number}", domain):
                return number
        return limit * 2

    assert until_refused("throwaway.example") <= limit / 2
    assert until_refused("gmail.com") == limit * 2


@pytest.mark.parametrize(("networks", "domains"), [(40, 100_000), (100_000, 7)])
async def test_of_twenty_thousand_bots_in_an_hour_few_get_past(
    instance: Instance, clock: Clock, networks: int, domains: int
) -> None:
    keeper, limits, used, passed = Guard(instance), instance.settings, dict[str, int](), 0
    for number in range(20_000):
        clock.advance(0.18)
        network, domain = f"network {number % networks}", f"d{number % domains}.example"
        passed += charge(keeper, used, clock, network, domain) is None
    assert limits.network_limit is not None
    assert limits.domain_limit is not None
    # What an hour allows, and what may come at once.
    allowed = networks * limits.network_limit if networks < domains else domains * limits.domain_limit
    assert passed <= 1.25 * allowed
    assert passed > 1000


async def test_a_meter_refills_and_is_the_same_for_every_process(instance: Instance, clock: Clock) -> None:
    # Given one key with sixty an hour, of which fifteen may come at once
    one, other = (meter.limit(instance.seal, about, 60) for about in ("one", "other"))

    async def take(*limits: Limit) -> int | None:
        """In a process that remembers nothing; after how many seconds there is room, where there is none."""
        try:
            async with instance.database.writing() as session:
                await meter.pay(session, limits, clock.now())
        except TooMany as full:
            return full.seconds
        return None

    assert {await take(one) for _ in range(15)} == {None}
    # Then there is no more, and nothing else is used up in vain
    assert await take(other, one) == 60
    assert await take(other) is None
    clock.advance(61)
    assert [await take(one), await take(one)] == [None, 59]
    # And of many forms in one transaction only as many pass
    clock.advance(300)
    async with instance.database.writing() as session:
        full = await meter.take(session, [[one], [other], [one], *[[one]] * 5], clock.now())
    assert [each is None for each in full] == [True] * 6 + [False] * 2
