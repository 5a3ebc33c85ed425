"""Databases for tests: made once in each state that tests begin with, then copied."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from storage import migrations
from tests import ours, postgres
from tests.clock import Clock

State = Literal["migrated", "initialised", "written", "campaign"]
Dialect = Literal["sqlite", "postgresql"]
BEFORE: dict[State, State | None] = {
    "migrated": None,
    "initialised": "migrated",
    "written": "initialised",
    "campaign": "written",
}
"""What each is made from: an organisation is added, then the draft of a campaign, which is published."""


class Templates:
    """One database for each dialect and state, which nobody has open; all with one secret."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._made: set[tuple[Dialect, State]] = set()
        self.cluster: postgres.Cluster | None = None

    @property
    def secret(self) -> Path:
        """The secret that sealed the keys in them."""
        return self._directory / "secret"

    @contextmanager
    def copy(self, dialect: Dialect, state: State, directory: Path) -> Iterator[str]:
        """The URL of a new database in this state."""
        self.make(dialect, state)
        if dialect == "sqlite":
            path = directory / "fedicause.db"
            shutil.copyfile(self._sqlite(state), path)
            yield f"sqlite:///{path}"
        else:
            assert self.cluster is not None
            name = self.cluster.create(template=state)
            yield self.cluster.url(name)
            self.cluster.drop(name)

    def make(self, dialect: Dialect, state: State) -> None:
        """Has the template ready; outside of any event loop."""
        if (dialect, state) in self._made:
            return
        before = BEFORE[state]
        if before is not None:
            self.make(dialect, before)
        if dialect == "sqlite":
            url = f"sqlite:///{self._sqlite(state)}"
            if before is not None:
                shutil.copyfile(self._sqlite(before), self._sqlite(state))
        else:
            assert self.cluster is not None
            url = self.cluster.url(self.cluster.create(name=state, template=before or "template0"))
        asyncio.run(self._fill(url, state))
        self._made.add((dialect, state))

    async def _fill(self, url: str, state: State) -> None:
        given = ours.settings_for(url, self._directory, secret=self.secret)
        now = Clock().now()
        match state:
            case "migrated":
                await migrations.upgrade(url)
            case "initialised":
                await ours.begin(given, now=now)
            case "written":
                await ours.write_forest(given, now=now)
            case "campaign":
                await ours.publish_forest(given, now=now)

    def _sqlite(self, state: State) -> Path:
        return self._directory / f"{state}.db"
