"""Receipts: what was recorded of somebody, signed by our organisation, without saying who it was.

Nothing is stored for one. Whoever has it can have it checked, here or with the organisation's published key
(`eddsa-jcs-2022`, FEP-8b32).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from federation import keys, proofs, strictjson, vocabulary
from federation.httpsig import Forged
from federation.vocabulary import Malformed
from fedicause import keyring
from fedicause.here import Here
from storage import former_keys, local_actors, tallies
from storage.models import LocalActor

TYPE: Final = "Receipt"
LARGEST: Final = 64 * 1024
"""Bytes of a receipt that somebody gives us to check."""

Event = Literal["confirmed", "withdrawn", "erased"]
Verdict = Literal["signed", "altered", "foreign", "other", "withdrawn", "unreadable"]
"""`altered`: it names our key, which did not sign this; `foreign`: it doesn't; `other`: ours, no receipt;
`withdrawn`: it names a key of ours that may have come into other hands."""


class Checked(Struct, frozen=True):
    """What is to be said of a receipt; its document is shown only where it is `signed`."""

    verdict: Verdict
    document: Mapping[str, Any] | None = None

    @property
    def at(self) -> datetime | None:
        return vocabulary.time_of(self.document["at"]) if self.document else None

    @property
    def campaigns(self) -> Sequence[Mapping[str, Any]]:
        """The campaigns that it is about: `campaign`, the page, and `tally`."""
        if self.document is None:
            return ()
        listed: Sequence[Mapping[str, Any]] = self.document.get("campaigns") or [self.document]
        return [each for each in listed if "campaign" in each]

    @property
    def issued(self) -> datetime | None:
        return vocabulary.time_of(self.document["issued"]) if self.document else None


async def of_signature(
    session: AsyncSession, here: Here, *, coalition_id: int, page: str, event: Event, at: datetime
) -> dict[str, Any]:
    """That a signature of the campaign at `page` was confirmed or withdrawn at that time."""
    _, actor = await local_actors.organisation(session)
    uri = here.urls.actor(actor.name, actor.kind)
    said = {
        "type": TYPE,
        "issuer": uri,
        "event": event,
        "at": vocabulary.timestamp(at),
        "issued": vocabulary.timestamp(here.now),
        "campaign": page,
        "tally": await _tally(session, uri, coalition_id, page),
    }
    return _signed(here, actor, said)


async def of_erasure(
    session: AsyncSession, here: Here, *, pages: Mapping[int, str], removed: Mapping[str, int]
) -> dict[str, Any]:
    """That everything about somebody was removed now: how many rows of which table.

    `pages` are those of the campaigns that they had signed, by the row keys of their coalitions.
    """
    _, actor = await local_actors.organisation(session)
    uri = here.urls.actor(actor.name, actor.kind)
    said = {
        "type": TYPE,
        "issuer": uri,
        "event": "erased",
        "at": vocabulary.timestamp(here.now),
        "issued": vocabulary.timestamp(here.now),
        "removed": dict(sorted(removed.items())),
        "campaigns": [
            {"campaign": page, "tally": await _tally(session, uri, coalition_id, page)}
            for coalition_id, page in pages.items()
        ],
    }
    return _signed(here, actor, said)


def text(document: Mapping[str, Any]) -> str:
    """A receipt as people pass it on; what its proof covers does not depend on the white space."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


async def check(session: AsyncSession, here: Here, given: str) -> Checked:
    """Whether our organisation signed this receipt, and it is unaltered since. Asks nobody else."""
    body = given.strip().removeprefix("\ufeff").encode(errors="replace")
    try:
        if len(body) > LARGEST:
            raise Malformed("larger than any receipt")
        document = strictjson.decode(body)
    except Malformed:
        return Checked("unreadable")
    _, actor = await local_actors.organisation(session)
    known = await keyring.proof_keys(session, actor, here.urls)
    uri = here.urls.actor(actor.name, actor.kind)
    named = [each for each in _key_ids(document) if isinstance(each, str)]
    if all(each not in known for each in named):
        return Checked("withdrawn" if await _is_withdrawn(session, actor, uri, named) else "foreign")

    async def key_for(key_id: str, *, fresh: bool) -> keys.Key:
        if key_id not in known:
            raise Forged("another's key")
        return keys.Key(key_id, uri, keys.from_multikey(known[key_id]))

    try:
        await proofs.verify(document, key_for, now=here.now)
    except Forged:
        return Checked("altered")
    if document.get("type") != TYPE or document.get("issuer") != uri:
        return Checked("other")
    return Checked("signed", document)


async def _is_withdrawn(session: AsyncSession, actor: LocalActor, uri: str, named: Sequence[str]) -> bool:
    numbers = [keyring.number_of(each) for each in named if each.partition("#")[0] == uri]
    former = [await former_keys.one(session, actor.id, each) for each in numbers if each]
    return any(each is not None and each.withdrawn_at is not None for each in former)


def _key_ids(document: Mapping[str, Any]) -> Sequence[Any]:
    listed = vocabulary.as_list(document.get("proof"))
    return [each.get("verificationMethod") for each in listed if isinstance(each, dict)]


def _signed(here: Here, actor: LocalActor, said: dict[str, Any]) -> dict[str, Any]:
    return proofs.sign(said, keyring.proof_key(actor, here.seal, here.urls), here.now)


async def _tally(session: AsyncSession, uri: str, coalition_id: int, page: str) -> dict[str, Any] | None:
    """Which of our tallies is the newest now, if there is any."""
    row = (await tallies.heads(session, coalition_id, [uri])).get(uri)
    if row is None:
        return None
    return {
        "id": f"{page}/tally",
        "epoch": row.epoch,
        "version": row.version,
        "signatures": row.signatures,
        "updated": vocabulary.timestamp(row.updated_at),
    }
