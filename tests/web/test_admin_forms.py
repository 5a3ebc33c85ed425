"""Every form of the administration, whoever adds one: it is sent by its own page, or nothing happens."""

import functools
import io
import itertools
import re
from collections.abc import Iterator

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import func, select

from fedicause.instance import Instance
from storage.staff_models import Audit
from tests.conftest import Client, application
from tests.web import staff
from tests.web.staff import Browser

# Nobody is logged in there yet; what they take is checked in test_admin_login and test_admin_second.
DOOR = {"/admin/login", "/admin/login/code"}
# What may stand in the place of a variable: most take a number, some a few words only.
VALUES = ("1", "forest@a.example", "again", "accept", "decline", "allow", "replies", "restore")


def paths(app: web.Application, method: str) -> Iterator[str]:
    """The administration's addresses for a method, with something in every place of a variable."""
    for route in app.router.routes():
        path = route.resource.canonical if route.resource else ""
        if route.method == method and (path == "/admin" or path.startswith("/admin/")) and path not in DOOR:
            assert route.resource is not None
            yield filled(path, route.resource.get_info().get("pattern"))


def filled(path: str, pattern: re.Pattern[str] | None) -> str:
    """The path with something in every place of a variable that fits."""
    variables = re.findall(r"\{\w+\}", path)
    for values in itertools.product(VALUES, repeat=len(variables)):
        made = functools.reduce(
            lambda text, pair: text.replace(*pair, 1), zip(variables, values, strict=True), path
        )
        if pattern is None or pattern.fullmatch(made):
            return made
    raise AssertionError(f"nothing fits {path}")


async def deeds(instance: Instance) -> int:
    async with instance.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(Audit)) or 0


async def test_no_page_and_no_form_is_for_strangers(client: Client, instance: Instance) -> None:
    app = application(instance)
    asked = 0
    for path in paths(app, "GET"):
        answer = await Browser(client).get(path)
        assert answer.status == 303, path
        assert answer.place.startswith("/admin/login"), path
        asked += 1
    for path in paths(app, "POST"):
        answer = await Browser(client).post(path)
        assert (answer.status, answer.place) == (303, "/admin/login"), path
        asked += 1
    assert asked > 12


@pytest.mark.parametrize(
    "origin", ["https://mallory.test", "null", "http://ours.test", "https://ours.test:444"]
)
async def test_no_form_is_taken_from_another_site(client: Client, instance: Instance, origin: str) -> None:
    alice = await staff.come_in(client, instance)
    before = await deeds(instance)
    alice.origin = origin
    for path in [*paths(application(instance), "POST"), *DOOR]:
        assert (await alice.post(path)).status == 403, path
    assert (await alice.get("/admin")).status == 200
    assert await deeds(instance) == before


async def test_no_form_is_taken_from_who_does_not_say_where_it_is_from(
    client: Client, instance: Instance
) -> None:
    alice = await staff.come_in(client, instance)
    for path in [*paths(application(instance), "POST"), *DOOR]:
        assert (await alice.post(path, Origin="")).status == 403, path
        assert (await alice.post(path, Origin="", Sec_Fetch_Site="same-site")).status == 403, path
    answer = await alice.post("/admin/me/sessions", Origin="", Sec_Fetch_Site="same-origin")
    assert answer.status == 303


async def test_no_form_is_taken_without_the_token_of_its_session(client: Client, instance: Instance) -> None:
    alice = await staff.come_in(client, instance)
    mallory = await staff.come_in(client, instance, "reader")
    before = await deeds(instance)
    for path in paths(application(instance), "POST"):
        for token in ("", mallory.csrf, alice.token, alice.csrf + "x", "\u00e9"):
            assert (await alice.post(path, {"csrf": token})).status == 403, path
    assert (await alice.get("/admin")).status == 200
    assert await deeds(instance) == before


async def test_a_form_from_before_the_last_login_is_not_taken(client: Client, instance: Instance) -> None:
    password = await staff.hire(instance, "bob@ours.test", "owner")
    bob = Browser(client)
    await bob.log_in("bob@ours.test", password)
    old = bob.csrf
    await bob.log_in("bob@ours.test", password)
    assert bob.csrf != old
    answer = await bob.post("/admin/me/sessions", {"csrf": old})
    assert answer.status == 403
    assert "from before your last login" in answer.text


async def test_the_token_in_the_form_does_not_lead_to_the_one_in_the_cookie(
    client: Client, instance: Instance
) -> None:
    alice = await staff.come_in(client, instance)
    assert alice.token not in (await alice.get("/admin/me")).text
    assert (await Browser(client, cookies={"__Host-session": alice.csrf}).get("/admin")).status == 303


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"--x\r\nContent-Disposition: form-data\r\n\r\n", "multipart/form-data; boundary=x"),
        (b"nonsense", "multipart/form-data; boundary=x"),
        (b"nonsense", "multipart/form-data"),
        (b"{}", "application/json"),
        (b"csrf=%ff%fe&a=%00", "application/x-www-form-urlencoded"),
        (b"a=1&" * 5000, "application/x-www-form-urlencoded"),
        (b"a" * 100, "application/x-www-form-urlencoded; charset=nonsense"),
    ],
)
async def test_what_is_no_form_is_no_failure_of_ours(
    client: Client, instance: Instance, body: bytes, kind: str
) -> None:
    alice = await staff.come_in(client, instance)
    cookie = f"__Host-session={alice.token}"
    headers = {"Cookie": cookie, "Origin": alice.origin, "Content-Type": kind}
    for path in ("/admin/me/sessions", "/admin/login"):
        async with client.post(path, data=body, headers=headers, allow_redirects=False) as response:
            assert 400 <= response.status < 500, await response.text()


async def test_a_form_that_is_too_large_is_refused(client: Client, instance: Instance) -> None:
    alice = await staff.come_in(client, instance)
    headers = {
        "Cookie": f"__Host-session={alice.token}",
        "Origin": alice.origin,
        "Content-Type": "application/x-www-form-urlencoded",
    }
    body = io.BytesIO(f"csrf={alice.csrf}&more={'x' * (1 << 20)}".encode())
    async with client.post("/admin/me/sessions", data=body, headers=headers) as response:
        assert response.status == 413
        assert "too large" in await response.text()


async def test_a_file_where_text_belongs_is_no_text(client: Client, instance: Instance) -> None:
    alice = await staff.come_in(client, instance)
    headers = {"Cookie": f"__Host-session={alice.token}", "Origin": alice.origin}
    for token, status in ((alice.csrf, 422), ("x", 403)):
        form = aiohttp.FormData({"csrf": token, "role": "reader"})
        form.add_field("email", b"mallory@ours.test", filename="email.txt")
        async with client.post("/admin/staff", data=form, headers=headers) as response:
            assert response.status == status


async def test_looking_changes_nothing(client: Client, instance: Instance) -> None:
    """A mail scanner, or a browser that loads ahead, follows every link."""
    alice = await staff.come_in(client, instance)
    before = await deeds(instance)
    for path in paths(application(instance), "GET"):
        assert (await alice.get(path)).status in {200, 302, 303, 404}, path
    assert await deeds(instance) == before
    assert (await alice.get("/admin/logout")).status == 405
    assert (await alice.get("/admin")).status == 200
