"""A mail server, and an instance that sends its letters there."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fedicause import app
from fedicause.instance import Instance
from tests import correspondence, databases, ours
from tests.clock import Clock
from tests.fediverse import Fediverse
from tests.postbox import Postbox, open_postbox


@pytest.fixture
async def postbox() -> AsyncIterator[Postbox]:
    async with open_postbox() as opened:
        yield opened


@pytest.fixture
async def ours_with_mail(
    initialised_url: str,
    templates: databases.Templates,
    tmp_path: Path,
    clock: Clock,
    fediverse: Fediverse,
    postbox: Postbox,
) -> AsyncIterator[Instance]:
    """The Friends of the Old Forest, whose letters go to the postbox."""
    given = ours.settings_for(initialised_url, tmp_path, secret=templates.secret)
    posting = correspondence.posting(given, postbox.url)
    async with app.open_instance(posting, now=clock.now, **fediverse.doors) as opened:
        yield opened
