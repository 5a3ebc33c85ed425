"""An organisation signs: through somebody who has an address at its own domain, or by its own account."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from federation import vocabulary
from federation.vocabulary import Malformed
from fedicause.fields import Unusable
from fedicause.here import Here
from fedicause.people import providers, signatories
from storage import people
from storage import signatories as publicity
from storage.cosigner_models import Cosigner
from storage.pledges import Found

WEBSITE: Final = 200
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_SPEAK_FOR_MANY: Final = frozenset(["Organization", "Group", "Service", "Application"])


class Unknown(Exception):
    """No such organisation signs this, or no such account of one endorses it."""


class Claim(Struct, frozen=True):
    """For which organisation somebody signs; `is_proven`: their address is at the domain of its website."""

    name: str
    website: str
    role: str
    is_role_shown: bool
    is_proven: bool

    @property
    def host(self) -> str:
        return host_of(self.website)


class Logo(Struct, frozen=True):
    """A picture that was drawn anew; its size in pixels."""

    data: bytes
    media_type: str
    width: int
    height: int


def website(text: str) -> str:
    """The address of a site as it is kept: http or https, a host with a name, a path; raises Unusable."""
    text = text.strip()
    if not _SCHEME.match(text):
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        host = vocabulary.host_of(text)
    except (Malformed, ValueError) as error:
        raise Unusable("is no website") from error
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    path = parts.path.rstrip("/")
    if (
        parts.scheme not in {"http", "https"}
        or "." not in name
        or name.rpartition(".")[2].isdigit()
        or name.startswith("[")
        or not path.isascii()
        or not path.isprintable()
        or set(path) & set("\"'<> \\")
    ):
        raise Unusable("is no website")
    found = f"{parts.scheme}://{host}{path}"
    if len(found) > WEBSITE:
        raise Unusable("is too long")
    return found


def host_of(address: str) -> str:
    """The name of a website's server, without what many put before it."""
    return (urlsplit(address).hostname or "").removeprefix("www.")


def is_proven(domain: str, address: str) -> bool:
    """Whether who gets mail at this domain speaks for the website: it is there, or below that domain.

    Not the other way round: who has mail at `me.freehost.example` is not `freehost.example`.
    """
    host = host_of(address)
    return domain not in providers.PUBLIC and (host == domain or host.endswith(f".{domain}"))


async def claim(session: AsyncSession, written: Mapping[str, str], person_id: int) -> Claim | None:
    """For which organisation this form was signed, if for any."""
    if not written.get("organisation"):
        return None
    address = written["website"]
    domain = await people.domain(session, person_id)
    return Claim(
        written["organisation"],
        address,
        written.get("role", ""),
        written.get("role_shown") == "yes",
        is_proven(domain, address),
    )


async def cosign(session: AsyncSession, here: Here, found: Found, logo: Logo | None) -> None:
    """Lists the organisation for which somebody has just signed; without a proof it waits for the staff."""
    written = signatories.details(here.seal, found.details_sealed)
    claimed = await claim(session, written, found.person_id)
    if claimed is None:
        return
    shows_role = claimed.role and claimed.is_role_shown
    values = {
        "coalition_id": found.coalition_id,
        "signature_id": found.signature_id,
        "actor_id": None,
        "name": claimed.name,
        "website": claimed.website,
        "role_sealed": here.seal.close(claimed.role.encode()) if shows_role else None,
        "proof": "mail" if claimed.is_proven else "",
        "state": "listed" if claimed.is_proven else "waiting",
        "created_at": here.now,
    }
    if logo is not None:
        values |= {
            "logo": logo.data,
            "logo_type": logo.media_type,
            "logo_width": logo.width,
            "logo_height": logo.height,
        }
    await publicity.put_cosigner(session, values)


async def dress(session: AsyncSession, here: Here, signature_id: int, logo: Logo) -> None:
    """Gives the organisation for which somebody has signed another logo."""
    await publicity.dress(
        session,
        signature_id,
        {
            "logo": logo.data,
            "logo_type": logo.media_type,
            "logo_width": logo.width,
            "logo_height": logo.height,
            "created_at": here.now,
        },
    )


async def decide(session: AsyncSession, coalition_id: int, cosigner_id: int, *, listed: bool) -> Cosigner:
    """The staff lists an organisation, vouching for one that has no proof, or hides it. Raises Unknown."""
    found = await publicity.by_key(session, coalition_id, cosigner_id)
    if found is None:
        raise Unknown
    found.state = "listed" if listed else "hidden"
    if listed and not found.proof:
        found.proof = "staff"
    await session.flush()
    return found


async def take_in(session: AsyncSession, here: Here, coalition_id: int, subject_id: int, uri: str) -> str:
    """Lists the organisation whose own account endorsed the campaign; gives its name. Raises Unknown."""
    actor = await publicity.endorser(session, subject_id, uri)
    if actor is None or actor.type not in _SPEAK_FOR_MANY:
        raise Unknown
    name = actor.name.strip()[:100] or actor.handle
    known = await publicity.of_actor(session, coalition_id, actor.id)
    if known is not None:
        known.state, known.name = "listed", name
        await session.flush()
        return name
    await publicity.put_cosigner(
        session,
        {
            "coalition_id": coalition_id,
            "signature_id": None,
            "actor_id": actor.id,
            "name": name,
            "website": actor.url or actor.uri,
            "role_sealed": None,
            "proof": "account",
            "state": "listed",
            "created_at": here.now,
        },
    )
    return name
