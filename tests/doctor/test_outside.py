"""What the doctor finds at the public address: names, certificate, and what a proxy does to requests."""

import asyncio

import pytest
from aiohttp import web

from fedicause import looking_glass
from fedicause.instance import Instance
from tests.doctor.conftest import ADDRESS, Patient
from tests.web.reading import Client

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


async def test_an_instance_that_is_well_has_nothing_but_good_findings(patient: Patient) -> None:
    found = await patient.examine()
    outside = {name: each.state for name, each in found.items() if each.group in {"names", "outside"}}
    asked = {"dns", "port", "certificate", "tls", "answer", "redirect", "inbox", "proxy", "visitors"}
    assert outside == dict.fromkeys({*asked, "webfinger", "actor"}, "ok")


async def test_a_name_that_nobody_finds_leads_nowhere_or_to_a_private_place_is_told(patient: Patient) -> None:
    patient.zone.records[("ours.test", "A")] = ["10.0.0.7"]
    found = (await patient.examine())["dns"]
    assert (found.state, "10.0.0.7" in found.text) == ("problem", True)
    patient.zone.records.clear()
    found = (await patient.examine())["dns"]
    assert (found.state, "A record" in found.advice) == ("problem", True)
    patient.zone.records[("ours.test", "A")] = [ADDRESS]
    patient.doors.ports[443] = 1
    found = (await patient.examine())["port"]
    assert (found.state, "firewall" in found.advice) == ("problem", True)


async def test_without_a_name_server_the_doctor_comes_to_an_end(patient: Patient) -> None:
    patient.zone.silent = True
    began = asyncio.get_running_loop().time()
    found = (await patient.examine())["dns"]
    assert asyncio.get_running_loop().time() - began < 15
    assert (found.state, "name server" in found.advice) == ("warning", True)


@pytest.mark.parametrize(
    ("name", "days", "state", "text"),
    [
        ("ours.test", (-1, 10), "warning", "days more"),
        ("ours.test", (-9, -2), "problem", "expired"),
        ("ours.test", (2, 9), "problem", "not valid yet"),
        ("other.test", (-1, 90), "problem", "not for ours.test"),
    ],
)
async def test_a_certificate_that_others_refuse_or_soon_will_is_told(
    patient: Patient, name: str, days: tuple[int, int], state: str, text: str
) -> None:
    await patient.certify(name, days)
    found = (await patient.examine())["certificate"]
    assert (found.state, text in found.text, bool(found.advice)) == (state, True, True)


async def test_a_certificate_of_nobody_known_and_no_tls_at_all_are_told(patient: Patient) -> None:
    patient.doors.ports[443] = patient.doors.ports[80]
    assert "no usable TLS" in (await patient.examine())["certificate"].text
    patient.doors.ports[443] = patient.front.port
    patient.authority = type(patient.authority)()
    found = (await patient.examine())["certificate"]
    assert (found.state, "chain" in found.advice or "public authority" in found.advice) == ("problem", True)


async def test_a_proxy_that_changes_what_signatures_cover_is_told(patient: Patient) -> None:
    patient.front.host = "127.0.0.1:8000"
    assert "$http_host" in (await patient.wrong())["proxy"]
    patient.front.host, patient.front.decoding = None, True
    assert "proxy" in await patient.wrong()
    patient.front.decoding = False
    assert await patient.wrong() == {}


@pytest.mark.parametrize("way", ["drop", "pass"])
async def test_a_proxy_that_hides_who_asks_or_lets_them_say_it_is_told(patient: Patient, way: str) -> None:
    patient.front.forwarding = way
    assert "X-Forwarded-For" in (await patient.wrong())["visitors"]


async def test_a_proxy_that_mixes_pages_and_documents_is_told(patient: Patient) -> None:
    patient.front.accept = "text/html"
    assert {"actor", "proxy"} <= (await patient.wrong()).keys()
    patient.front.accept, patient.front.keeps = None, True
    assert "Vary" in (await patient.wrong())["actor"]
    patient.front.keeps, patient.front.drops = False, {"Vary"}
    assert "Vary" in (await patient.wrong())["actor"]


async def test_a_proxy_that_keeps_activities_away_is_told(patient: Patient) -> None:
    patient.front.limit = 1024 * 1024 - 1
    assert "client_max_body_size" in (await patient.wrong())["inbox"]
    patient.front.own["/inbox"] = web.Response(status=405, text="no")
    assert "POST" in (await patient.wrong())["inbox"]
    patient.front.own["/.well-known/webfinger"] = web.Response(status=404)
    assert "webfinger" in await patient.wrong()


async def test_another_site_and_a_proxy_without_an_instance_are_told(patient: Patient) -> None:
    patient.front.own["/healthz"] = web.Response(text="It works!")
    assert "something else" in (await patient.examine())["answer"].text
    patient.front.own["/healthz"] = web.Response(status=502)
    assert "fedicause serve" in (await patient.examine())["answer"].advice


async def test_a_server_with_another_secret_is_told(patient: Patient) -> None:
    other = patient.directory / "other"
    other.write_bytes(patient.settings.secret_file.read_bytes().swapcase())
    other.chmod(0o600)
    patient.at(secret_file=other)
    assert "restart" in (await patient.examine())["proxy"].advice


async def test_how_requests_arrive_is_told_to_nobody_without_the_secret(
    instance: Instance, client: Client
) -> None:
    good = looking_glass.ticket(instance.seal, instance.now())
    async with client.get(looking_glass.PATH, headers={looking_glass.HEADER: good}) as answer:
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    old = looking_glass.ticket(instance.seal, instance.now() - 2 * looking_glass.VALID)
    for given in (None, "", "1.a.b", old, good[:-1] + ("0" if good[-1] != "0" else "1"), "9" * 5000, "²..."):
        headers = {} if given is None else {looking_glass.HEADER: given.encode().decode("latin-1")}
        async with client.get(looking_glass.PATH, headers=headers) as answer:
            assert answer.status == 404
