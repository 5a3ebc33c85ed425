"""What the doctor finds about letters: the server that takes them, and what the DNS says of their domain."""

import ipaddress
from pathlib import Path
from urllib.parse import quote

import pytest

from fedicause.doctor import mail, spf
from fedicause.finding import Finding
from tests.doctor.conftest import Patient
from tests.doctor.dns import open_zone
from tests.postbox import PASSWORD, certificate, open_postbox

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
SENDER = "mail.ours.test"


async def look(patient: Patient, url: str) -> dict[str, Finding]:
    patient.at(smtp=url, mail_from="Friends <campaigns@ours.test>")
    return {each.name: each for each in await mail.look(patient.settings, patient.through)}


async def test_a_mail_server_is_greeted_and_gets_no_letter(patient: Patient, tmp_path: Path) -> None:
    async with open_postbox(starttls=certificate(tmp_path), logins=True) as box:
        login = f"smtp://{quote('alice@ours.test')}:{{}}@127.0.0.1:{box.port}"
        found = await look(patient, login.format(quote(PASSWORD, safe="")))
        assert found["mail server"].state == "ok"
        found = await look(patient, login.format("wrong"))
        assert (found["mail server"].state, "535" in found["mail server"].text) == ("problem", True)
        assert "wrong" not in found["mail server"].text
    assert box.arrived == []
    found = await look(patient, box.url)
    assert (found["mail server"].state, "FEDICAUSE_SMTP" in found["mail server"].advice) == ("problem", True)


async def test_a_letter_is_sent_where_one_is_asked_for(patient: Patient, tmp_path: Path) -> None:
    async with open_postbox() as box:
        patient.at(smtp=box.url)
        told = await mail.send(patient.settings, "Friends", "bob@people.test", patient.clock.now())
        assert (told.state, box.addressees) == ("ok", ["bob@people.test"])
        box.answers["bob@people.test"] = "550 no such user"
        told = await mail.send(patient.settings, "Friends", "bob@people.test", patient.clock.now())
        assert (told.state, "550" in told.text) == ("problem", True)


async def test_the_domain_of_letters_says_who_sends_them_and_takes_what_returns(patient: Patient) -> None:
    url = f"smtp://{SENDER}:1"
    patient.zone.records |= {(SENDER, "A"): ["192.0.2.25"], ("other.test", "A"): ["192.0.2.99"]}
    found = await look(patient, url)
    assert {name: each.state for name, each in found.items()} == {
        "mail server": "problem",
        "spf": "warning",
        "dmarc": "warning",
        "returns": "ok",
        "dkim": "ok",
    }
    patient.zone.records |= {
        ("ours.test", "TXT"): ['"v=spf1 include:_spf.ours.test -all"', '"something else"'],
        ("_spf.ours.test", "TXT"): ['"v=spf1 ip4:192.0.2.0/27" " ~all"'],
        ("_dmarc.ours.test", "TXT"): ['"v=DMARC1; p=reject"'],
        ("ours.test", "MX"): ["10 mail.ours.test."],
    }
    found = await look(patient, url)
    assert [found[name].state for name in ("spf", "dmarc", "returns")] == ["ok", "ok", "ok"]
    patient.zone.records[("_spf.ours.test", "TXT")] = ['"v=spf1 a:other.test -all"']
    patient.zone.records[("ours.test", "MX")] = ["0 ."]
    found = await look(patient, url)
    assert (found["spf"].state, "a:mail.ours.test" in found["spf"].advice) == ("warning", True)
    assert (found["returns"].state, "MX" in found["returns"].advice) == ("warning", True)


@pytest.mark.parametrize(
    ("record", "verdict"),
    [
        ("v=spf1 ip4:192.0.2.25 -all", "pass"),
        ("v=spf1 ip6:2001:db8::/32 -all", "fail"),
        ("v=spf1 a -all", "pass"),
        ("v=spf1 a/24 -all", "pass"),
        ("v=spf1 mx ~all", "pass"),
        ("v=spf1 mx:empty.test ?all", "neutral"),
        ("v=spf1 redirect=strict.test", "softfail"),
        ("v=spf1 include:strict.test", "neutral"),
        ("v=spf1 include:loop.test -all", "unclear"),
        ("v=spf1 exists:%{i}.x.test -all", "unclear"),
        ("v=spf1 include:gone.test -all", "unclear"),
        ("v=spf10 +all", "none"),
    ],
)
async def test_spf_is_read_as_receivers_read_it(record: str, verdict: str, dialect: str) -> None:
    records = {
        ("a.test", "TXT"): [f'"{record}"'],
        ("a.test", "A"): ["192.0.2.25"],
        ("a.test", "MX"): ["5 mx.test."],
        ("mx.test", "A"): ["192.0.2.25"],
        ("strict.test", "TXT"): ['"v=spf1 ~all"'],
        ("loop.test", "TXT"): ['"v=spf1 include:loop.test -all"'],
    }
    async with open_zone(records) as zone:
        assert await spf.check(zone.lookup(), "a.test", ipaddress.ip_address("192.0.2.25")) == verdict
