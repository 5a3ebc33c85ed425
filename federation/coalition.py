"""The activities by which organisations join a campaign and pass on what they collected."""

import copy
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from federation import vocabulary
from federation.vocabulary import id_of


def join(*, id: str, actor: str, object: str, published: datetime) -> dict[str, Any]:
    """An organisation asks to be a partner of the campaign `object`."""
    return _activity("Join", id, actor, object, published, [object])


def leave(*, id: str, actor: str, object: str, published: datetime) -> dict[str, Any]:
    """A partner leaves the campaign `object`."""
    return _activity("Leave", id, actor, object, published, [object])


def invite(*, id: str, actor: str, object: str, target: str, published: datetime) -> dict[str, Any]:
    """The campaign, itself the `target`, asks the organisation `object` to be a partner."""
    return {**_activity("Invite", id, actor, object, published, [object]), "target": target}


def remove(*, id: str, actor: str, object: str, target: str, published: datetime) -> dict[str, Any]:
    """The campaign takes the organisation `object` off its roster, whose id is `target`."""
    return {**_activity("Remove", id, actor, object, published, [object]), "target": target}


def accept(
    *,
    id: str,
    actor: str,
    object: dict[str, Any],
    published: datetime,
    to: Sequence[str],
    result: dict[str, Any] | None = None,
    sketch_key: str | None = None,
) -> dict[str, Any]:
    """The answer to a Join (with the signed roster and the sketch key) or to an Invite (with neither)."""
    document = _activity("Accept", id, actor, _quoted(object), published, to)
    if result is not None:
        document["result"] = result
    if sketch_key is not None:
        document["fc:sketchKey"] = sketch_key
    return document


def reject(
    *, id: str, actor: str, object: dict[str, Any], published: datetime, to: Sequence[str]
) -> dict[str, Any]:
    """The refusal of a Join or an Invite."""
    return _activity("Reject", id, actor, _quoted(object), published, to)


def update(
    *, id: str, actor: str, object: dict[str, Any], published: datetime, to: Sequence[str]
) -> dict[str, Any]:
    """A new version of the actor's own signed document: its tally, its sketch, or the campaign's roster."""
    return _activity("Update", id, actor, object, published, to)


def announce(
    *, id: str, actor: str, object: dict[str, Any], published: datetime, to: Sequence[str]
) -> dict[str, Any]:
    """The campaign passes on a partner's signed tally or sketch, every byte as it came."""
    return _activity("Announce", id, actor, object, published, to)


def _quoted(request: dict[str, Any]) -> dict[str, Any]:
    """What says which Join or Invite it was, and nothing else that a stranger may have written into it."""
    named = {field: id_of(request.get(field)) for field in ("id", "type", "actor", "object", "target")}
    return {field: uri for field, uri in named.items() if uri is not None}


def _activity(  # noqa: PLR0917 - the same parts of each, in the order of the sentence
    type: str,
    id: str,
    actor: str,
    object: str | dict[str, Any],
    published: datetime,
    to: Sequence[str],
) -> dict[str, Any]:
    # What is embedded keeps its own context, which its proof covers.
    return {
        "@context": copy.deepcopy(vocabulary.COALITION_CONTEXT),
        "id": id,
        "type": type,
        "actor": actor,
        "published": vocabulary.timestamp(published),
        "to": list(to),
        "object": object,
    }
