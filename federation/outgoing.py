"""The activities that we send: each with an id on its actor's host, arrays of recipients and a time."""

import copy
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from federation import documents, vocabulary
from federation.vocabulary import as_list, id_of


def create(*, id: str, actor: str, object: dict[str, Any], published: datetime) -> dict[str, Any]:
    """The publication of a Note, addressed as the Note is."""
    return _activity("Create", id, actor, object, published, as_list(object["to"]), as_list(object["cc"]))


def update(
    *,
    id: str,
    actor: str,
    object: dict[str, Any],
    published: datetime,
    to: Sequence[str] = (vocabulary.PUBLIC,),
    cc: Sequence[str] = (),
) -> dict[str, Any]:
    """An edit, where the object's `updated` is newer; else a silent refresh of its counts."""
    return _activity("Update", id, actor, object, published, to, cc)


def delete(
    *,
    id: str,
    actor: str,
    object: str | dict[str, Any],
    published: datetime,
    to: Sequence[str] = (vocabulary.PUBLIC,),
    cc: Sequence[str] = (),
) -> dict[str, Any]:
    """A deletion: `object` is the Note's Tombstone, or the actor's own URI."""
    return _activity("Delete", id, actor, object, published, to, cc)


def announce(
    *,
    id: str,
    actor: str,
    object: str,
    published: datetime,
    to: Sequence[str] = (vocabulary.PUBLIC,),
    cc: Sequence[str] = (),
) -> dict[str, Any]:
    """A boost: the receiving server fetches the object. `cc` names the actor's followers and the author."""
    return _activity("Announce", id, actor, object, published, to, cc)


def follow(*, id: str, actor: str, object: str, published: datetime) -> dict[str, Any]:
    """A request to follow the actor `object`."""
    return _activity("Follow", id, actor, object, published, [object], ())


def accept(*, id: str, actor: str, object: dict[str, Any], published: datetime) -> dict[str, Any]:
    """The answer to a Follow as it came; only what says which one it was goes back."""
    return _answer("Accept", id, actor, object, published)


def reject(*, id: str, actor: str, object: dict[str, Any], published: datetime) -> dict[str, Any]:
    """The refusal of a Follow as it came, also later (the follower is removed)."""
    return _answer("Reject", id, actor, object, published)


def undo(*, id: str, actor: str, object: dict[str, Any], published: datetime) -> dict[str, Any]:
    """The withdrawal of an activity of ours, for whom that was."""
    to, cc = as_list(object.get("to")), as_list(object.get("cc"))
    return _activity("Undo", id, actor, object, published, to, cc)


def _answer(type: str, id: str, actor: str, object: dict[str, Any], published: datetime) -> dict[str, Any]:
    # Not all of it: what a stranger sends is not for us to sign and pass on.
    named = {field: id_of(object.get(field)) for field in ("id", "type", "actor", "object")}
    named["type"] = object["type"]
    who = named["actor"]
    request = {field: value for field, value in named.items() if value is not None}
    return _activity(type, id, actor, request, published, [who] if who else [], ())


def _activity(  # noqa: PLR0917 - the same parts of each, in the order of the sentence
    type: str,
    id: str,
    actor: str,
    object: str | dict[str, Any],
    published: datetime,
    to: Sequence[str],
    cc: Sequence[str],
) -> dict[str, Any]:
    return {
        "@context": copy.deepcopy(vocabulary.CONTEXT),
        "id": id,
        "type": type,
        "actor": actor,
        "published": vocabulary.timestamp(published),
        "to": list(to),
        "cc": list(cc),
        "object": documents.embedded(object),
    }
