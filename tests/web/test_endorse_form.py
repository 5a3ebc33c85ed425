"""From a handle to the post on somebody's own server."""

from urllib.parse import parse_qs, urlsplit

import pytest
from multidict import CIMultiDictProxy

from fedicause.instance import Instance
from fedicause.web import endorse
from storage.models import Campaign
from tests.conftest import Client
from tests.fediverse import Fediverse
from tests.web import writing

NOTE = "https://ours.test/campaigns/forest"


async def ask(client: Client, handle: str, **more: str) -> tuple[int, CIMultiDictProxy[str], str]:
    async with client.get(
        "/campaigns/forest/endorse",
        params={"handle": handle, **more},
        headers={"Accept": "text/html", "Accept-Language": "en"},
        allow_redirects=False,
    ) as response:
        return response.status, response.headers, await response.text()


@pytest.mark.parametrize(
    "written", ["@bob@elsewhere.test", "bob@elsewhere.test", " https://elsewhere.test/@bob "]
)
async def test_a_handle_leads_home(
    client: Client, fediverse: Fediverse, campaign: Campaign, written: str
) -> None:
    await (await fediverse.server("elsewhere.test")).person("bob")
    status, headers, _ = await ask(client, written)
    assert status == 303
    target = urlsplit(headers["Location"])
    assert target.hostname == "elsewhere.test"
    assert parse_qs(target.query)["uri"] == [NOTE]
    assert headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in headers


async def test_the_same_handle_is_asked_about_once(
    client: Client, fediverse: Fediverse, campaign: Campaign
) -> None:
    elsewhere = await fediverse.server("elsewhere.test")
    await elsewhere.person("bob")
    for _ in range(5):
        assert (await ask(client, "@bob@elsewhere.test"))[0] == 303
    assert elsewhere.fetches("/.well-known/webfinger?resource=acct:bob@elsewhere.test") <= 1
    assert len(elsewhere.asked) <= 2


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("bob", "A handle has a name and a server"),
        ("@bob@", "A handle has a name and a server"),
        ('"><script>alert(1)</script>', "A handle has a name and a server"),
        ("@nobody@elsewhere.test", "it knows nobody of this name"),
        ("@bob@nowhere.test", "That server does not answer"),
        ("@forest@ours.test", "That is a handle on this server"),
    ],
)
async def test_what_leads_nowhere_is_explained_and_the_handle_kept(
    client: Client, fediverse: Fediverse, campaign: Campaign, written: str, said: str
) -> None:
    await (await fediverse.server("elsewhere.test")).person("bob")
    status, headers, html = await ask(client, written)
    assert status == 422
    assert said in html
    kept = written.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;")
    assert f'value="{kept}"' in html
    assert "<script>alert" not in html
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1"])
async def test_the_form_reaches_nothing_inside(client: Client, campaign: Campaign, host: str) -> None:
    status, _, html = await ask(client, f"@bob@{host}")
    assert status == 422
    assert 'id="problem"' in html


async def test_the_form_is_no_weapon_against_one_host(
    client: Client, fediverse: Fediverse, campaign: Campaign
) -> None:
    victim = await fediverse.server("victim.test")
    victim.status = 404
    answers = [
        (await ask(client, f"@bob{number}@victim.test"))[0] for number in range(endorse.A_MINUTE * 2 + 5)
    ]
    assert answers[-1] == 429
    assert answers.count(422) <= endorse.A_MINUTE * 2


async def test_a_closed_campaign_leads_back_to_its_page(
    client: Client, instance: Instance, campaign: Campaign
) -> None:
    await writing.end(instance, "forest")
    status, headers, _ = await ask(client, "@bob@elsewhere.test")
    assert status == 303
    assert headers["Location"].startswith("/campaigns/forest")


async def test_without_a_handle_the_page_is_shown_again(client: Client, campaign: Campaign) -> None:
    status, headers, _ = await ask(client, "  ")
    assert (status, headers["Location"]) == (303, "/campaigns/forest#endorse")


async def test_an_unknown_campaign_has_no_form(client: Client) -> None:
    assert (await ask(client, "@bob@elsewhere.test"))[0] == 404
