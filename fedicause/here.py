"""What a verb is given of the instance: its addresses, the seal of its keys, and the time."""

from datetime import datetime

from msgspec import Struct

from fedicause.instance import Instance
from fedicause.seal import Seal
from fedicause.urls import Urls


class Here(Struct, frozen=True):
    """One moment of an instance, in which one transaction happens."""

    urls: Urls
    seal: Seal
    now: datetime
    has_crm: bool = False
    """Whether the organisation's own system is told of consents."""

    @classmethod
    def at(cls, instance: Instance) -> "Here":
        """The running instance, now."""
        has_crm = instance.settings.crm_url is not None
        return cls(instance.urls, instance.seal, instance.now(), has_crm)
