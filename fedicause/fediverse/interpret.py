"""What a verified activity means here: pure reading, no database, no network."""

from datetime import datetime

from msgspec import Struct

from federation import activities, vocabulary
from federation.activities import Activity
from fedicause.urls import Urls


class Named(Struct, frozen=True):
    """A subject by name; `as_note` where the call was named, else its actor."""

    name: str
    as_note: bool


class Say(Struct, frozen=True):
    """One word, yes or no, on a subject. `asks` is the Follow to be answered."""

    kind: str
    subject: Named
    present: bool
    activity_uri: str | None
    asks: bool = False


class UndoById(Struct, frozen=True):
    activity_uri: str


class Shun(Struct, frozen=True):
    """A Block: withdraws the endorsement and the subscription."""

    subject: Named


class Testify(Struct, frozen=True):
    note_uri: str
    in_reply_to: str
    url: str | None
    html: str
    published_at: datetime | None


class Retract(Struct, frozen=True):
    note_uri: str


class Depart(Struct, frozen=True):
    """The actor is gone."""


class MoveTo(Struct, frozen=True):
    target: str


class Redescribe(Struct, frozen=True):
    """The actor's profile or keys changed."""


class Flagged(Struct, frozen=True):
    objects: tuple[str, ...]
    content: str


Meaning = Say | UndoById | Shun | Testify | Retract | Depart | MoveTo | Redescribe | Flagged


def read(activity: Activity, urls: Urls) -> Meaning | None:
    """What the activity asks of us; None where it is nothing to us, which is no error. Raises Malformed."""
    match activity.type:
        case "Like" | "EmojiReact" | "Announce" | "Follow" | "Join":
            return _say(activity, urls, present=True)
        case "Leave":
            return _say(activity, urls, present=False)
        case "Undo":
            return _undo(activity, urls)
        case "Create":
            return _testimony(activity, urls)
        case "Update":
            return Redescribe() if activity.object_id == activity.actor else _testimony(activity, urls)
        case "Delete":
            return _delete(activity)
        case "Block":
            subject = _actor(activity.object_id, urls)
            return Shun(subject) if subject else None
        case "Move":
            if activity.object_id == activity.actor and activity.target_id:
                return MoveTo(activity.target_id)
        case "Flag":
            ours = tuple(uri for uri in activity.object_ids if uri.startswith(f"{urls.base}/"))
            return Flagged(ours, (activity.content or "")[:5000]) if ours else None
    return None


def _say(activity: Activity, urls: Urls, *, present: bool) -> Say | None:
    """A Like must name the Note; a Person's Join may name the campaign actor as well."""
    kind, subject = "endorsement", _note(activity.object_id, urls)
    match activity.type:
        case "Like" | "EmojiReact":
            if activities.reaction(activity) != "endorse":
                return None
        case "Announce":
            kind = "share"
        case "Follow":
            kind, subject = "subscription", _actor(activity.object_id, urls)
        case "Join" | "Leave":
            subject = subject or _actor(activity.object_id, urls)
        case _:
            return None
    if subject is None:
        return None
    # A Leave has an id of its own; it takes back whatever was said, as an Undo without a known id does.
    uri = None if activity.type == "Leave" else activity.id
    return Say(kind, subject, present, uri, asks=activity.type == "Follow")


def _undo(activity: Activity, urls: Urls) -> Say | UndoById | None:
    undone = activity.undone()
    if undone is None or (undone.type == "EmojiReact" and not undone.content):
        # snac leaves the emoji out of what it takes back: only the id tells whether that one counted.
        return UndoById(activity.object_id) if activity.object_id else None
    said = _say(undone, urls, present=False)
    return Say(said.kind, said.subject, False, said.activity_uri) if said else None


def _testimony(activity: Activity, urls: Urls) -> Testify | None:
    """A reply, public and their own; a poll vote is none."""
    note = activity.own_object()
    if note is None or activity.is_vote or not activity.is_public:
        return None
    uri, answered = vocabulary.id_of(note), activity.in_reply_to or _mentioned(activity, urls)
    if note.get("type") not in ("Note", "Article", "Page") or uri is None or answered is None:
        return None
    text = note.get("content")
    return Testify(
        note_uri=uri,
        in_reply_to=answered,
        url=_url(note.get("url"), activity.actor),
        html=text if isinstance(text, str) else "",
        published_at=vocabulary.time_of(note.get("published")),
    )


def _mentioned(activity: Activity, urls: Urls) -> str | None:
    """The call of a campaign that is mentioned: snac loses `inReplyTo` where it does not know the Note."""
    for tag in activity.tags:
        href = tag.get("href") if tag.get("type") == "Mention" else None
        campaign = _actor(href, urls) if isinstance(href, str) else None
        if campaign:
            return urls.note(campaign.name)
    return None


def _url(value: object, actor: str) -> str | None:
    """Where people read it: only on the author's own host."""
    for each in vocabulary.as_list(value)[:10]:
        url = each.get("href") if isinstance(each, dict) else each
        if isinstance(url, str) and vocabulary.same_host(url, actor):
            return url
    return None


def _delete(activity: Activity) -> Depart | Retract | None:
    if activity.object_id == activity.actor:
        return Depart()
    return Retract(activity.object_id) if activity.object_id else None


def _note(uri: str | None, urls: Urls) -> Named | None:
    slug = urls.slug_of_note(uri) if uri else None
    return Named(slug, as_note=True) if slug else None


def _actor(uri: str | None, urls: Urls) -> Named | None:
    name = urls.name_of_actor(uri) if uri else None
    return Named(name, as_note=False) if name else None
