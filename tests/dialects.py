"""How the servers of the fediverse differ: ids, keys, what they sign, and the shapes of what they say.

Sources: the exchanges in interop/fixtures, and the servers' own code.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from tests import signing

PUBLIC: Final = "https://www.w3.org/ns/activitystreams#Public"
CONTEXT: Final = "https://www.w3.org/ns/activitystreams"
Document = dict[str, Any]


@dataclass(frozen=True)
class Dialect:
    """One server software."""

    software: str
    actor_path: str
    key: str = "#main-key"
    """What follows the actor's id in a key's id."""
    covered: tuple[str, ...] = signing.MASTODON
    algorithm: str | None = "rsa-sha256"
    scheme: signing.Scheme = "cavage"
    likes_to: Literal["author", "shared"] = "author"
    reuses_ids: bool = False
    """Whether a second Like of a Note has the id of the first."""
    undoes_by_id: bool = False
    secure: bool = False
    """Whether unsigned GETs are answered 401."""


MASTODON: Final = Dialect("mastodon", "/users/{name}")
DIALECTS: Final = {
    dialect.software: dialect
    for dialect in (
        MASTODON,
        # Says hs2019 and means RSA-SHA256; its key is a document of its own.
        Dialect(
            "gotosocial",
            "/users/{name}",
            key="/main-key",
            algorithm="hs2019",
            likes_to="shared",
            secure=True,
        ),
        Dialect("misskey", "/users/9t{name}", covered=("(request-target)", "date", "host", "digest")),
        Dialect(
            "pleroma",
            "/users/{name}",
            covered=("(request-target)", "content-length", "date", "digest", "host"),
            undoes_by_id=True,
        ),
        Dialect("takahe", "/@{name}@{host}/", likes_to="shared", reuses_ids=True),
        Dialect(
            "snac",
            "/{name}",
            covered=("(request-target)", "host", "digest", "date"),
            likes_to="shared",
            reuses_ids=True,
        ),
        Dialect("wordpress", "/?author={number}", covered=("(request-target)", "host", "date", "digest")),
        # Not a server of today: what Mastodon 4.7 accepts and Fedify sends.
        Dialect("fedify", "/users/{name}", scheme="rfc9421"),
    )
}


def actor(
    uri: str, *, dialect: Dialect, name: str, base: str, keys: list[signing.Key], **more: Any
) -> Document:
    """The Person as its server describes it: RSA keys as `publicKey`, others as Multikeys (FEP-521a)."""
    stem = uri.rstrip("/")
    document: Document = {
        "@context": [CONTEXT, "https://w3id.org/security/v1"],
        "id": uri,
        "type": "Person",
        "preferredUsername": name,
        "name": name.capitalize(),
        "inbox": f"{stem}/inbox" if "?" not in uri else f"{base}/inboxes/{name}",
        "outbox": f"{stem}/outbox" if "?" not in uri else f"{base}/outboxes/{name}",
        "url": f"{base}/@{name}",
    }
    if dialect.software == "takahe":
        document["inbox"] += "/"
        document["outbox"] += "/"
    if dialect.software != "snac":
        document["endpoints"] = {"sharedInbox": f"{base}/inbox"}
    for key in keys:
        if _is_rsa(key):
            document["publicKey"] = {"id": key.id, "owner": uri, "publicKeyPem": key.pem}
        else:
            document.setdefault("assertionMethod", []).append(
                {"id": key.id, "type": "Multikey", "controller": uri, "publicKeyMultibase": key.multikey}
            )
    return document | more


def key_stub(document: Document) -> Document:
    """What GoToSocial serves as `/users/x/main-key`: an actor cut down to its key."""
    names = ("@context", "id", "type", "preferredUsername", "publicKey")
    return {name: document[name] for name in names}


def like(
    dialect: Dialect, actor: str, note: str, number: int, *, at: datetime, reaction: str | None = None
) -> Document:
    """The favourite, or a reaction with an emoji, as this software says it."""
    match dialect.software:
        case "takahe":
            said: Document = {"id": f"{actor}#like/64708656315009{number}", "published": written(at)}
        case "snac":
            said = {
                "id": f"{actor}/{'e' if reaction else 'l'}/9e8a77d2{number}",
                "to": [PUBLIC],
                "published": written(at),
            }
        case "gotosocial":
            said = {"id": f"{actor}/liked/01J{number:06}", "to": author_of(note)}
        case "misskey":
            emoji = reaction or "❤"
            said = {
                "id": f"{origin(actor)}/likes/9tlike{number}",
                "content": emoji,
                "_misskey_reaction": emoji,
            }
        case "pleroma":
            said = {"id": f"{origin(actor)}/activities/{number}", "to": [author_of(note)], "cc": [PUBLIC]}
        case _:
            said = {"id": f"{actor}#likes/{number}"}
    kind = "Like"
    if reaction and dialect.software in ("pleroma", "snac", "fedify"):
        kind, said["content"] = "EmojiReact", reaction
    elif reaction:
        said["content"] = reaction
    return {"@context": CONTEXT, **said, "type": kind, "actor": actor, "object": note}


def undo(dialect: Dialect, said: Document, number: int) -> Document:
    """The withdrawal of an earlier activity."""
    separator = "/" if "#" in said["id"] or dialect.software == "snac" else "#"
    inner = {name: value for name, value in said.items() if name != "@context"}
    if dialect.software == "snac":
        inner.pop("content", None)
    return {
        "@context": CONTEXT,
        "id": f"{said['id']}{separator}undo" + ("" if dialect.reuses_ids else f"/{number}"),
        "type": "Undo",
        "actor": said["actor"],
        "object": said["id"] if dialect.undoes_by_id else inner,
    }


def announce(dialect: Dialect, actor: str, note: str, number: int, *, at: datetime) -> Document:
    return {
        "@context": CONTEXT,
        "id": f"{actor}#boost/{number}" if dialect.software == "takahe" else f"{actor}/boosts/{number}",
        "type": "Announce",
        "actor": actor,
        "object": note,
        "published": written(at),
        "to": "as:Public" if dialect.software == "takahe" else [PUBLIC],
        "cc": [author_of(note), f"{actor}/followers"],
    }


def reply(dialect: Dialect, actor: str, to: str, number: int, *, content: str, at: datetime) -> Document:
    """The Note alone; `about` makes activities of it."""
    mention = {"type": "Mention", "href": author_of(to), "name": "@campaign"}
    return {
        "id": f"{actor.rstrip('/')}/statuses/{number}",
        "type": "Note",
        "attributedTo": actor,
        "inReplyTo": to,
        "content": content,
        "published": written(at),
        "url": f"{origin(actor)}/@somebody/{number}",
        "to": "as:Public" if dialect.software == "takahe" else [PUBLIC],
        "cc": [author_of(to)],
        "tag": mention if dialect.software == "takahe" else [mention],
    }


def about(kind: str, note: Document, **more: Any) -> Document:
    """The Create, Update or Delete of a Note, addressed like the Note itself."""
    return {
        "@context": CONTEXT,
        "id": f"{note['id']}#{kind.lower()}",
        "type": kind,
        "actor": note["attributedTo"],
        "object": note,
        "to": note["to"],
        "cc": note["cc"],
        **more,
    }


def author_of(note: str) -> str:
    """The campaign actor that says this Note (the stable addresses of an instance)."""
    start, _, slug = note.partition("/campaigns/")
    return f"{start}/actors/{slug.split('/')[0]}"


def id_of(value: str | Document) -> str:
    return value if isinstance(value, str) else str(value["id"])


def origin(uri: str) -> str:
    """Scheme and authority of a URI."""
    return "/".join(uri.split("/")[:3])


def written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_rsa(key: signing.Key) -> bool:
    return hasattr(key.private, "key_size")
