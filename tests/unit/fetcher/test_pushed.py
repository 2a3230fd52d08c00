"""The poll's part in WebSub: which hubs a feed names, and when it is asked after a push."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.feed import Feed
from services.domain.feeds.links import Links
from services.domain.feeds.normalize import Reading
from services.domain.feeds.parser import ParsedFeed
from services.domain.feeds.schedule import Due, DueReason, ResponseFacts, SchedulePolicy, next_due
from services.domain.feeds.websub import Offer, Subscription
from services.fetcher.client import Failed, FailureReason, Fetched, NotModified, Validators
from services.fetcher.pushed import (
    ASK_INSTEAD_AFTER,
    NoPushes,
    due_after_push,
    is_to_be_looked_at,
    named_hubs,
    note_poll,
    offer_of,
)
from services.fetcher.state import FeedState
from services.fetcher.websub_store import Pushed
from tests.fakes import EPOCH
from tests.unit.feeds.test_websub import ALONE, OFFER, granted

URL = "https://news.example/feed.xml"
HUBS, OTHER = ("https://hub.example/",), ("https://other.example/",)
HOUR = timedelta(hours=1)


def fetched(links: Links | None = None, body: bytes = b"<rss/>", content_type: str = "text/xml") -> Fetched:
    return Fetched(URL, body, content_type, Validators(), links=links or Links())


def reading(hubs: tuple[str, ...] = (), self_url: str | None = None) -> Reading:
    return Reading(ParsedFeed("", None, "", None, "rss20", (), hubs=hubs, self_url=self_url), ())


@pytest.mark.parametrize(
    ("result", "read", "hubs", "topic_url"),
    [
        (fetched(Links(HUBS, f"{URL}?self")), reading(OTHER, f"{URL}?other"), HUBS, f"{URL}?self"),
        (fetched(Links(HUBS)), reading(OTHER, f"{URL}?other"), HUBS, f"{URL}?other"),
        (fetched(), reading(OTHER, f"{URL}?other"), OTHER, f"{URL}?other"),
        (fetched(), reading(OTHER), OTHER, URL),
        (fetched(Links((), URL)), reading(), (), None),
        (fetched(Links(HUBS)), None, HUBS, URL),
        (fetched(None, b"<link rel=hub href=https://hub.example/>", "text/html"), None, HUBS, URL),
        (fetched(None, b"<p>no link", "text/html; charset=utf-8"), None, (), None),
    ],
)
def test_the_header_goes_before_the_document(
    result: Fetched, read: Reading | None, hubs: tuple[str, ...], topic_url: str | None
) -> None:
    assert named_hubs(result, read) == {"hubs": hubs, "topic_url": topic_url}


@pytest.mark.parametrize(
    "result", [fetched(), NotModified(Validators()), Failed(FailureReason.TIMEOUT, "no answer")], ids=str
)
def test_an_answer_that_says_nothing_changes_nothing(result: Any) -> None:
    assert named_hubs(result, None) == {}


@pytest.mark.parametrize(
    ("subscription", "offer", "is_due"),
    [
        (None, None, False),
        (None, ALONE, True),
        (granted(), None, True),
        (granted(), ALONE, False),
        (granted(), OFFER, False),
        (granted(), Offer(hubs=OTHER, topic_url=OFFER.topic_url), True),
        (granted(), Offer(hubs=OFFER.hubs, topic_url=URL + "?other"), True),
    ],
)
def test_a_subscription_is_looked_at_when_the_feed_offers_another(
    subscription: Subscription | None, offer: Offer | None, is_due: bool
) -> None:
    assert is_to_be_looked_at(subscription, offer) is is_due


def test_the_offer_is_what_the_feed_last_said() -> None:
    assert offer_of(FeedState(hubs=HUBS, topic_url=URL)) == Offer(hubs=HUBS, topic_url=URL)
    assert offer_of(FeedState()) is None


def test_a_feed_at_another_address_has_said_nothing_yet() -> None:
    feed = Feed(id="one", url="https://news.example/new.xml", outlet="Example Times")
    state = FeedState(url=URL, hubs=HUBS, topic_url=URL, first_read_at=EPOCH, due_at=EPOCH).for_feed(feed)
    assert (offer_of(state), state.due_at) == (None, None)


def state(**told: Any) -> FeedState:
    return FeedState(url=URL, due_reason=DueReason.WEBSUB, last_polled_at=EPOCH, **told)


@pytest.mark.parametrize(
    ("before", "was_read", "due"),
    [
        (state(due_at=EPOCH + HOUR), True, Due(EPOCH + HOUR, DueReason.WEBSUB)),
        (state(due_at=EPOCH - HOUR), True, Due(EPOCH, DueReason.WEBSUB)),
        (FeedState(), True, Due(EPOCH, DueReason.DEFAULT)),
        (FeedState(is_gone=True), True, Due(None, DueReason.GONE)),
        (FeedState(is_gone=True), False, Due(None, DueReason.GONE)),
        # One that could not be read has the feed asked, unless it was just asked or is backed off from.
        (state(due_at=EPOCH + HOUR), False, Due(EPOCH + ASK_INSTEAD_AFTER, DueReason.WEBSUB)),
        (state(due_at=EPOCH + timedelta(seconds=9)), False, Due(EPOCH + timedelta(seconds=9), DueReason.WEBSUB)),
        (state(due_at=EPOCH + HOUR, failures=2), False, Due(EPOCH + HOUR, DueReason.WEBSUB)),
    ],
)
def test_a_push_leaves_the_timer_as_it_was(before: FeedState, was_read: bool, due: Due) -> None:
    assert due_after_push(before, EPOCH, was_read=was_read) == due


def test_polling_a_pushed_feed_waits_for_four_times_the_longest_interval() -> None:
    feed, policy = Feed(id="one", url=URL, outlet="Example Times"), SchedulePolicy()
    pushed = ResponseFacts(rhythm=HOUR, is_pushed=True)
    assert next_due(policy, feed, pushed, EPOCH) == Due(EPOCH + timedelta(days=1), DueReason.WEBSUB)
    own = feed.model_copy(update={"interval": timedelta(minutes=5)})
    assert next_due(policy, own, pushed, EPOCH) == Due(EPOCH + timedelta(minutes=5), DueReason.INTERVAL)
    failed = ResponseFacts(failures=1, is_pushed=True)
    assert next_due(policy, feed, failed, EPOCH).reason is DueReason.BACK_OFF


async def test_a_feed_that_is_gone_has_its_subscription_looked_at() -> None:
    """What its hub pushed would never be read, since the feed is not polled any more."""
    looked: list[str] = []

    class Looking(NoPushes):
        async def look_at(self, feed_id: str, at: datetime) -> None:
            looked.append(feed_id)

    feed, subscription = Feed(id="one", url=URL, outlet="Example Times"), granted()
    for is_gone in (False, True):
        state = FeedState(url=URL, is_gone=is_gone, hubs=(subscription.hub,), topic_url=subscription.topic_url)
        due = Due(None, DueReason.GONE if is_gone else DueReason.RHYTHM)
        await note_poll(Looking(), feed, state, Pushed(None, subscription), due=due, now=EPOCH)
        assert looked == ["one"] * is_gone
