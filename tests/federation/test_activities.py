"""Every recorded dialect says what was done; nothing else gets past the reader."""

import json
from pathlib import Path
from typing import Any

import pytest

from federation import activities, vocabulary
from federation.vocabulary import Malformed

RECORDED = Path(__file__).parents[1] / "interop" / "fixtures"
CALL = "https://ours.test/campaigns/forest"
POLL = "https://ours.test/campaigns/forest-poll"
CAMPAIGN = "https://ours.test/actors/forest"
ORGANISATION = "https://ours.test/actors/org"

# File name: type, what it is about, and the type of what is undone.
MEANS: dict[str, tuple[str, str | None, str | None]] = {
    "like": ("Like", CALL, None),
    "like_again": ("Like", CALL, None),
    "like_before_delete": ("Like", CALL, None),
    "like_with_content": ("Like", CALL, None),
    "unlike": ("Undo", CALL, "Like"),
    "unlike_again": ("Undo", CALL, "Like"),
    "unlike_again_retry": ("Undo", CALL, "Like"),
    "actor_delete_4_undo_like": ("Undo", CALL, "Like"),
    "emoji_react": ("EmojiReact", CALL, None),
    "emoji_unreact": ("Undo", CALL, "EmojiReact"),
    "announce": ("Announce", CALL, None),
    "announce_again": ("Announce", CALL, None),
    "unannounce": ("Undo", CALL, "Announce"),
    "follow": ("Follow", CAMPAIGN, None),
    "follow_again": ("Follow", CAMPAIGN, None),
    "follow_before_delete": ("Follow", CAMPAIGN, None),
    "follow_org": ("Follow", ORGANISATION, None),
    "unfollow": ("Undo", CAMPAIGN, "Follow"),
    "unfollow_org": ("Undo", ORGANISATION, "Follow"),
    "block_undo_follow": ("Undo", CAMPAIGN, "Follow"),
    "actor_delete_undo_follow": ("Undo", CAMPAIGN, "Follow"),
    "actor_delete_3_undo_follow": ("Undo", CAMPAIGN, "Follow"),
    "block": ("Block", CAMPAIGN, None),
    "unblock": ("Undo", CAMPAIGN, "Block"),
    "accept_follow": ("Accept", None, None),
    "blog_accept_follow": ("Accept", None, None),
    "actor_delete_2_reject": ("Reject", None, None),
    "flag": ("Flag", None, None),
    "unlike_bare": ("Undo", None, None),
    "profile_update": ("Update", None, None),
    "actor_delete_1_update": ("Update", None, None),
    "actor_delete": ("Delete", None, None),
    "actor_delete_5_delete": ("Delete", None, None),
    "reply": ("Create", None, None),
    "reply_while_following": ("Create", None, None),
    "comment_reply": ("Create", None, None),
    "reply_edit": ("Update", None, None),
    "comment_reply_edit": ("Update", None, None),
    "reply_delete": ("Delete", None, None),
    "comment_reply_delete": ("Delete", None, None),
    "post": ("Create", None, None),
    "post_2": ("Create", None, None),
    "vote": ("Create", None, None),
    "blog_announce_create": ("Announce", None, None),
}

# Without a post of the campaign at hand, snac could only mention it.
ANSWERED = {
    "snac/reply": None,
    "snac/reply_edit": None,
    "wordpress/comment_reply": "https://ours.test/own/reply-1",
}


def recordings() -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted(RECORDED.glob("*/*.json")):
        recorded = json.loads(path.read_bytes())
        if "request" in recorded:
            found[f"{path.parent.name}/{path.stem}"] = recorded
    return found


EXCHANGES = recordings()


def received(name: str) -> activities.Activity:
    return activities.read(activities.decode(EXCHANGES[name]["request"]["body"].encode()))


def named(*stems: str) -> list[str]:
    return [name for name in EXCHANGES if name.split("/")[1] in stems]


def like(**changes: Any) -> dict[str, Any]:
    document = {
        "type": "Like",
        "id": "https://b.example/#likes/1",
        "actor": "https://b.example/bob",
        "object": CALL,
    }
    return {key: value for key, value in {**document, **changes}.items() if value is not None}


def test_nothing_recorded_is_left_out() -> None:
    assert len(EXCHANGES) > 100
    assert {name.split("/")[1] for name in EXCHANGES} == set(MEANS)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_recorded_activity_says_what_was_done(name: str) -> None:
    activity = received(name)
    kind, about, undone = MEANS[name.split("/")[1]]
    document = json.loads(EXCHANGES[name]["request"]["body"])
    assert activity.type == kind
    assert activity.document == document
    assert activity.actor == document["actor"]
    assert activity.id == document.get("id")
    assert not activity.has_foreign_id()
    if EXCHANGES[name].get("actor"):
        assert vocabulary.same_host(activity.actor, EXCHANGES[name]["actor"]["id"])
    if undone:
        embedded = activity.undone()
        assert embedded is not None
        assert (embedded.type, embedded.object_id, embedded.actor) == (undone, about, activity.actor)
        assert activity.object_id == embedded.id == document["object"]["id"]
    else:
        assert activity.undone() is None
    if about and not undone:
        assert activity.object_id == about
        assert activity.object is None
        assert activity.own_object() is None


@pytest.mark.parametrize("name", named("like", "like_again", "like_before_delete", "like_with_content"))
def test_a_recorded_favourite_endorses(name: str) -> None:
    assert activities.reaction(received(name)) == "endorse"


@pytest.mark.parametrize("name", named("emoji_react", "announce", "follow"))
def test_a_tree_a_boost_and_a_follow_do_not_endorse(name: str) -> None:
    assert activities.reaction(received(name)) == "ignore"


@pytest.mark.parametrize("name", named("emoji_unreact"))
def test_a_reaction_taken_back_lacks_its_emoji(name: str) -> None:
    undone = received(name).undone()
    assert undone is not None
    assert undone.content is None
    assert activities.reaction(undone) == "endorse"


@pytest.mark.parametrize("name", named("unlike_bare"))
def test_an_undo_may_name_the_like_by_its_id_alone(name: str) -> None:
    activity = received(name)
    assert activity.object is None
    assert activity.object_id == received(name.replace("unlike_bare", "like_again")).id


@pytest.mark.parametrize("name", named("reply", "reply_while_following", "reply_edit", "comment_reply"))
def test_a_recorded_reply_is_public_its_authors_and_no_vote(name: str) -> None:
    activity = received(name)
    note = activity.own_object()
    assert note is not None
    assert note["type"] == "Note"
    assert note["attributedTo"] == activity.actor
    assert activity.object_id == note["id"]
    assert activity.in_reply_to == ANSWERED.get(name, CALL)
    assert activity.is_public
    assert not activity.is_vote
    assert any(tag["type"] == "Mention" for tag in activity.tags)


@pytest.mark.parametrize("name", named("vote"))
def test_a_recorded_vote_is_no_testimony(name: str) -> None:
    activity = received(name)
    assert activity.is_vote
    assert not activity.is_public
    assert activity.in_reply_to == POLL


@pytest.mark.parametrize("name", named("post", "post_2"))
def test_a_recorded_post_answers_nothing(name: str) -> None:
    activity = received(name)
    assert activity.in_reply_to is None
    assert activity.own_object() is not None
    assert activity.is_public


@pytest.mark.parametrize("name", named("reply_delete", "comment_reply_delete"))
def test_a_deleted_reply_is_named_by_whatever_is_embedded(name: str) -> None:
    activity = received(name)
    assert activity.own_object() is not None
    assert activity.object_id == received(name.replace("_delete", "")).object_id


@pytest.mark.parametrize("name", named("actor_delete", "actor_delete_5_delete", "profile_update"))
def test_an_actor_deletes_or_updates_itself_by_uri_or_whole(name: str) -> None:
    activity = received(name)
    assert activity.object_id == activity.actor


def test_wordpress_updates_a_profile_without_an_id() -> None:
    activity = received("wordpress/profile_update")
    assert activity.id is None
    assert activity.object is None


@pytest.mark.parametrize("name", named("accept_follow", "blog_accept_follow", "actor_delete_2_reject"))
def test_an_answer_quotes_our_follow(name: str) -> None:
    follow = received(name).answered()
    assert follow is not None
    assert (follow.type, follow.actor) == ("Follow", CAMPAIGN)
    assert (follow.id or "").startswith(CAMPAIGN + "#follows/")


@pytest.mark.parametrize("name", named("flag"))
def test_a_flag_names_the_campaign_and_its_call(name: str) -> None:
    activity = received(name)
    assert set(activity.object_ids) == {CAMPAIGN, CALL}
    assert activity.content == "Not a real petition"


def test_a_blog_announces_a_whole_create() -> None:
    activity = received("wordpress/blog_announce_create")
    assert activity.object is not None
    assert activity.object_id == activity.object["id"]
    assert activity.object["object"]["id"] == "https://wp.test/?p=15"


def test_takahe_writes_everybody_in_short() -> None:
    activity = received("takahe/reply")
    assert activity.to == (vocabulary.PUBLIC,)
    assert activity.cc == (CAMPAIGN,)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "endorse"),
        ({"content": ""}, "endorse"),
        ({"content": "❤"}, "endorse"),
        ({"content": "❤️", "_misskey_reaction": "❤️"}, "endorse"),
        ({"content": "♥\ufe0e"}, "endorse"),
        ({"content": "👍🏽"}, "endorse"),
        ({"content": "⭐️", "type": "EmojiReact"}, "endorse"),
        ({"_misskey_reaction": "⭐"}, "endorse"),
        ({"content": "👎"}, "ignore"),
        ({"content": "👎🏿", "type": "EmojiReact"}, "ignore"),
        ({"content": "❤", "_misskey_reaction": "👎"}, "ignore"),
        ({"content": "👎", "_misskey_reaction": "❤"}, "ignore"),
        ({"content": "❤👎"}, "ignore"),
        ({"content": "❤️‍🔥"}, "ignore"),
        ({"content": "💔"}, "ignore"),
        ({"content": ":heart:"}, "ignore"),
        ({"_misskey_reaction": ":star@b.example:"}, "ignore"),
        ({"content": {"en": "❤"}}, "ignore"),
        ({"content": "\ufe0f"}, "ignore"),
        ({"type": "Dislike"}, "ignore"),
        ({"type": "Announce"}, "ignore"),
    ],
)
def test_only_what_means_yes_endorses(changes: dict[str, Any], expected: str) -> None:
    assert activities.reaction(activities.read(like(**changes))) == expected


def test_loose_shapes_are_read() -> None:
    activity = activities.read(
        like(
            type=["http://b.example/ns#Nod", "https://www.w3.org/ns/activitystreams#Like"],
            actor={"id": "https://b.example/bob", "type": "Person"},
            object=[{"id": CALL, "type": "Note"}],
            to="as:Public",
            cc=["https://b.example/bob/followers", {"id": CAMPAIGN}, 7],
            published="2026-11-21T21:00:00+01:00",
        )
    )
    assert activity.type == "Like"
    assert activity.actor == "https://b.example/bob"
    assert activity.object_id == CALL
    assert activity.to == (vocabulary.PUBLIC,)
    assert activity.cc == ("https://b.example/bob/followers", CAMPAIGN)
    assert activity.published is not None
    assert activity.published.isoformat() == "2026-11-21T20:00:00+00:00"


@pytest.mark.parametrize(
    "changes",
    [
        {"type": None},
        {"type": 7},
        {"type": []},
        {"type": ""},
        {"actor": None},
        {"actor": ""},
        {"actor": {"type": "Person"}},
        {"actor": ["https://b.example/bob", "https://c.example/carol"]},
        {"actor": "bob@b.example"},
        {"actor": "https://b.example@evil.example/bob"},
        {"actor": "https://b.example/" + "x" * 2048},
        {"id": 7},
        {"id": ""},
        {"id": "https://b.example/" + "x" * 2048},
    ],
)
def test_what_nobody_could_have_signed_is_no_activity(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        activities.read(like(**changes))


def test_an_id_on_another_host_is_noticed_and_a_missing_one_is_not() -> None:
    assert activities.read(like(id="https://evil.example/1")).has_foreign_id()
    assert activities.read(like(id="urn:uuid:1")).has_foreign_id()
    assert not activities.read(like(id=None)).has_foreign_id()
    assert not activities.read(like(id="https://B.example:443/1")).has_foreign_id()


@pytest.mark.parametrize(
    "note",
    [
        {"type": "Note", "id": "https://c.example/1"},
        {"type": "Note", "id": "https://c.example/1", "attributedTo": "https://b.example/bob"},
        {"type": "Note", "id": "https://b.example/1", "attributedTo": "https://b.example/alice"},
        {"type": "Note", "id": "https://b.example/1", "attributedTo": {"type": "Person"}},
        {"type": "Note", "attributedTo": "https://c.example/carol"},
        {"type": "Note"},
        {"type": "Note", "id": 7, "attributedTo": "https://b.example/bob"},
        {"type": "Note", "id": "", "attributedTo": "https://b.example/bob"},
    ],
)
def test_a_foreign_object_is_not_taken_from_mallory(note: dict[str, Any]) -> None:
    assert activities.read(like(type="Create", object=note)).own_object() is None


@pytest.mark.parametrize(
    "note",
    [
        {"type": "Note", "id": "https://b.example/1", "attributedTo": "https://b.example/bob"},
        {"type": "Note", "id": "https://b.example/1", "attributedTo": [{"id": "https://b.example/bob"}]},
        {"type": "Tombstone", "id": "https://b.example/1"},
        {"type": "Note", "attributedTo": "https://b.example/bob"},
    ],
)
def test_an_actor_speaks_for_its_own(note: dict[str, Any]) -> None:
    assert activities.read(like(type="Create", object=note)).own_object() == note


def test_nobody_undoes_what_somebody_else_did() -> None:
    carols = like(actor="https://b.example/carol")
    with pytest.raises(Malformed):
        activities.read(like(type="Undo", object=carols)).undone()
    foreign = activities.read(like(type="Undo", object=like(id="https://c.example/#likes/9"))).undone()
    assert foreign is not None
    assert foreign.id is None


def test_an_undone_activity_without_actor_or_id_is_its_own() -> None:
    undone = activities.read(like(type="Undo", object=like(actor=None, id=None))).undone()
    assert undone is not None
    assert (undone.actor, undone.object_id, undone.id) == ("https://b.example/bob", CALL, None)


def test_an_embedded_bare_id_is_a_bare_id() -> None:
    activity = activities.read(like(type="Undo", object={"id": "https://b.example/#likes/1"}))
    assert activity.undone() is None
    assert activity.object_id == "https://b.example/#likes/1"


def test_a_private_reply_in_a_public_activity_is_private() -> None:
    note = {"type": "Note", "id": "https://b.example/1", "to": [CAMPAIGN]}
    assert not activities.read(like(type="Create", to=vocabulary.PUBLIC, object=note)).is_public


@pytest.mark.parametrize(
    ("note", "vote"),
    [
        ({"type": "Note", "name": "Yes", "inReplyTo": POLL}, True),
        ({"type": "Note", "name": "Yes", "inReplyTo": POLL, "content": "<p></p>"}, True),
        ({"type": "Note", "name": "Yes", "inReplyTo": POLL, "content": "<p>Yes!</p>"}, False),
        ({"type": "Note", "name": "Yes"}, False),
        ({"type": "Note", "name": "", "inReplyTo": POLL}, False),
        ({"type": "Article", "name": "Yes", "inReplyTo": POLL}, False),
    ],
)
def test_a_vote_is_a_name_without_a_text(note: dict[str, Any], vote: bool) -> None:
    assert activities.read(like(type="Create", object=note)).is_vote is vote
