"""Our actors, notes and collections, in the shapes that other servers really read."""

import copy
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any, Final, Literal

from msgspec import Struct

from federation import vocabulary

MAX_PICTURES: Final = 4


class Picture(Struct, frozen=True):
    """An image at an absolute URL; `alt` is its description, `width` and `height` are pixels."""

    url: str
    media_type: str
    alt: str = ""
    width: int | None = None
    height: int | None = None


def actor(
    *,
    id: str,
    type: Literal["Organization", "Group", "Application"],
    preferred_username: str,
    name: str,
    url: str,
    shared_inbox: str,
    published: datetime,
    public_key_pem: str,
    multikeys: Mapping[str, str] | None = None,
    summary: str = "",
    icon: Picture | None = None,
    image: Picture | None = None,
    fields: Mapping[str, str] | None = None,
    attributed_to: str | None = None,
    also_known_as: Sequence[str] = (),
) -> dict[str, Any]:
    """An actor with its collections below its id. The `Application` is the instance's, and not to be found.

    `summary` and the values of `fields` (name to value, in order) are HTML. `public_key_pem` is the RSA key,
    `multikeys` the Ed25519 ones by their ids (FEP-521a), of which the first signs. Keys are fragments of the
    id: snac refuses any other.
    """
    found = type != "Application"
    document: dict[str, Any] = {
        "@context": _context(),
        "id": id,
        "type": type,
        "preferredUsername": preferred_username,
        "name": name,
        "summary": summary,
        "url": url,
        "inbox": f"{id}/inbox",
        "outbox": f"{id}/outbox",
        "followers": f"{id}/followers",
        "following": f"{id}/following",
        "endpoints": {"sharedInbox": shared_inbox},
        "manuallyApprovesFollowers": False,
        "discoverable": found,
        "indexable": found,
        "published": vocabulary.timestamp(published),
        "publicKey": {"id": f"{id}#main-key", "owner": id, "publicKeyPem": public_key_pem},
    }
    if multikeys:
        document["assertionMethod"] = [
            {"id": key_id, "type": "Multikey", "controller": id, "publicKeyMultibase": multikey}
            for key_id, multikey in multikeys.items()
        ]
    if found:
        document["featured"] = f"{id}/featured"
        document["attachment"] = [
            {"type": "PropertyValue", "name": name, "value": value} for name, value in (fields or {}).items()
        ]
    if icon:
        document["icon"] = _image(icon)
    if image:
        document["image"] = _image(image)
    if attributed_to:
        document["attributedTo"] = attributed_to
    if also_known_as:
        document["alsoKnownAs"] = list(also_known_as)
    return document


def note(
    *,
    id: str,
    attributed_to: str,
    followers: str,
    language: str,
    content: Mapping[str, str],
    titles: Mapping[str, str] | None = None,
    published: datetime,
    updated: datetime | None = None,
    pictures: Sequence[Picture] = (),
    hashtags: Mapping[str, str] | None = None,
    in_reply_to: str | None = None,
    likes: int | None = None,
    shares: int | None = None,
    replies: Sequence[str] | None = None,
    replies_next: str | None = None,
) -> dict[str, Any]:
    """A public Note: the call, or an update. Its page has the same URL.

    `content` (sanitised HTML) and `titles` (plain text) go by language, `language` being everybody's;
    the title is the first paragraph, as a `name` or `summary` would become a content warning. `hashtags` maps
    names without # to URLs. `updated` only for an edit: the counts `likes` and `shares` are refreshed by an
    Update with the old one. `replies` is the first page of URIs, `replies_next` the URL of the second.
    Collections that are None are left out. ValueError for more pictures than others show.
    """
    if len(pictures) > MAX_PICTURES:
        raise ValueError(f"more than {MAX_PICTURES} pictures")
    tags = hashtags or {}
    texts = {each: _text((titles or {}).get(each), html, tags) for each, html in content.items()}
    document: dict[str, Any] = {
        "@context": _context(),
        "id": id,
        "type": "Note",
        "attributedTo": attributed_to,
        "to": [vocabulary.PUBLIC],
        "cc": [followers],
        "published": vocabulary.timestamp(published),
        "url": id,
        "content": texts[language],
        "contentMap": texts,
        "sensitive": False,
        "attachment": [_image(picture) for picture in pictures],
        "tag": [{"type": "Hashtag", "href": url, "name": f"#{name}"} for name, url in tags.items()],
    }
    if updated:
        document["updated"] = vocabulary.timestamp(max(updated, published))
    if in_reply_to:
        document["inReplyTo"] = in_reply_to
    # Embedded, as Mastodon takes the counts from here and fetches no bare URL.
    for field, total in (("likes", likes), ("shares", shares)):
        if total is not None:
            document[field] = {"id": f"{id}/{field}", "type": "Collection", "totalItems": total}
    if replies is not None:
        first = {
            "id": f"{id}/replies?page=1",
            "type": "CollectionPage",
            "partOf": f"{id}/replies",
            "items": list(replies),
        }
        if replies_next:
            first["next"] = replies_next
        document["replies"] = {"id": f"{id}/replies", "type": "Collection", "first": first}
    return document


def tombstone(*, id: str, deleted: datetime, former_type: str = "Note") -> dict[str, Any]:
    """What is left of a deleted object or actor: served with 410, and embedded in the Delete."""
    return {
        "@context": _context(),
        "id": id,
        "type": "Tombstone",
        "formerType": former_type,
        "deleted": vocabulary.timestamp(deleted),
    }


def collection(
    *,
    id: str,
    total: int,
    ordered: bool = True,
    first: str | None = None,
    items: Sequence[str | dict[str, Any]] | None = None,
    attributed_to: str | None = None,
) -> dict[str, Any]:
    """A collection: with pages from the URL `first`, with all its `items`, or with its `total` alone."""
    document: dict[str, Any] = {
        "@context": _context(),
        "id": id,
        "type": "OrderedCollection" if ordered else "Collection",
        "totalItems": total,
    }
    if attributed_to:
        document["attributedTo"] = attributed_to
    if first:
        document["first"] = first
    if items is not None:
        document["orderedItems" if ordered else "items"] = [embedded(item) for item in items]
    return document


def collection_page(
    *,
    id: str,
    part_of: str,
    items: Sequence[str | dict[str, Any]],
    ordered: bool = True,
    total: int | None = None,
    next: str | None = None,
    prev: str | None = None,
) -> dict[str, Any]:
    """One page of a collection; `next` and `prev` are URLs, left out at the ends."""
    document: dict[str, Any] = {
        "@context": _context(),
        "id": id,
        "type": "OrderedCollectionPage" if ordered else "CollectionPage",
        "partOf": part_of,
    }
    if total is not None:
        document["totalItems"] = total
    if next:
        document["next"] = next
    if prev:
        document["prev"] = prev
    document["orderedItems" if ordered else "items"] = [embedded(item) for item in items]
    return document


def embedded(value: str | dict[str, Any]) -> str | dict[str, Any]:
    """A document as it stands in another one: its context is the outer one's."""
    if isinstance(value, str):
        return value
    return {key: each for key, each in value.items() if key != "@context"}


def _context() -> list[str | dict[str, Any]]:
    return copy.deepcopy(vocabulary.CONTEXT)


def _image(picture: Picture) -> dict[str, Any]:
    image: dict[str, Any] = {"type": "Image", "mediaType": picture.media_type, "url": picture.url}
    if picture.alt:
        image["name"] = picture.alt
    if picture.width and picture.height:
        image |= {"width": picture.width, "height": picture.height}
    return image


def _text(title: str | None, html: str, hashtags: Mapping[str, str]) -> str:
    heading = f"<p><strong>{escape(title)}</strong></p>" if title else ""
    links = " ".join(
        f'<a href="{escape(url)}" class="mention hashtag" rel="tag">#<span>{escape(name)}</span></a>'
        for name, url in hashtags.items()
    )
    return heading + html + (f"<p>{links}</p>" if links else "")
