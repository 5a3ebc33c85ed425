"""How the simulated servers differ: addresses, keys, signatures, and the shapes of what they send."""

from datetime import datetime
from typing import Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from federation import keys, vocabulary

Document = dict[str, Any]

# What a person who reacts with an emoji chooses from: these endorse, the others are only kind.
HEARTFELT: Final = ("❤", "❤", "👍", "⭐")
ONLY_KIND: Final = ("🎉", "👀", "🤔")


class Dialect(Struct, frozen=True):
    """One software, and the server that runs it here; `share` is its part of all people."""

    software: str
    version: str
    host: str
    share: float
    actor_path: str = "/users/{name}"
    key: str = "#main-key"
    algorithm: Literal["rsa", "ed25519"] = "rsa"
    likes_to: Literal["author", "shared"] = "author"
    reacts_by: Literal["Like", "EmojiReact"] | None = None
    undoes_by_id: bool = False
    is_secure: bool = False
    """Whether unsigned GETs are answered 401."""


DIALECTS: Final = (
    Dialect("mastodon", "4.5.2", "harbour", 0.4),
    Dialect("gotosocial", "0.20.1", "thicket", 0.14, key="/main-key", likes_to="shared", is_secure=True),
    Dialect("misskey", "2026.10.0", "comet", 0.14, actor_path="/users/9t{number:05}", reacts_by="Like"),
    Dialect("pleroma", "2.9.1", "orchard", 0.12, reacts_by="EmojiReact", undoes_by_id=True),
    Dialect("pixelfed", "0.12.6", "lantern", 0.1),
    # Signs by RFC 9421 with Ed25519, as the others may one day.
    Dialect("hollo", "0.7.3", "kiln", 0.1, actor_path="/@{name}", key="#ed25519-key", algorithm="ed25519"),
)


def actor(dialect: Dialect, uri: str, *, base: str, user: str, name: str, key: keys.SigningKey) -> Document:
    """A person as their server describes them."""
    document: Document = {
        "@context": [vocabulary.AS2, vocabulary.SECURITY],
        "id": uri,
        "type": "Person",
        "preferredUsername": user,
        "name": name,
        "url": f"{base}/@{user}",
        "inbox": f"{uri}/inbox",
        "outbox": f"{uri}/outbox",
        "endpoints": {"sharedInbox": f"{base}/inbox"},
    }
    public = key.private.public_key()
    if not isinstance(public, Ed25519PublicKey):
        document["publicKey"] = {"id": key.id, "owner": uri, "publicKeyPem": keys.public_pem(public)}
    else:
        multikey = {"id": key.id, "type": "Multikey", "controller": uri}
        document["assertionMethod"] = [multikey | {"publicKeyMultibase": keys.multikey(public)}]
    return document


def like(dialect: Dialect, actor: str, *, note: str, author: str, token: str, emoji: str | None) -> Document:
    """A favourite, or what this software sends for an emoji."""
    base = _base(actor)
    match dialect.software:
        case "mastodon":
            said: Document = {"id": f"{actor}#likes/{token}"}
        case "gotosocial":
            said = {"id": f"{actor}/liked/{token}", "to": author}
        case "misskey":
            said = {"id": f"{base}/likes/{token}", "content": emoji, "_misskey_reaction": emoji}
        case "pleroma":
            said = {"id": f"{base}/activities/{token}", "to": [author], "cc": [vocabulary.PUBLIC]}
            said |= {"content": emoji} if emoji else {}
        case _:
            said = {"id": f"{actor}#likes/{token}", "to": [author]}
    kind = dialect.reacts_by if emoji and dialect.reacts_by else "Like"
    return {"@context": vocabulary.AS2, **said, "type": kind, "actor": actor, "object": note}


def undo(dialect: Dialect, said: Document, token: str) -> Document:
    """The withdrawal of something said before."""
    inner = {name: value for name, value in said.items() if name != "@context"}
    return {
        "@context": vocabulary.AS2,
        "id": f"{_base(said['actor'])}/undo/{token}",
        "type": "Undo",
        "actor": said["actor"],
        "object": said["id"] if dialect.undoes_by_id else inner,
    }


def follow(actor: str, target: str, token: str) -> Document:
    return {
        "@context": vocabulary.AS2,
        "id": f"{_base(actor)}/follows/{token}",
        "type": "Follow",
        "actor": actor,
        "object": target,
    }


def announce(actor: str, note: str, author: str, token: str, at: datetime) -> Document:
    return {
        "@context": vocabulary.AS2,
        "id": f"{_base(actor)}/boosts/{token}",
        "type": "Announce",
        "actor": actor,
        "object": note,
        "published": vocabulary.timestamp(at),
        "to": [vocabulary.PUBLIC],
        "cc": [author, f"{actor}/followers"],
    }


def reply(
    actor: str, *, url: str, note: str, author: str, text: str, language: str, at: datetime
) -> Document:
    """The Create of a public reply; `text` is HTML."""
    said = {
        "id": f"{url}/note",
        "type": "Note",
        "attributedTo": actor,
        "inReplyTo": note,
        "content": text,
        "contentMap": {language: text},
        "published": vocabulary.timestamp(at),
        "url": url,
        "to": [vocabulary.PUBLIC],
        "cc": [author, f"{actor}/followers"],
        "tag": [{"type": "Mention", "href": author}],
    }
    addressed = {name: said[name] for name in ("published", "to", "cc")}
    return {
        "@context": vocabulary.AS2,
        "id": f"{url}/create",
        "type": "Create",
        "actor": actor,
        **addressed,
        "object": said,
    }


def _base(uri: str) -> str:
    """Scheme and authority."""
    return "/".join(uri.split("/")[:3])
