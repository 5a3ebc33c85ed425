"""Writes letters in the language of whoever gets them, and queues them."""

import json
import re
import secrets
import zlib
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

import idna
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import words
from fedicause.here import Here
from fedicause.seal import Seal
from storage import letters, notices

if TYPE_CHECKING:
    from jinja2 import Environment

# Nobody waits for these; there may be thousands of them.
_IN_BULK: Final = frozenset({"remind", "update", "target"})
_LONGEST_SUBJECT: Final = 200
# What would need quotes, end the address, or begin another one or another header.
_NOT_LOCAL: Final = re.compile(r'[\s\x00-\x20\x7f-\xa0()<>\[\]:;@\\,"]|^\.|\.$|\.\.')
_GAP: Final = re.compile(r"\n{3,}")
_NOT_PRINTED: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class NoAddress(ValueError):
    """Nothing can be sent to what was given as a mail address."""


class Composed(Struct, frozen=True):
    """A letter in both forms that one message holds."""

    subject: str
    text: str
    html: str
    language: str


class Draft(Struct, frozen=True):
    """A letter with its addressee; `kind` as Letter.kind, `unsubscribe` a URL for POST (RFC 8058)."""

    kind: str
    to: str
    composed: Composed
    person_id: int | None = None
    reply_to: str | None = None
    unsubscribe: str | None = None


def compose(name: str, language: str, **values: object) -> Composed:
    """The letter `templates/mail/{name}` in a language, in English where there is no such translation.

    Each needs `organisation` (a name) and `site` (its base URL), and
    - confirm, remind: `title` and `campaign` (URL), `confirm` and `decline` (URLs), `days` (until forgotten)
    - known: `title`, `campaign`, `page` (URL), `decline`, `change` (URL to another answer, or None)
    - page: `page`, `decline`, `hours` (that the link works)
    - update: `title`, `campaign`, `headline`, `address` (URL of the news), `text` (Markdown),
      `html` (sanitised), `written_in` (its language), `unsubscribe` (URL)
    - target: `title`, `campaign`, `headline`, `text`, `sender` (a name), `place` (of the sender, or empty),
      `answers` (reach the sender?)
    - digest: `title`, `campaign`, `headline`, `text`, `number` (of letters), `own` and `others` (letters as
      mappings: `sender`, `place`, `reply_to`, `subject`, `text`)
    - staff_welcome: `login` (URL), `role`

    What somebody typed into a form is in no letter before its address is confirmed: that would send anybody's
    words to anybody.
    """
    language = language.lower().partition("-")[0]
    if language not in words.LANGUAGES:
        language = words.SOURCE
    environment = _environment()
    text = environment.get_template(f"mail/{name}.txt")
    values |= {"ui": language}
    subject = one_line("".join(text.blocks["subject"](text.new_context(values))))[:_LONGEST_SUBJECT]
    html = environment.get_template(f"mail/{name}.html").render(values | {"subject": subject})
    lines = "\n".join(text.render(values).splitlines())
    plain = _GAP.sub("\n\n", lines).strip() + "\n"
    return Composed(subject, plain, html, language)


async def queue(
    session: AsyncSession,
    here: Here,
    *,
    kind: str,
    to: str,
    composed: Composed,
    person_id: int | None = None,
    reply_to: str | None = None,
    unsubscribe: str | None = None,
) -> None:
    """Queues a letter, unless its person gets none any more; raises NoAddress.

    Whoever commits may ring `letters`; otherwise the sweep finds it.
    """
    draft = Draft(kind, to, composed, person_id, reply_to, unsubscribe)
    await queue_many(session, here, [draft])


async def queue_many(session: AsyncSession, here: Here, drafts: Sequence[Draft]) -> None:
    """Queues letters in two statements, all or none; raises NoAddress."""
    sealed = [_sealed(here.seal, draft) for draft in drafts]
    unwanted = await letters.unwanted(
        session, {draft.person_id for draft in drafts if draft.person_id is not None}
    )
    new = [each for each in sealed if each.person_id not in unwanted]
    if new:
        await letters.add(session, new, here.now)
        await notices.post(session, "letters")


def _sealed(seal: Seal, draft: Draft) -> letters.New:
    to = address(draft.to)
    content = {
        "to": to,
        "subject": draft.composed.subject,
        "text": draft.composed.text,
        "html": draft.composed.html,
        "language": draft.composed.language,
        "reply_to": address(draft.reply_to) if draft.reply_to else None,
        "unsubscribe": draft.unsubscribe,
    }
    packed = zlib.compress(json.dumps(content, ensure_ascii=False).encode(), 1)
    return letters.New(
        kind=draft.kind,
        person_id=draft.person_id,
        domain=to.rpartition("@")[2],
        content_sealed=seal.close(packed),
        # Some servers change the case of what is before the @.
        return_token=secrets.token_hex(16),
        is_bulk=draft.kind in _IN_BULK,
    )


def unsealed(seal: Seal, content_sealed: bytes) -> Draft:
    """A queued letter; raises WrongSecret."""
    content = json.loads(zlib.decompress(seal.open(content_sealed)))
    composed = Composed(content["subject"], content["text"], content["html"], content["language"])
    return Draft(
        "", content["to"], composed, reply_to=content["reply_to"], unsubscribe=content["unsubscribe"]
    )


def address(given: str) -> str:
    """The address as a server takes it, its domain in ASCII; raises NoAddress."""
    local, at, domain = given.strip().rpartition("@")
    if not at or not 0 < len(local.encode(errors="replace")) <= 64 or _NOT_LOCAL.search(local):
        raise NoAddress("no mail address")
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise NoAddress("no mail domain") from error
    if "." not in ascii_domain or len(ascii_domain) > 253:
        raise NoAddress("no mail domain")
    return f"{local}@{ascii_domain}"


def one_line(text: str) -> str:
    """Text for a header: printable, and without what would begin another one."""
    return " ".join(_NOT_PRINTED.sub(" ", text).split())


@cache
def _environment() -> "Environment":
    from jinja2 import select_autoescape  # noqa: PLC0415 - not for servers that write nothing

    from fedicause import templating  # noqa: PLC0415

    return templating.environment(autoescape=select_autoescape(("html",)))
