"""What we publish and send, against what was recorded as understood, and in active-boxes' vocabulary."""

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from active_boxes import activitypub
from active_boxes.backend import Backend

from federation import activities, content, documents, outgoing, vocabulary
from federation.documents import Picture

RECORDED = Path(__file__).parents[1] / "interop" / "fixtures"
OURS = json.loads((RECORDED / "ours.json").read_bytes())
BOBS_ACTOR = json.loads((RECORDED / "snac" / "follow.json").read_bytes())["actor"]
HOST = "https://ours.test"
ORGANISATION = f"{HOST}/actors/org"
CAMPAIGN = f"{HOST}/actors/forest"
CALL = f"{HOST}/campaigns/forest"
BOB = "https://snac.test/bob"
PUBLISHED = datetime(2026, 11, 21, 21, 43, 47, 999_000, tzinfo=UTC)
FOUNDED = datetime(2026, 11, 1, tzinfo=UTC)
ICON = Picture(f"{HOST}/static/icon.png", "image/png")
FOREST = Picture(f"{HOST}/static/forest.png", "image/png", "Oaks in morning light", 640, 360)
FOLLOW = {
    "@context": vocabulary.AS2,
    "id": f"{BOB}/d/1795297505.525585/Follow",
    "type": "Follow",
    "actor": {"id": BOB, "type": "Person", "name": "Bob"},
    "object": CAMPAIGN,
    "signature": {"type": "RsaSignature2017"},
}


def campaign(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "id": CAMPAIGN,
        "type": "Group",
        "preferred_username": "forest",
        "name": "Save the old forest",
        "summary": "<p>A campaign. Favourite the call to endorse it.</p>",
        "url": CALL,
        "shared_inbox": f"{HOST}/inbox",
        "published": FOUNDED,
        "public_key_pem": OURS["documents"][CAMPAIGN]["publicKey"]["publicKeyPem"],
        "icon": ICON,
        "image": FOREST,
        "fields": {"Website": content.link(f"{HOST}/", "me")},
        "attributed_to": ORGANISATION,
    }
    given |= changes
    multikeys = {f"{given['id']}#ed25519-key": "z6MkmykAXNAEenzAL9aMG3rnZfZPJqMgPDocyUiyUF2FHXRi"}
    return documents.actor(**{"multikeys": multikeys, **given})


def instance() -> dict[str, Any]:
    return campaign(
        id=f"{HOST}/actor",
        type="Application",
        preferred_username="ours.test",
        name="ours.test",
        summary="<p>Server actor</p>",
        url=f"{HOST}/",
        icon=None,
        image=None,
        attributed_to=None,
        public_key_pem=OURS["documents"][f"{HOST}/actor"]["publicKey"]["publicKeyPem"],
    )


def call(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "id": CALL,
        "attributed_to": CAMPAIGN,
        "followers": f"{CAMPAIGN}/followers",
        "language": "en",
        "content": {"en": "<p>Sign to keep the old forest standing. The council decides in spring.</p>"},
        "titles": {"en": "Save the old forest"},
        "published": PUBLISHED,
        "pictures": [FOREST],
        "hashtags": {"forests": f"{HOST}/tags/forests"},
        "likes": 7,
        "shares": 3,
        "replies": [],
    }
    return documents.note(**{**given, **changes})


def everything() -> dict[str, dict[str, Any]]:
    note, follow = (
        call(),
        outgoing.follow(id=f"{ORGANISATION}#follows/1", actor=ORGANISATION, object=BOB, published=FOUNDED),
    )
    gone = documents.tombstone(id=CALL, deleted=PUBLISHED)
    boost = outgoing.announce(
        id=f"{ORGANISATION}#announces/1",
        actor=ORGANISATION,
        object=CALL,
        published=PUBLISHED,
        cc=[f"{ORGANISATION}/followers", CAMPAIGN],
    )
    return {
        "organisation": campaign(id=ORGANISATION, type="Organization", attributed_to=None),
        "campaign": campaign(also_known_as=[f"{HOST}/actors/wood"]),
        "instance": instance(),
        "call": note,
        "edited call": call(updated=PUBLISHED + timedelta(days=1)),
        "update": call(id=f"{CALL}/updates/1", in_reply_to=CALL, likes=None, shares=None, replies=None),
        "tombstone": gone,
        "followers": documents.collection(
            id=f"{CAMPAIGN}/followers", total=9, first=f"{CAMPAIGN}/followers?page=1"
        ),
        "likes": documents.collection(id=f"{CALL}/likes", total=7, ordered=False, attributed_to=CAMPAIGN),
        "featured": documents.collection(id=f"{CAMPAIGN}/featured", total=1, items=[note]),
        "outbox page": documents.collection_page(
            id=f"{CAMPAIGN}/outbox?page=2",
            part_of=f"{CAMPAIGN}/outbox",
            total=41,
            items=[outgoing.create(id=f"{CALL}#create", actor=CAMPAIGN, object=note, published=PUBLISHED)],
            next=f"{CAMPAIGN}/outbox?page=3",
            prev=f"{CAMPAIGN}/outbox?page=1",
        ),
        "replies page": documents.collection_page(
            id=f"{CALL}/replies?page=1", part_of=f"{CALL}/replies", items=[f"{BOB}/p/1"], ordered=False
        ),
        "Create": outgoing.create(id=f"{CALL}#create", actor=CAMPAIGN, object=note, published=PUBLISHED),
        "Update": outgoing.update(id=f"{CALL}#updates/1", actor=CAMPAIGN, object=note, published=PUBLISHED),
        "profile Update": outgoing.update(
            id=f"{CAMPAIGN}#updates/1", actor=CAMPAIGN, object=campaign(), published=PUBLISHED
        ),
        "Delete": outgoing.delete(id=f"{CALL}#delete", actor=CAMPAIGN, object=gone, published=PUBLISHED),
        "actor Delete": outgoing.delete(
            id=f"{CAMPAIGN}#delete", actor=CAMPAIGN, object=CAMPAIGN, published=PUBLISHED
        ),
        "Announce": boost,
        "Undo Announce": outgoing.undo(
            id=f"{ORGANISATION}#undos/1", actor=ORGANISATION, object=boost, published=PUBLISHED
        ),
        "Follow": follow,
        "Undo Follow": outgoing.undo(
            id=f"{ORGANISATION}#undos/2", actor=ORGANISATION, object=follow, published=PUBLISHED
        ),
        "Accept": outgoing.accept(
            id=f"{CAMPAIGN}#accepts/13", actor=CAMPAIGN, object=FOLLOW, published=PUBLISHED
        ),
        "Reject": outgoing.reject(
            id=f"{CAMPAIGN}#rejects/14", actor=CAMPAIGN, object=FOLLOW, published=PUBLISHED
        ),
    }


EVERYTHING = everything()
ACTIVITIES = [name for name, document in EVERYTHING.items() if "actor" in document]


class Offline(Backend):  # type: ignore[misc]
    """What active-boxes asks of its host application; what it fetches is what we serve."""

    def base_url(self) -> str:
        return HOST

    def activity_url(self, obj_id: str) -> str:
        return f"{HOST}/{obj_id}"

    note_url = activity_url

    def fetch_iri(self, iri: str, **_: Any) -> Any:
        served = {document["id"]: document for document in (BOBS_ACTOR, *EVERYTHING.values())}
        return copy.deepcopy(served[iri])


@pytest.fixture
def _active_boxes() -> Iterator[None]:
    before = activitypub.BACKEND
    activitypub.use_backend(Offline())
    yield
    activitypub.use_backend(before)


@pytest.mark.usefixtures("_active_boxes")
@pytest.mark.parametrize("name", EVERYTHING)
def test_active_boxes_understands_all_that_we_publish(name: str) -> None:
    document = EVERYTHING[name]
    # It completes the context that it is given, so it gets its own.
    parsed = activitypub.parse_activity(copy.deepcopy(document))
    assert parsed.has_type(document["type"])
    assert parsed.id == document["id"]
    if "actor" in document:
        assert parsed.get_actor_sync().id == document["actor"]
    if isinstance(document.get("object"), dict):
        embedded = parsed.get_object_sync()
        assert embedded.id == document["object"]["id"]
        assert embedded.has_type(document["object"]["type"])


@pytest.mark.parametrize("name", EVERYTHING)
def test_what_we_publish_is_plain(name: str) -> None:
    document = EVERYTHING[name]
    assert activities.decode(json.dumps(document).encode()) == document
    assert document["@context"] == vocabulary.CONTEXT
    assert document["@context"][2] is not vocabulary.CONTEXT[2]

    def check(value: object, outermost: bool = False) -> None:
        if isinstance(value, list):
            for each in value:
                check(each)
        if isinstance(value, dict):
            assert outermost or "@context" not in value
            assert isinstance(value.get("type", ""), str)
            assert not {"summary", "name", "interactionPolicy"} & set(value) or value["type"] != "Note"
            for field in ("to", "cc", "tag", "attachment"):
                assert isinstance(value.get(field, []), list)
            for each in value.values():
                check(each)

    check({key: value for key, value in document.items() if key != "@context"}, outermost=True)


@pytest.mark.parametrize("name", ACTIVITIES)
def test_we_read_what_we_send(name: str) -> None:
    document = EVERYTHING[name]
    activity = activities.read(document)
    assert not activity.has_foreign_id()
    assert activity.to
    assert activity.published is not None
    if name.startswith("Undo"):
        undone = activity.undone()
        assert undone is not None
        assert undone.type == name.removeprefix("Undo ")
        assert undone.to == activity.to
    if activity.type in {"Create", "Update"}:
        assert activity.own_object() == document["object"]


@pytest.mark.parametrize(("name", "uri"), [("campaign", CAMPAIGN), ("instance", f"{HOST}/actor")])
def test_an_actor_has_the_shape_that_others_understood(name: str, uri: str) -> None:
    recorded = OURS["documents"][uri]
    ours = {**EVERYTHING[name], "@context": recorded["@context"]}
    keys = ours.pop("assertionMethod")
    ours.pop("alsoKnownAs", None)
    if name == "campaign":
        recorded = {**recorded, "image": ours["image"]}
        assert ours["attachment"][0].pop("value").startswith('<a href="https://ours.test/" rel="me">')
        recorded["attachment"] = [{"type": "PropertyValue", "name": "Website"}]
    assert ours == recorded
    assert keys[0]["id"] == f"{uri}#ed25519-key"
    assert keys[0]["controller"] == uri


def test_the_call_has_the_shape_that_others_understood() -> None:
    recorded = OURS["documents"][CALL]
    assert {**call(), "@context": recorded["@context"]} == recorded


@pytest.mark.parametrize(
    ("name", "recorded"), [("Create", "create"), ("Accept", "accept"), ("Delete", "delete")]
)
def test_an_activity_has_the_shape_that_others_understood(name: str, recorded: str) -> None:
    theirs = OURS["sent"][recorded]["activity"]
    ours = EVERYTHING[name]
    assert set(theirs) - set(ours) == set()
    assert set(ours) - set(theirs) <= {"cc", "published"}
    if name != "Delete":
        assert {**ours["object"]} == theirs["object"]


def test_a_note_in_two_languages_has_both_and_one_for_everybody() -> None:
    note = call(
        language="it",
        content={"en": "<p>Sign.</p>", "it": "<p>Firma.</p>"},
        titles={"en": "Oaks & <elms>", "it": "Querce"},
        hashtags=None,
    )
    assert note["content"] == note["contentMap"]["it"] == "<p><strong>Querce</strong></p><p>Firma.</p>"
    assert note["contentMap"]["en"] == "<p><strong>Oaks &amp; &lt;elms&gt;</strong></p><p>Sign.</p>"


def test_a_note_says_that_it_was_edited_only_if_it_was() -> None:
    assert "updated" not in call()
    later = datetime(2026, 11, 22, 1, 0, tzinfo=timezone(timedelta(hours=1)))
    assert call(updated=later)["updated"] == "2026-11-22T00:00:00Z"
    assert call(updated=FOUNDED)["updated"] == call()["published"] == "2026-11-21T21:43:47Z"


def test_a_refresh_of_the_counts_changes_nothing_else() -> None:
    edited = PUBLISHED + timedelta(hours=1)
    before, after = call(updated=edited), call(updated=edited, likes=8)
    assert after["likes"].pop("totalItems") == before["likes"].pop("totalItems") + 1
    assert after == before


def test_replies_come_with_their_first_page() -> None:
    replies = call(replies=[f"{BOB}/p/1"], replies_next=f"{CALL}/replies?page=2")["replies"]
    assert replies["first"]["items"] == [f"{BOB}/p/1"]
    assert replies["first"]["partOf"] == replies["id"] == f"{CALL}/replies"
    assert replies["first"]["next"] == f"{CALL}/replies?page=2"


def test_more_pictures_than_others_show_are_refused() -> None:
    with pytest.raises(ValueError, match="pictures"):
        call(pictures=[FOREST] * 5)


def test_an_accept_quotes_no_more_than_the_request() -> None:
    accept = EVERYTHING["Accept"]
    assert accept["to"] == [BOB]
    assert accept["object"] == {
        "id": FOLLOW["id"],
        "type": "Follow",
        "actor": BOB,
        "object": CAMPAIGN,
    }


def test_a_collection_may_have_its_total_alone() -> None:
    likes = EVERYTHING["likes"]
    assert likes["type"] == "Collection"
    assert likes["totalItems"] == 7
    assert not {"first", "items", "orderedItems"} & set(likes)


def test_a_page_knows_its_neighbours() -> None:
    page = EVERYTHING["outbox page"]
    assert (page["partOf"], page["prev"], page["next"]) == (
        f"{CAMPAIGN}/outbox",
        f"{CAMPAIGN}/outbox?page=1",
        f"{CAMPAIGN}/outbox?page=3",
    )
    assert "next" not in EVERYTHING["replies page"]
    assert EVERYTHING["replies page"]["items"] == [f"{BOB}/p/1"]
