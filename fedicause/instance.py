"""What every part of a running instance is given: settings, database, clock and the door to other servers."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct, field

from federation.remote import Remote
from fedicause.hints import Hints
from fedicause.seal import Seal
from fedicause.settings import Settings
from fedicause.urls import Urls
from fedicause.watching.meter import Meter
from storage.database import Database


class Instance(Struct, frozen=True):
    """Built once, by `app.open_instance`; passed down, never looked up."""

    settings: Settings
    urls: Urls
    database: Database
    seal: Seal
    remote: Remote
    hints: Hints
    now: Callable[[], datetime]
    meter: Meter = field(default_factory=Meter)
    """What this process counts of its work."""
