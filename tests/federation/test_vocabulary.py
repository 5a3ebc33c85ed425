"""Names and loose shapes: one host is one host, however it is written."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import vocabulary
from federation.vocabulary import Malformed


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("https://a.example/users/alice", "a.example"),
        ("https://a.example", "a.example"),
        ("https://wp.example?author=1", "wp.example"),
        ("HTTPS://A.Example/", "a.example"),
        ("https://a.example:443/", "a.example"),
        ("http://a.example:80/", "a.example"),
        ("https://a.example:80/", "a.example:80"),
        ("http://localhost:8001/actor", "localhost:8001"),
        ("https://[2001:DB8:0::1]:8443/x", "[2001:db8::1]:8443"),
        ("https://192.0.2.7/x", "192.0.2.7"),
        ("https://müller.example/", "xn--mller-kva.example"),
        ("https://XN--MLLER-KVA.example/", "xn--mller-kva.example"),
        ("https://аpple.example/", "xn--pple-43d.example"),
        ("https://a。example/", "a.example"),
    ],
)
def test_a_host_is_written_in_one_way(uri: str, host: str) -> None:
    assert vocabulary.host_of(uri) == host


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "a.example",
        "//a.example/",
        "ftp://a.example/",
        "javascript://a.example/%0aalert(1)",
        "https:a.example",
        "https:///path",
        "https://",
        "https://a.example@evil.example/",
        "https://a.example\\@evil.example/",
        "https://a.example\\.evil.example/",
        "https://a.exa\tmple/",
        "https://a.example\n/",
        " https://a.example/",
        "https://evil.example./",
        "https://a..example/",
        "https://%61.example/",
        "https://a.example:0/",
        "https://a.example:99999/",
        "https://a.example:/",
        "https://a.example:4٤3/",
        "https://127.1/",
        "https://0x7f.0xa/",
        "https://2130706433/",
        "https://[::1",
        "https://[::1%25eth0]/",
        "https://a\u200b.example/\u0000",
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 130 + "example/",
        "https://a.example/" + "x" * 2048,
    ],
)
def test_what_parsers_read_differently_has_no_host(uri: str) -> None:
    with pytest.raises(Malformed):
        vocabulary.host_of(uri)


@given(
    st.text(max_size=40), st.sampled_from(["", "https://", "http://a.example", "https://[", "https://xn--"])
)
def test_a_host_is_stable_or_there_is_none(text: str, start: str) -> None:
    try:
        host = vocabulary.host_of(start + text)
    except Malformed:
        return
    assert host.isascii()
    assert vocabulary.host_of("https://" + host.removesuffix(":443")) == host.removesuffix(":443")


def test_two_uris_have_one_origin_only_if_both_have_a_host() -> None:
    assert vocabulary.same_host("https://a.example/1", "https://A.example:443/2")
    assert not vocabulary.same_host("https://a.example/1", "https://b.example/1")
    assert not vocabulary.same_host("urn:uuid:1", "urn:uuid:1")


def test_everybody_has_three_names() -> None:
    for name in (vocabulary.PUBLIC, "as:Public", "Public"):
        assert vocabulary.is_public(name)
        assert vocabulary.is_public(["https://a.example/users/alice", name])
    for other in (None, [], "https://a.example/followers", {"id": 7}, ["as:public"]):
        assert not vocabulary.is_public(other)


def test_ids_are_found_in_every_shape() -> None:
    assert vocabulary.id_of("https://a.example/1") == "https://a.example/1"
    assert vocabulary.id_of({"id": "https://a.example/1", "type": "Note"}) == "https://a.example/1"
    assert vocabulary.id_of([{"id": "https://a.example/1"}]) == "https://a.example/1"
    for nothing in (None, "", 7, {}, {"id": None}, {"id": ["x"]}, [], ["a", "b"], [["a"], "b"], "x" * 2049):
        assert vocabulary.id_of(nothing) is None


def test_lists_are_lists() -> None:
    assert vocabulary.as_list(None) == []
    assert vocabulary.as_list("a") == ["a"]
    assert vocabulary.as_list(["a", "b"]) == ["a", "b"]


def test_times_are_read_in_utc() -> None:
    at = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
    for text in ("2026-11-21T20:00:00Z", "2026-11-21T21:00:00+01:00", "2026-11-21T20:00:00.000000000Z"):
        assert vocabulary.time_of(text) == at
    assert vocabulary.timestamp(at) == "2026-11-21T20:00:00Z"
    for nothing in (None, 7, "", "yesterday or so", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+10:00"):
        assert vocabulary.time_of(nothing) is None


@given(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_timestamp_comes_back_to_the_second(at: datetime) -> None:
    assert vocabulary.time_of(vocabulary.timestamp(at)) == at.replace(microsecond=0)
