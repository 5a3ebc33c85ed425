"""Asks one partner what it knows of a coalition: roster, tallies, evidence, sketch. All of it is verified."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from msgspec import Struct, field

from federation import content, tallies, vocabulary
from federation.answers import Document, RemoteError, Unchanged
from federation.httpsig import Forged, KeyFor, KeyPending
from federation.keys import SigningKey
from federation.remote import Remote
from federation.rosters import Roster
from federation.sketches import Sketch
from federation.tallies import Tally
from federation.vocabulary import Malformed
from fedicause.coalition import attest

log = logging.getLogger(__name__)

TOTAL: Final = 10.0
"""Seconds for one request."""
Pair = tuple[Tally, Tally] | tuple[Roster, Roster]


class Peer(Struct, frozen=True):
    """A partner that we ask. `base` is its page of the campaign."""

    uri: str
    base: str
    etag: str | None
    is_named: bool


class Known(Struct, frozen=True):
    """What we know of a coalition before we ask; `heads` by author: epoch, version, proof."""

    campaign: str
    heads: dict[str, tuple[int, int, str]]
    digest: str
    roster: Roster | None
    forks: frozenset[str]


class Found(Struct):
    """What one peer knows that we don't; all of it verified."""

    uri: str
    rosters: list[Roster] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    etag: str | None = None
    name: str | None = None
    inbox: str | None = None
    was_reached: bool = True
    roster_version: int = 0
    has_our_roster: bool = True


class Inquirer:
    """Asks; `key_for` gives the keys of proofs."""

    def __init__(self, remote: Remote, key_for: KeyFor, now: Callable[[], datetime]) -> None:
        self._remote = remote
        self._key_for = key_for
        self._now = now

    async def ask(self, known: Known, peer: Peer) -> Found:
        """What it knows that we don't; of who does not answer, or not legibly, what came until then."""
        found = Found(peer.uri)
        try:
            await self._ask_roster(known, peer, found)
            await self._ask_tallies(known, peer, found)
            await self._ask_evidence(known, peer, found)
            if not peer.is_named:
                await self._ask_name(peer, found)
        except RemoteError as error:
            log.info("%s could not be compared with: %s", peer.base, error)
            found.was_reached = False
        except Malformed as error:
            log.warning("%s answers what can't be read: %s", peer.base, error)
        return found

    async def _ask_roster(self, known: Known, peer: Peer, found: Found) -> None:
        etag = f'"{known.roster.proof_value}"' if known.roster else None
        # Its id is the origin's, which may be down, or have forgotten it.
        document = await self._get(f"{peer.base}/partners", etag, relayed=True)
        if document is None:
            return
        found.has_our_roster = False
        with _whatever(peer.base):
            signed = await attest.roster(document.data, self._key_for, now=self._now())
            if signed.campaign == known.campaign:
                found.rosters.append(signed)

    async def _ask_tallies(self, known: Known, peer: Peer, found: Found) -> None:
        document = await self._get(f"{peer.base}/tallies", f'"{known.digest}"')
        if document is None:
            return
        items, _ = tallies.read_collection(document.data)
        now = self._now()
        authors = _authors(known, found)
        for item in items:
            with _whatever(peer.base):
                read = tallies.read(item, now=now)
                is_known = known.heads.get(read.author) == (read.epoch, read.version, read.proof_value)
                if read.author in authors and not is_known:
                    found.tallies.append(await attest.tally(item, self._key_for, now=now))

    async def _ask_evidence(self, known: Known, peer: Peer, found: Found) -> None:
        document = await self._get(f"{peer.base}/evidence", peer.etag)
        if document is None:
            return
        found.etag = document.etag
        found.roster_version = max([0, *(each.version for each in _rosters(known, found))])
        authors = _authors(known, found)
        for one, other in tallies.read_evidence(document.data):
            with _whatever(peer.base):
                if one.get("attributedTo") not in authors:
                    continue
                try:
                    pair = await self._attested(one, other)
                except (Forged, KeyPending):
                    found.etag = None  # to be asked for again: the key may be had then
                    raise
                version = _version(pair[0])
                if version == _version(pair[1]) and version not in known.forks:
                    found.pairs.append(pair)

    async def _attested(self, one: dict[str, Any], other: dict[str, Any]) -> Pair:
        now = self._now()
        if one.get("type") == tallies.TYPE:
            return (
                await attest.tally(one, self._key_for, now=now),
                await attest.tally(other, self._key_for, now=now),
            )
        return (
            await attest.roster(one, self._key_for, now=now),
            await attest.roster(other, self._key_for, now=now),
        )

    async def _ask_name(self, peer: Peer, found: Found) -> None:
        document = (await self._remote.fetch(peer.uri, total=TOTAL)).data
        name, inbox = document.get("name"), vocabulary.id_of(document.get("inbox"))
        found.name = " ".join(content.plain(name).split())[:200] if isinstance(name, str) else None
        if inbox is not None and vocabulary.same_host(inbox, peer.uri):
            found.inbox = inbox

    async def _get(self, url: str, etag: str | None, *, relayed: bool = False) -> Document | None:
        """The document; None where it is as we know it. Raises RemoteError."""
        try:
            return await self._remote.fetch(url, total=TOTAL, etag=etag, relayed=relayed)
        except Unchanged:
            return None

    async def sketch(self, peer: Peer, key: SigningKey) -> Sketch | None:
        """Its own sketch, asked for with our organisation's key; None where there is none to be had."""
        with _whatever(peer.base):
            document = await self._remote.fetch(f"{peer.base}/sketch", total=TOTAL, key=key)
            sketch = await attest.sketch(document.data, self._key_for, now=self._now())
            return sketch if sketch.author == peer.uri else None
        return None


def _authors(known: Known, found: Found) -> list[str]:
    """Whose documents are looked at: nobody else's key is even asked for."""
    listed = {uri for each in _rosters(known, found) for uri in each.members}
    return [known.campaign, *listed]


def _rosters(known: Known, found: Found) -> list[Roster]:
    return [each for each in (known.roster, *found.rosters) if each is not None]


def _version(signed: Tally | Roster) -> str:
    if isinstance(signed, Tally):
        return f"tally {signed.author} {signed.epoch} {signed.version}"
    return f"roster {signed.campaign} 0 {signed.version}"


@contextlib.contextmanager
def _whatever(base: str) -> Iterator[None]:
    """Leaves out one document that is forged, unreadable or not to be verified now; the others count."""
    try:
        yield
    except (RemoteError, Malformed, Forged, KeyPending) as error:
        log.info("a document of %s was left out: %s", base, error)
