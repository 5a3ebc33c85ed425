"""The addresses of an instance: which path is what."""

import secrets
from urllib.parse import quote

from msgspec import Struct


class Urls(Struct, frozen=True):
    """Absolute addresses under one base URL (no trailing slash)."""

    base: str

    @property
    def shared_inbox(self) -> str:
        return f"{self.base}/inbox"

    @property
    def instance_actor(self) -> str:
        return f"{self.base}/actor"

    def actor(self, name: str, kind: str = "campaign") -> str:
        """The id of a local actor; `kind` is its LocalActor.kind."""
        return self.instance_actor if kind == "instance" else f"{self.base}/actors/{quote(name)}"

    def note(self, slug: str) -> str:
        """The call: the campaign's canonical Note, and its page."""
        return f"{self.base}/campaigns/{quote(slug)}"

    def hosted(self, slug: str, origin: str) -> str:
        """Our page of a campaign of another instance, whose authority is `origin`."""
        return f"{self.base}/campaigns/{quote(slug)}@{origin}"

    def update(self, slug: str, number: int) -> str:
        return f"{self.note(slug)}/updates/{number}"

    def activity(self, token: str) -> str:
        return f"{self.base}/activities/{token}"

    def new_activity(self) -> str:
        """An id that nobody has used or can guess."""
        return self.activity(secrets.token_urlsafe(12))

    def media(self, name: str) -> str:
        return f"{self.base}/media/{quote(name)}"

    def topic(self, topic: str) -> str:
        return f"{self.base}/topics/{quote(topic)}"

    def confirm(self, token: str, language: str) -> str:
        """Where a mailed link leads, to the button that makes a signature count."""
        return f"{self.base}/confirm/{token}?lang={language}"

    def decline(self, token: str, language: str) -> str:
        """Where it was not the owner of an address who signed."""
        return f"{self.base}/decline/{token}?lang={language}"

    def me(self, token: str, language: str) -> str:
        """Somebody's own page."""
        return f"{self.base}/me/{token}?lang={language}"

    def unsubscribe(self, token: str, language: str) -> str:
        """Where somebody ends the news that they had agreed to; a POST does it at once (RFC 8058)."""
        return f"{self.base}/unsubscribe/{token}?lang={language}"

    def signed(self, token: str) -> str:
        """Where somebody is thanked who signed, by the token under which they pass the campaign on."""
        return f"{self.base}/signed/{token}"

    def slug_of_note(self, uri: str) -> str | None:
        """The slug when `uri` is exactly one of our Notes' ids."""
        prefix = f"{self.base}/campaigns/"
        slug = uri.removeprefix(prefix)
        return slug if slug != uri and slug and not set(slug) & set("/?#@") else None

    def slug_of_update(self, uri: str) -> str | None:
        """The campaign's slug when `uri` is the id of one of its updates."""
        note, separator, number = uri.rpartition("/updates/")
        return self.slug_of_note(note) if separator and number.isdigit() else None

    def name_of_actor(self, uri: str) -> str | None:
        """The name when `uri` is exactly the id of an organisation or campaign actor of ours."""
        prefix = f"{self.base}/actors/"
        name = uri.removeprefix(prefix)
        return name if name != uri and name and not set(name) & set("/?#") else None
