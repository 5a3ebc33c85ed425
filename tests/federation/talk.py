"""Every activity between fedicause instances, as its actor would send it to whom it is for."""

from typing import Any

from federation import coalition, outgoing, sketches
from tests.federation import papers
from tests.federation.papers import ALLY, CAMPAIGN, NOW, ORG, SKETCH_KEY

ROSTER = "https://a.example/campaigns/forest/partners"


def join() -> dict[str, Any]:
    return coalition.join(
        id="https://b.example/activities/join-1", actor=ALLY, object=CAMPAIGN, published=NOW
    )


def invite() -> dict[str, Any]:
    return coalition.invite(
        id="https://a.example/activities/invite-1",
        actor=CAMPAIGN,
        object=ALLY,
        target=CAMPAIGN,
        published=NOW,
    )


def accept() -> dict[str, Any]:
    return coalition.accept(
        id="https://a.example/activities/accept-1",
        actor=CAMPAIGN,
        object=join(),
        published=NOW,
        to=[ALLY],
        result=papers.roster(),
        sketch_key=sketches.key_text(SKETCH_KEY),
    )


def accept_invite() -> dict[str, Any]:
    return coalition.accept(
        id="https://b.example/activities/accept-1", actor=ALLY, object=invite(), published=NOW, to=[CAMPAIGN]
    )


def reject() -> dict[str, Any]:
    return coalition.reject(
        id="https://a.example/activities/reject-1", actor=CAMPAIGN, object=join(), published=NOW, to=[ALLY]
    )


def reject_invite() -> dict[str, Any]:
    return coalition.reject(
        id="https://b.example/activities/reject-1", actor=ALLY, object=invite(), published=NOW, to=[CAMPAIGN]
    )


def leave() -> dict[str, Any]:
    return coalition.leave(
        id="https://b.example/activities/leave-1", actor=ALLY, object=CAMPAIGN, published=NOW
    )


def remove() -> dict[str, Any]:
    return coalition.remove(
        id="https://a.example/activities/remove-1", actor=CAMPAIGN, object=ALLY, target=ROSTER, published=NOW
    )


def follow() -> dict[str, Any]:
    return outgoing.follow(id="https://b.example/activities/follow-1", actor=ALLY, object=ORG, published=NOW)


def accept_follow() -> dict[str, Any]:
    return outgoing.accept(
        id="https://a.example/activities/accept-2", actor=ORG, object=follow(), published=NOW
    )


def share() -> dict[str, Any]:
    """A host's organisation boosts the call of the campaign that it has joined."""
    return outgoing.announce(
        id="https://b.example/activities/share-1",
        actor=ALLY,
        object="https://a.example/campaigns/forest",
        published=NOW,
        cc=[f"{ALLY}/followers", CAMPAIGN],
    )


def undo_share() -> dict[str, Any]:
    return outgoing.undo(id="https://b.example/activities/undo-2", actor=ALLY, object=share(), published=NOW)


def undo_follow() -> dict[str, Any]:
    return outgoing.undo(id="https://b.example/activities/undo-1", actor=ALLY, object=follow(), published=NOW)


def update(document: dict[str, Any], *, to: str) -> dict[str, Any]:
    """The author of a signed document sends it."""
    author = document["attributedTo"]
    host = author.split("/actors/")[0]
    return coalition.update(
        id=f"{host}/activities/update-1", actor=author, object=document, published=NOW, to=[to]
    )


def announce(document: dict[str, Any]) -> dict[str, Any]:
    """The campaign passes a signed document on."""
    return coalition.announce(
        id="https://a.example/activities/announce-1",
        actor=CAMPAIGN,
        object=document,
        published=NOW,
        to=["https://c.example/actors/river"],
    )


def common() -> dict[str, dict[str, Any]]:
    """What is said to instances as to every other server."""
    return {
        "Follow": follow(),
        "Accept of a Follow": accept_follow(),
        "Undo of a Follow": undo_follow(),
        "Announce of the call": share(),
        "Undo of the Announce": undo_share(),
    }


def everything() -> dict[str, dict[str, Any]]:
    """All of them, by what they are called, but for those that every server knows."""
    return {
        "Join": join(),
        "Accept of a Join": accept(),
        "Reject of a Join": reject(),
        "Invite": invite(),
        "Accept of an Invite": accept_invite(),
        "Reject of an Invite": reject_invite(),
        "Leave": leave(),
        "Remove": remove(),
        "Update of the roster": update(papers.roster(), to=ALLY),
        "Update of a tally": update(papers.tally(), to=CAMPAIGN),
        "Update of a sketch": update(papers.sketch(), to=CAMPAIGN),
        "Announce of a tally": announce(papers.tally()),
        "Announce of a sketch": announce(papers.sketch()),
    }
