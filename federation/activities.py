"""What another server's activity says, whichever dialect it is written in."""

import re
from datetime import datetime
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from federation import content as html
from federation import vocabulary
from federation.strictjson import decode
from federation.vocabulary import Malformed, as_list, id_of

__all__ = ["Activity", "decode", "reaction", "read"]

# fmt: off
TYPES: Final = frozenset([
    "Accept", "Add", "Announce", "Arrive", "Block", "Create", "Delete", "Dislike", "EmojiReact", "Flag",
    "Follow", "Ignore", "Invite", "Join", "Leave", "Like", "Listen", "Move", "Offer", "Question",
    "QuoteRequest", "Read", "Reject", "Remove", "TentativeAccept", "TentativeReject", "Travel", "Undo",
    "Update", "View",
])
# fmt: on

# What means "yes" to everybody. Any other emoji (🎉, 🌳, a server's own) can mean anything, 👎 the opposite.
ENDORSING: Final = frozenset({"❤", "♥", "👍", "⭐"})

_MODIFIERS = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
_NAMESPACES = ("as:", vocabulary.AS2 + "#", "litepub:", "http://litepub.social/ns#")
_MAX_NAMED = 1000
_BEHIND = frozenset({"#", "/", "?"})


class Activity(Struct, frozen=True):
    """An activity of one actor; that it is theirs is for the signature to show.

    `object` is what was embedded (the first, of several) and is the actor's claim only: see `own_object`.
    `object_ids` has every object named (a Flag names an account and its posts), `object_id` the first.
    Of `to` and `cc` the first 1,000 are kept, with everybody always as `vocabulary.PUBLIC`.
    """

    type: str
    id: str | None
    actor: str
    object_id: str | None
    object_ids: tuple[str, ...]
    object: dict[str, Any] | None
    target_id: str | None
    content: str | None
    to: tuple[str, ...]
    cc: tuple[str, ...]
    published: datetime | None
    document: dict[str, Any]

    def has_foreign_id(self) -> bool:
        """Whether the activity claims an id on another host than its actor's. None at all is no claim."""
        if self.id is None:
            return False
        # Most ids are the actor's own with something behind it.
        if self.id.startswith(self.actor) and self.id[len(self.actor) : len(self.actor) + 1] in _BEHIND:
            return False
        return not vocabulary.same_host(self.id, self.actor)

    def own_object(self) -> dict[str, Any] | None:
        """The embedded object where the actor may speak for it, else None: fetch it from where it lives.

        Own is the actor itself, and what has its id on the actor's host and names no other author; without
        an id it must name the actor. (CVE-2024-23832: a server vouches for nothing but its own.)
        """
        if self.object is None:
            return None
        uri = self.object.get("id")
        if uri == self.actor:
            # A campaign names its organisation as author, and updates itself.
            return self.object
        authors = [id_of(each) for each in as_list(self.object.get("attributedTo"))]
        if authors and self.actor not in authors:
            return None
        if uri is None:
            return self.object if authors else None
        return self.object if isinstance(uri, str) and vocabulary.same_host(uri, self.actor) else None

    def undone(self) -> "Activity | None":
        """The activity embedded in an Undo, or None where only its id is named (Pleroma; see `object_id`).

        Servers leave out its actor (then it is the same) or the reaction's content (snac). Malformed where
        it is somebody else's, or cannot be read at all.
        """
        embedded = self.object if self.type == "Undo" else None
        if embedded is None or "type" not in embedded:
            return None
        undone = read(embedded if "actor" in embedded else {**embedded, "actor": self.actor})
        if undone.actor != self.actor:
            raise Malformed("undoes what somebody else did")
        # Whatever its id, the actor's own word is taken back; nobody else's by naming theirs.
        return replace(undone, id=None) if undone.has_foreign_id() else undone

    def answered(self) -> "Activity | None":
        """The embedded Follow or Join that an Accept or Reject answers; None for a bare id.

        The other side quotes it: compare it with what was sent.
        """
        if self.object is None or "actor" not in self.object or "type" not in self.object:
            return None
        return read(self.object)

    @property
    def in_reply_to(self) -> str | None:
        """What the embedded Note answers."""
        answered = as_list(self.object.get("inReplyTo")) if self.object else []
        return id_of(answered[0]) if answered else None

    @property
    def tags(self) -> tuple[dict[str, Any], ...]:
        """Mentions, hashtags and emoji of the embedded object; Takahe sends a single one without a list."""
        tags = as_list(self.object.get("tag")) if self.object else []
        return tuple(tag for tag in tags[:_MAX_NAMED] if isinstance(tag, dict))

    @property
    def is_public(self) -> bool:
        """Whether everybody may read it: as the embedded object says, else the activity itself."""
        if self.object and ("to" in self.object or "cc" in self.object):
            return vocabulary.is_public(self.object.get("to")) or vocabulary.is_public(self.object.get("cc"))
        return vocabulary.PUBLIC in self.to or vocabulary.PUBLIC in self.cc

    @property
    def is_vote(self) -> bool:
        """Whether a Create answers a poll: a Note with a name, in reply, without text (snac: `<br>`)."""
        note = self.object
        if self.type != "Create" or not note or note.get("type") != "Note" or self.in_reply_to is None:
            return False
        name, text = note.get("name"), note.get("content")
        return isinstance(name, str) and bool(name) and not (isinstance(text, str) and html.plain(text))


def read(document: dict[str, Any]) -> Activity:
    """What an activity's document says. Malformed without a type, or without one actor."""
    kind = _type(document.get("type"))
    actor = id_of(document.get("actor"))
    if actor is None:
        raise Malformed("an activity without one actor")
    vocabulary.host_of(actor)
    uri = document.get("id")
    if uri is not None and not (isinstance(uri, str) and 0 < len(uri) <= vocabulary.URI_LENGTH):
        raise Malformed("an id that is no URI")
    objects = as_list(document.get("object"))
    first = id_of(objects[0]) if objects else None
    text = document.get("content")
    return Activity(
        type=kind,
        id=uri,
        actor=actor,
        object_id=first,
        object_ids=_ids(objects) if len(objects) > 1 or first is None else (first,),
        object=_embedded(objects),
        target_id=id_of(document.get("target")),
        content=text if isinstance(text, str) else None,
        to=_recipients(document.get("to")),
        cc=_recipients(document.get("cc")),
        published=vocabulary.time_of(document.get("published")),
        document=document,
    )


def reaction(activity: Activity) -> Literal["endorse", "ignore"]:
    """Whether a Like or EmojiReact is an endorsement: without an emoji, or with one of `ENDORSING`.

    Misskey writes the emoji as `_misskey_reaction` and `content`, Pleroma as `content`; skin tones and
    variation selectors make no difference. Custom emoji never count, nor does 👎.
    An EmojiReact without content is one too: so snac writes the one that it takes back.
    """
    if activity.type not in ("Like", "EmojiReact"):
        return "ignore"
    for field in ("content", "_misskey_reaction"):
        emoji = activity.document.get(field)
        if emoji is None or emoji == "":
            continue
        if not isinstance(emoji, str) or _MODIFIERS.sub("", emoji.strip()) not in ENDORSING:
            return "ignore"
    return "endorse"


def _type(value: object) -> str:
    """Of several types the first that is an activity's; an unknown one is kept, and has no effect."""
    if isinstance(value, str) and value in TYPES:
        return value
    names = [_local(name) for name in as_list(value) if isinstance(name, str) and 0 < len(name) <= 256]
    if not names:
        raise Malformed("an activity without a type")
    return next((name for name in names if name in TYPES), names[0])


def _local(name: str) -> str:
    if ":" not in name:
        return name
    return next((name.removeprefix(prefix) for prefix in _NAMESPACES if name.startswith(prefix)), name)


def _embedded(objects: list[Any]) -> dict[str, Any] | None:
    for each in objects:
        if isinstance(each, dict):
            return each
    return None


def _ids(values: list[Any]) -> tuple[str, ...]:
    return tuple(uri for each in values[:_MAX_NAMED] if (uri := id_of(each)) is not None)


def _recipients(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(vocabulary.PUBLIC if uri in vocabulary.PUBLIC_NAMES else uri for uri in _ids(as_list(value)))
