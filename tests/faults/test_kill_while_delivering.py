"""A server that is killed while it delivers: all hear everything, and twice only what was under way."""

from collections import Counter

import pytest

from federation.vocabulary import host_of
from fedicause.fediverse import deliver
from tests.faults.ordeal import Aftermath

pytestmark = pytest.mark.timeout(300)


def test_the_kills_fell_among_deliveries(aftermath: Aftermath) -> None:
    interrupted = [window for window in aftermath.in_hand if window]
    assert len(interrupted) > len(aftermath.in_hand) / 2
    assert len(aftermath.posted) > 1


def test_every_living_inbox_hears_all_news(aftermath: Aftermath) -> None:
    assert not aftermath.untold
    assert aftermath.undelivered == 0


def test_news_come_in_the_order_in_which_they_were_posted(aftermath: Aftermath) -> None:
    heard = aftermath.audience.heard()
    assert {inbox: news for inbox, news in heard.items() if news != aftermath.posted} == {}


def test_every_follow_that_was_taken_is_accepted(aftermath: Aftermath) -> None:
    assert aftermath.crowd.follows
    assert aftermath.crowd.follows - aftermath.crowd.accepted == set()


def test_only_what_was_in_hand_at_a_kill_comes_twice(aftermath: Aftermath) -> None:
    in_hand = Counter(sent for window in aftermath.in_hand for sent in window)
    too_often = {
        sent: times for sent, times in aftermath.audience.taken().items() if times > 1 + in_hand[sent]
    }
    assert not too_often


def test_the_window_is_small(aftermath: Aftermath) -> None:
    for window in aftermath.in_hand:
        assert len(window) <= deliver.IN_HAND
        # An inbox has one thing at a time in hand, so that what comes twice comes in order too.
        assert len({inbox for inbox, _ in window}) == len(window)
        per_host = Counter(host_of(inbox) for inbox, _ in window)
        assert all(number <= deliver.IN_HAND_PER_HOST for number in per_host.values())
