"""Owners take people in and show them out; what everybody does is in the audit log."""

import json
import re
import zlib

import pytest
from sqlalchemy import select

from fedicause.instance import Instance
from fedicause.staffing import roles
from storage import audit, users
from storage.people_models import Letter
from tests.clock import Clock
from tests.conftest import Client
from tests.web import staff
from tests.web.staff import Browser

_PASSWORD = re.compile(r'<code class="secret">([a-z0-9-]{23})</code>')


async def test_somebody_new_gets_a_letter_and_the_owner_their_password(
    client: Client, instance: Instance
) -> None:
    alice = await staff.come_in(client, instance)
    answer = await alice.post(
        "/admin/staff", {"email": "Bob@Ours.test", "role": "moderator", "language": "de"}
    )
    assert answer.status == 200
    found = _PASSWORD.search(answer.text)
    assert found
    assert (await Browser(client).log_in("bob@ours.test", found[1])).status == 303
    async with instance.database.reading() as session:
        letter = (await session.scalars(select(Letter))).one()
    written = json.loads(zlib.decompress(instance.seal.open(letter.content_sealed)))
    assert (letter.kind, written["to"], written["language"]) == ("staff", "Bob@ours.test", "de")
    assert "https://ours.test/admin/login" in written["text"]
    assert found[1] not in written["text"]
    assert found[1] not in (await alice.get("/admin/staff")).text


@pytest.mark.parametrize(
    ("email", "role", "said"),
    [
        ("alice@OURS.test", "reader", "There is a user with this address already."),
        ("bob", "reader", "This is no mail address."),
        ("bob@ours.test\r\nBcc: x@y.test", "reader", "This is no mail address."),
        ("bob,carol@ours.test", "reader", "This is no mail address."),
        ("bob@localhost", "reader", "This is no mail address."),
        ("bob@ours.test", "king", "This is no mail address."),
        ("", "reader", "This is no mail address."),
    ],
)
async def test_what_cannot_be_is_said_beside_the_field(
    client: Client, instance: Instance, email: str, role: str, said: str
) -> None:
    alice = await staff.come_in(client, instance)
    answer = await alice.post("/admin/staff", {"email": email, "role": role})
    assert answer.status == 422
    assert said in answer.text
    async with instance.database.reading() as session:
        assert len(await users.every(session)) == 2
        assert await session.scalar(select(Letter.id)) is None


async def test_a_role_counts_from_the_next_click(client: Client, instance: Instance) -> None:
    alice = await staff.come_in(client, instance)
    bob = await staff.come_in(client, instance, "reader")
    assert (await bob.get("/admin/staff")).status == 403
    found = await staff.user(instance, "reader@ours.test")
    assert (await alice.post(f"/admin/staff/{found.id}/role", {"role": "owner"})).status == 303
    assert (await bob.get("/admin/staff")).status == 200
    assert (await alice.post(f"/admin/staff/{found.id}/role", {"role": "king"})).status == 400


@pytest.mark.parametrize("role", ["campaigner", "moderator", "reader"])
async def test_only_owners_decide_who_comes_in(client: Client, instance: Instance, role: str) -> None:
    bob = await staff.come_in(client, instance, role)
    alice = await staff.user(instance, staff.ALICE)
    assert (await bob.get("/admin")).status == 200
    for path in ("/admin/staff", "/admin/audit"):
        answer = await bob.get(path)
        assert answer.status == 403
        assert staff.ALICE not in answer.text
        assert f'href="{path}"' not in answer.text
    for what in ("role", "disable", "enable", "password", "second"):
        answer = await bob.post(f"/admin/staff/{alice.id}/{what}", {"role": "reader"})
        assert answer.status == 403
    assert (await bob.post("/admin/staff", {"email": "x@ours.test", "role": "owner"})).status == 403
    async with instance.database.reading() as session:
        assert [each.role for each in await users.every(session)] == ["owner", role]


def test_each_role_may_what_the_one_below_it_may() -> None:
    before: set[str] = set()
    for role in reversed(users.ROLES):
        rights = {right for right in roles.RIGHTS if roles.may(role, right)}
        assert before < rights
        before = rights
    assert before == roles.RIGHTS
    assert not roles.may("king", "read")


async def test_nobody_shows_themselves_out(client: Client, instance: Instance) -> None:
    alice = await staff.come_in(client, instance)
    own = await staff.user(instance, "owner@ours.test")
    for what in ("role", "disable", "password", "second"):
        assert (await alice.post(f"/admin/staff/{own.id}/{what}", {"role": "reader"})).status == 404
    for unknown in (9999, 10**17):
        assert (await alice.post(f"/admin/staff/{unknown}/disable")).status == 404


async def test_of_two_owners_who_remove_each_other_one_stays(client: Client, instance: Instance) -> None:
    from fedicause.here import Here
    from fedicause.staffing import staff as verbs

    await staff.come_in(client, instance)
    alice, bob = await staff.user(instance, staff.ALICE), await staff.user(instance, "owner@ours.test")
    here = Here.at(instance)
    async with instance.database.writing() as session:
        await verbs.disable(session, here, alice.id)
    with pytest.raises(verbs.LastOwner):
        async with instance.database.writing() as session:
            await verbs.disable(session, here, bob.id)
    with pytest.raises(verbs.LastOwner):
        async with instance.database.writing() as session:
            await verbs.give_role(session, bob.id, "reader")


async def test_a_forgotten_password_is_replaced_and_every_session_ended(
    client: Client, instance: Instance
) -> None:
    alice = await staff.come_in(client, instance)
    bob = await staff.come_in(client, instance, "moderator")
    found = await staff.user(instance, "moderator@ours.test")
    answer = await alice.post(f"/admin/staff/{found.id}/password")
    fresh = _PASSWORD.search(answer.text)
    assert fresh
    assert (await bob.get("/admin")).status == 303
    assert (await Browser(client).log_in("moderator@ours.test", fresh[1])).status == 303


async def test_the_audit_log_says_who_did_what(client: Client, instance: Instance) -> None:
    alice = await staff.come_in(client, instance)
    await alice.post("/admin/staff", {"email": "bob@ours.test", "role": "reader"})
    bob = await staff.user(instance, "bob@ours.test")
    await alice.post(f"/admin/staff/{bob.id}/role", {"role": "moderator"})
    await alice.post(f"/admin/staff/{bob.id}/disable")
    async with instance.database.reading() as session:
        page = await audit.page(session, limit=10)
    assert [(each.email, each.deed, each.about) for each in page.entries] == [
        ("owner@ours.test", "user.disable", "bob@ours.test: moderator"),
        ("owner@ours.test", "user.role", "bob@ours.test: moderator"),
        ("owner@ours.test", "user.add", "bob@ours.test: reader"),
        ("owner@ours.test", "login", ""),
    ]
    shown = (await alice.get("/admin/audit")).text
    assert shown.index("disabled a user") < shown.index("changed a role") < shown.index("added a user")


async def test_what_failed_is_no_deed(client: Client, instance: Instance) -> None:
    alice = await staff.come_in(client, instance)
    await alice.post("/admin/staff", {"email": "alice@ours.test", "role": "reader"})
    await alice.post("/admin/me/password", {"password": "wrong", "new": "correct horse battery"})
    async with instance.database.reading() as session:
        assert [each.deed for each in (await audit.page(session, limit=10)).entries] == ["login"]


async def test_the_audit_log_is_read_page_by_page(client: Client, instance: Instance) -> None:
    alice = await staff.come_in(client, instance)
    own = await staff.user(instance, "owner@ours.test")
    async with instance.database.writing() as session:
        for number in range(120):
            user_id = own.id if number % 2 else None
            await audit.add(
                session, user_id=user_id, deed="test", about=f"deed {number:03}", now=instance.now()
            )

    async def walk(query: str) -> list[list[str]]:
        pages, link = [], f"/admin/audit{query}"
        while link:
            text = (await alice.get(link)).text
            pages.append(re.findall(r"deed (\d{3})", text))
            found = re.search(r'rel="next" href="([^"]+)"', text)
            link = found[1].replace("&amp;", "&") if found else ""
        return pages

    everybody = await walk("")
    assert [len(page) for page in everybody] == [50, 50, 20]
    assert [*everybody[0], *everybody[1], *everybody[2]] == [
        f"{number:03}" for number in reversed(range(120))
    ]
    one = await walk(f"?user={own.id}")
    assert [len(page) for page in one] == [50, 10]
    newer = (await alice.get("/admin/audit?after=1")).text
    assert "deed 000" in newer
    for query in ("?before=x", "?user=-1", "?after=" + "9" * 30):
        assert (await alice.get(f"/admin/audit{query}")).status == 404


@pytest.mark.parametrize(
    "evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7777*7777 }}"]
)
async def test_what_somebody_wrote_runs_nowhere(client: Client, instance: Instance, evil: str) -> None:
    alice = await staff.come_in(client, instance)
    async with instance.database.writing() as session:
        await audit.add(session, user_id=None, deed=evil[:64], about=evil, now=instance.now())
    pages = [
        await alice.get("/admin/audit"),
        await alice.get("/admin"),
        await alice.post("/admin/staff", {"email": evil, "role": evil}),
        await Browser(client).log_in(evil, evil, next=evil),
        await alice.get("/admin?done=" + evil.replace("#", "")),
    ]
    for page in pages:
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert "60481729" not in page.text


async def test_the_overview_shows_what_waits_to_those_who_may_look(
    client: Client, instance: Instance, clock: Clock
) -> None:
    bob = await staff.come_in(client, instance, "reader")
    page = (await bob.get("/admin")).text
    assert "Nothing. All is done." in page
    assert "Your latest deeds" in page
    assert "Set up the second step" in page


@pytest.mark.parametrize("language", ["en", "it", "de", "fr"])
async def test_the_staff_chooses_a_language_once(client: Client, instance: Instance, language: str) -> None:
    bob = await staff.come_in(client, instance, "reader")
    assert f'<html lang="{language}">' in (await bob.get(f"/admin?lang={language}")).text
    assert f'<html lang="{language}">' in (await bob.get("/admin/me", Accept_Language="pl")).text
    assert '<html lang="en">' in (await Browser(client).get("/admin/login?lang=xx")).text
