"""What is known of a coalition: its newest roster, its newest tallies, and who has lied. Pure: no database.

Both are registers with a single writer, so whatever arrives late, twice, in any order or by whoever's hand,
everybody who has heard the same ends up with the same book.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from msgspec import Struct, field

from federation import proofs
from federation.rosters import Roster
from federation.tallies import Tally


class Version(NamedTuple):
    """One version of what one author said. `kind` is tally or roster; rosters have epoch 0."""

    kind: str
    author: str
    epoch: int
    version: int


class Book(Struct):
    """`past`: tallies older than the newest; `forks`: two documents signed as one version."""

    roster: Roster | None = None
    heads: dict[str, Tally] = field(default_factory=dict)
    past: dict[Version, dict[str, Any]] = field(default_factory=dict)
    forks: dict[Version, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)

    def hear(self, tally: Tally) -> bool:
        """Takes a tally whose proof was verified, of somebody on the roster; whether anything is new."""
        if self.roster is None or tally.author not in self.roster.members:
            return False
        known = self.heads.get(tally.author)
        version = version_of(tally)
        if known is None or _order(tally) > _order(known):
            if known is not None:
                self.past[version_of(known)] = known.document
            self.heads[tally.author] = tally
            self._compare(version, self.past.get(version), tally.document)
            return True
        if _order(tally) < _order(known):
            # Kept if it is the first: whichever of two comes first, the second is seen.
            return self._compare(version, self.past.setdefault(version, tally.document), tally.document)
        is_fork = self._compare(version, known.document, tally.document)
        if tally.proof_value < known.proof_value:
            # Whoever heard both in the other order keeps the same one.
            self.heads[tally.author] = tally
            return True
        return is_fork

    def hear_roster(self, roster: Roster) -> bool:
        """Takes a roster whose proof was verified; whether anything is new."""
        known = self.roster
        if known is None or roster.version > known.version:
            self.roster = roster
            return True
        if roster.version < known.version:
            return False
        version = Version("roster", roster.campaign, 0, roster.version)
        is_fork = self._compare(version, known.document, roster.document)
        if roster.proof_value < known.proof_value:
            self.roster = roster
            return True
        return is_fork

    def counted(self, lifted: Iterable[Version] = ()) -> dict[str, Tally]:
        """The tallies that make up the support: of the roster, but for liars; `lifted` is forgiven."""
        members = self.roster.members if self.roster else ()
        liars = {version.author for version in self.forks.keys() - set(lifted) if version.kind == "tally"}
        return {
            author: self.heads[author] for author in members if author in self.heads and author not in liars
        }

    def _compare(self, version: Version, known: dict[str, Any] | None, heard: dict[str, Any]) -> bool:
        if known is None or version in self.forks or proofs.covered(known) == proofs.covered(heard):
            return False
        self.forks[version] = (known, heard)
        return True


def version_of(tally: Tally) -> Version:
    return Version("tally", tally.author, tally.epoch, tally.version)


def _order(tally: Tally) -> tuple[int, int]:
    return tally.epoch, tally.version
