"""Letters as they arrive: in every language, valid, with nothing in their headers that somebody wrote."""

import re
from email import policy
from email.parser import BytesParser
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import update

from fedicause import mail, settings, words
from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.letters import carry
from storage.models import Organisation
from tests import correspondence, ours
from tests.correspondence import LETTERS, LINKS
from tests.postbox import Arrived, Postbox

BOB = "bob@people.test"


def assert_valid(arrived: Arrived) -> None:
    """What RFC 5322, 2047 and 5321 ask of a message."""
    head, _, _ = arrived.raw.partition(b"\r\n\r\n")
    assert b"\n" not in arrived.raw.replace(b"\r\n", b"")
    assert b"\r" not in arrived.raw.replace(b"\r\n", b"")
    assert arrived.raw.isascii()
    assert max(map(len, arrived.raw.split(b"\r\n"))) <= 998
    assert all(len(line) <= 78 for line in head.split(b"\r\n") if b"List-Unsubscribe" not in line)
    assert all(len(word) <= 75 for word in re.findall(rb"=\?\S+\?=", head))
    parsed = BytesParser(policy=policy.default).parsebytes(arrived.raw)
    assert not parsed.defects
    for name, value in parsed.items():
        assert not value.defects, (name, value, value.defects)
    for name in ("Date", "From", "To", "Message-ID", "Subject", "MIME-Version", "Content-Type"):
        assert len(parsed.get_all(name, [])) == 1, name
    assert parsed.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]


class Tags(HTMLParser):
    """The addresses in a page, and whether every tag was closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.language = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [value for name in ("href", "src") if (value := values.get(name))]
        assert not set(values) & {"onclick", "onload", "onerror"}
        if tag == "html":
            self.language = values.get("lang") or ""
        if tag not in {"meta", "br", "img", "link"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize("language", list(words.LANGUAGES))
async def test_every_letter_arrives_in_every_language(
    ours_with_mail: Instance, postbox: Postbox, language: str
) -> None:
    for name in LETTERS:
        letter = correspondence.composed(name, language)
        unsubscribe = f"{ours.URL}/unsubscribe/{'a' * 80}" if name == "update" else None
        reply_to = "bob@people.test" if name == "target" else None
        kind = name.removesuffix("_welcome")
        async with ours_with_mail.database.writing() as session:
            await mail.queue(
                session,
                Here.at(ours_with_mail),
                kind=kind,
                to=BOB,
                composed=letter,
                reply_to=reply_to,
                unsubscribe=unsubscribe,
            )
        await correspondence.send(ours_with_mail)
        (arrived,) = postbox.arrived
        postbox.arrived.clear()
        assert_valid(arrived)
        message = arrived.message
        assert message["Subject"] == letter.subject
        assert message["Content-Language"] == language
        assert message["From"] == "Friends of the Old Forest <campaigns@ours.test>"
        assert (message["To"], arrived.to) == (BOB, BOB)
        token = re.fullmatch(r"bounce\+([0-9a-f]{32})@ours\.test", arrived.return_path)
        assert token
        assert message["Message-ID"] == f"<{token[1]}@ours.test>"
        assert message["Date"].datetime == ours_with_mail.now()
        assert message["Auto-Submitted"] == (None if name == "target" else "auto-generated")
        assert message["Reply-To"] == reply_to
        assert message["List-Unsubscribe"] == (f"<{unsubscribe}>" if unsubscribe else None)
        assert (message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click") == bool(unsubscribe)
        text, html = arrived.part("plain"), Tags(arrived.part("html"))
        assert text == letter.text
        assert "%(" not in text + letter.html
        assert "{" not in text
        assert html.language == language
        assert not html.open
        for link in LINKS[name]:
            assert f"\n{ours.URL}{link}\n" in text
            assert f"{ours.URL}{link}" in html.addresses
        # Nothing is loaded from anywhere, and nothing is followed when the letter is looked at.
        assert all(each.startswith(ours.URL) for each in html.addresses)
        assert not re.search(r"<(img|link|script|form|iframe)|@import|url\(", letter.html)
        if language != "en":
            english = correspondence.composed(name, "en")
            own = {"update": letter.text, "target": letter.text}.get(name, letter.subject)
            assert own not in (english.text, english.subject)


def test_a_letter_in_a_language_that_nobody_wrote_is_in_english() -> None:
    assert correspondence.composed(language="pl").language == "en"
    assert correspondence.composed(language="de-AT").language == "de"


def test_days_and_hours_are_counted_in_words() -> None:
    assert "after 1 day everything" in correspondence.composed(days=1).text
    assert "nach 1 Tag " in correspondence.composed(language="de", days=1).text
    assert "1 ora." in correspondence.composed("page", "it", hours=1).text


def test_words_of_others_are_shown_and_not_obeyed() -> None:
    letter = correspondence.composed(
        title='<script>alert(1)</script>"{{ 7*7 }}%(host)s', organisation="Friends & <b>Co</b>"
    )
    assert "<script>" not in letter.html
    assert "<b>Co" not in letter.html
    assert "&lt;script&gt;" in letter.html
    assert "{{ 7*7 }}%(host)s" in letter.text
    assert "Friends & <b>Co</b>" in letter.text
    Tags(letter.html)
    letter = correspondence.composed("target", text="<img src=x onerror=alert(1)>", sender="</p><script>")
    assert "<img" not in letter.html
    assert "<script>" not in letter.html


HOSTILE = [
    "Forest\r\nBcc: mallory@evil.test",
    "Forest\nBcc: mallory@evil.test\n\nOther words",
    "Forest\rBcc: mallory@evil.test",
    "Forest\u2028Bcc: mallory@evil.test",
    "Forest\x00\x0bBcc: mallory@evil.test",
    "=?utf-8?q?Forest=0D=0ABcc=3A_mallory=40evil=2Etest?=",
    'Forest" <mallory@evil.test>, "x',
    "Wald\r\n\r\n<script>",
]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize("words", HOSTILE)
async def test_no_words_become_a_header(ours_with_mail: Instance, postbox: Postbox, words: str) -> None:
    named = replace(ours_with_mail, settings=replace(ours_with_mail.settings, mail_from=None))
    async with named.database.writing() as session:
        await session.execute(update(Organisation).values(name=words))
    for letter in (
        correspondence.composed("confirm", title=words),
        correspondence.composed("update", headline=words),
        replace(correspondence.composed(), subject=words),
    ):
        await correspondence.write(named, BOB, words=letter)
    await correspondence.send(named)
    assert postbox.addressees == [BOB, BOB, BOB]
    for arrived in postbox.arrived:
        assert_valid(arrived)
        assert arrived.message["Bcc"] is None
        assert len(arrived.message["From"].addresses) == 1
        assert arrived.message["From"].addresses[0].addr_spec == "campaigns@ours.test"
        assert set(arrived.message.keys()) <= {
            *("Date", "From", "To", "Message-ID", "Subject", "Content-Language", "Auto-Submitted"),
            *("Content-Type", "MIME-Version"),
        }


@pytest.mark.parametrize(
    "address",
    [
        "bob",
        "@people.test",
        "bob@",
        "bob@localhost",
        "bob@people.test\r\nBcc: mallory@evil.test",
        "bob@people.test\nmallory@evil.test",
        "bob\r\n@people.test",
        "bob@people.test, mallory@evil.test",
        "bob@people.test>\r\nRCPT TO:<mallory@evil.test",
        "<bob@people.test>",
        '"bob smith"@people.test',
        "bob smith@people.test",
        "a@b@people.test",
        f"{'b' * 65}@people.test",
        "bob@people..test",
        "bob@[127.0.0.1]",
        "bob\u2028@people.test",
        ".bob@people.test",
    ],
)
def test_what_is_no_address_gets_no_letter(address: str) -> None:
    with pytest.raises(mail.NoAddress):
        mail.address(address)


def test_domains_travel_in_ascii() -> None:
    assert mail.address(" bob+forest@Wälder.Test ") == "bob+forest@xn--wlder-gra.test"


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_an_address_beyond_ascii_arrives(ours_with_mail: Instance, postbox: Postbox) -> None:
    await correspondence.write(ours_with_mail, "jürgen@people.test")
    await correspondence.send(ours_with_mail)
    (arrived,) = postbox.arrived
    assert arrived.to == "jürgen@people.test"
    assert "To: jürgen@people.test\r\n".encode() in arrived.raw


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FEDICAUSE_SMTP", "mail.example.org"),
        ("FEDICAUSE_SMTP", "http://mail.example.org"),
        ("FEDICAUSE_SMTP", "smtp://mail.example.org:port"),
        ("FEDICAUSE_SMTP", "smtp://user:p/w@mail.example.org"),
        ("FEDICAUSE_MAIL_FROM", "Friends"),
        ("FEDICAUSE_MAIL_FROM", "a@b.example\r\nBcc: x@y.example"),
        ("FEDICAUSE_MAIL_RATE", "fast"),
        ("FEDICAUSE_MAIL_RATE", "0"),
    ],
)
def test_settings_that_make_no_sense_are_said_to(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(settings.Misconfigured, match=name):
        settings.load({"FEDICAUSE_URL": ours.URL, name: value}, dotenv=tmp_path / "no.env")


def test_only_on_this_machine_is_a_certificate_not_looked_at() -> None:
    for host in ("127.0.0.1", "localhost", "::1"):
        assert carry.tls(host).verify_mode.name == "CERT_NONE"
    for host in ("mail.example.org", "192.0.2.1", "localhost.example.org"):
        assert carry.tls(host).verify_mode.name == "CERT_REQUIRED"
        assert carry.tls(host).check_hostname
