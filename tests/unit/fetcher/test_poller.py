"""One poll after the other, with a server that answers by script: what is asked, told, kept and moved."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from schemas.article import Arrival, Article
from schemas.feed import Feed
from schemas.streams import ARTICLES
from services.domain.feeds.normalize import Reading, read_feed
from services.domain.feeds.schedule import DueReason, SchedulePolicy
from services.fetcher.client import (
    Failed,
    FailureReason,
    FeedRequest,
    Fetched,
    FetchResult,
    Gone,
    NotModified,
    Validators,
)
from services.fetcher.handler import FeedPoller, PollReport
from services.fetcher.history import KEPT_POLLS, MoveReason, PollOutcome
from services.fetcher.parse_pool import ParseAbortedError
from services.fetcher.pushed import NoPushes, Pushes
from services.fetcher.state import FeedState
from services.fetcher.store import Claim, StoreUnavailableError
from services.fetcher.websub_store import Pushed, PushedDocument
from tests.fakes import EPOCH, FakeClock, InMemoryFeedStore, RecordingPublisher
from tests.integration.fetcher.server import rss

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OWN, NEW = "https://old.example/feed", "https://new.example/feed"
FEED = Feed(id="one", url=OWN, outlet="Example Times")
V1 = Validators('"v1"', "Wed, 27 Nov 2024 09:00:00 GMT")


class ScriptedClient:
    """Answers in turn, the last answer for ever, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Validators]] = []
        self.answer: FetchResult | Callable[[str, Validators], FetchResult] = fetched(rss("a|Old|Text"))

    async def ask(self, request: FeedRequest) -> FetchResult:
        self.asked.append((request.url, request.validators))
        return self.answer(*self.asked[-1]) if callable(self.answer) else self.answer


class InlineReader:
    """Reads in this process; dies of a document that says so."""

    def __init__(self) -> None:
        self.reads = 0

    async def read(self, body: bytes, *, content_type: str | None, base_url: str | None) -> Reading:
        self.reads += 1
        if b"deadly" in body:
            raise ParseAbortedError("the feed could not be read within 15 s")
        return read_feed(body, content_type=content_type, base_url=base_url)


def fetched(body: bytes, validators: Validators = V1, moved_to: str | None = None, url: str = OWN) -> Fetched:
    return Fetched(moved_to or url, body, "application/rss+xml", validators, moved_to=moved_to)


def dated(*items: tuple[str, datetime]) -> bytes:
    entries = "".join(
        f"<item><guid isPermaLink='false'>{guid}</guid><title>{guid}</title>"
        f"<pubDate>{at:%a, %d %b %Y %H:%M:%S} GMT</pubDate></item>"
        for guid, at in items
    )
    return f"<rss version='2.0'><channel><title>A feed</title>{entries}</channel></rss>".encode()


class Scene:
    """A feed, its server and a clock; `poll` waits until the feed is due."""

    def __init__(self, feed: Feed = FEED, pushes: Pushes | None = None) -> None:
        self.feed = feed
        self.client, self.reader, self.store = ScriptedClient(), InlineReader(), InMemoryFeedStore()
        self.publisher, self.clock = RecordingPublisher(), FakeClock()
        self.poller = FeedPoller(
            client=self.client,
            reader=self.reader,
            store=self.store,
            publisher=self.publisher,
            clock=self.clock,
            policy=SchedulePolicy(),
            jitter=lambda: 0.0,
            pushes=pushes,
        )

    async def claim(self) -> Claim:
        await self.store.reconcile([self.feed], self.clock.now())
        due_at = await self.store.timer(self.feed.id)
        assert due_at is not None
        if due_at > self.clock.now():
            self.clock.advance(due_at - self.clock.now())
        (claim,) = (await self.store.claim_due(self.clock.now(), 1)).claims
        return claim

    async def poll(self, answer: FetchResult | None = None, times: int = 1) -> PollReport:
        if answer is not None:
            self.client.answer = answer
        for _ in range(times):
            report = await self.poller.poll(self.feed, await self.claim())
        return report

    @property
    def state(self) -> FeedState:
        return self.store.states[self.feed.id]

    def address(self) -> str:
        return self.state.address

    def told(self) -> dict[str, Arrival]:
        articles: list[Article] = self.publisher.on(ARTICLES)
        return {article.title: article.arrival for article in articles}


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_validators_go_back_as_they_came_and_the_same_bytes_are_not_read_again(scene: Scene) -> None:
    odd = Validators('W/"\xe9 odd', "not a date at all")
    await scene.poll(fetched(rss("a|Old|Text"), odd))
    report = await scene.poll()
    assert (report.outcome, scene.reader.reads) == (PollOutcome.UNCHANGED, 1)
    await scene.poll(NotModified(Validators('"v2"', None)))
    await scene.poll()
    assert [validators for _, validators in scene.client.asked] == [Validators(), odd, odd, Validators('"v2"', None)]


async def test_the_history_says_what_was_decided_at_each_of_the_last_polls(scene: Scene) -> None:
    await scene.poll()
    await scene.poll(fetched(rss("b|New|Text", "a|Old|Text"), url="https://cdn.example/feed"))
    await scene.poll(Failed(FailureReason.SERVER_ERROR, "answered 500", 500))
    first, second, third = scene.state.history
    assert (first.outcome, first.status, first.entries, first.published) == (PollOutcome.READ, 200, 1, 1)
    assert (first.bytes, first.redirected_to) == (len(rss("a|Old|Text")), None)
    assert (first.due_at, first.due_reason) == (second.at, DueReason.DEFAULT)
    assert (second.published, second.redirected_to) == (1, "https://cdn.example/feed")
    assert (third.outcome, third.status, third.message) == (PollOutcome.FAILED, 500, "answered 500")
    assert third.due_reason is DueReason.BACK_OFF
    await scene.poll(times=KEPT_POLLS)
    assert len(scene.state.history) == KEPT_POLLS
    assert scene.state.history[0].at > third.at


async def test_an_answer_that_is_an_error_is_not_asked_for_again_within_the_hour_a_missing_server_is(
    scene: Scene,
) -> None:
    await scene.poll()
    at = scene.clock.now() + HOUR
    for failed, wait in [
        (Failed(FailureReason.RATE_LIMITED, "429", 429), HOUR),
        (Failed(FailureReason.TIMEOUT, "no complete answer within 30 s"), 2 * HOUR),
        (Failed(FailureReason.NO_CONNECTION, "refused"), timedelta(minutes=20)),
        (Failed(FailureReason.NOT_FOUND, "404", 404), 8 * HOUR),
    ]:
        assert (await scene.poll(failed)).due.at == at + wait
        at += wait


async def test_a_document_that_cannot_be_read_is_sent_once_a_day(scene: Scene) -> None:
    page = b"<html><body>Maintenance</body></html>"
    scene.client.answer = lambda _, known: NotModified(V1) if known == V1 else fetched(page)
    report = await scene.poll()
    assert (report.outcome, report.failure) == (PollOutcome.FAILED, FailureReason.NOT_A_FEED)
    start = scene.clock.now()
    while scene.clock.now() < start + 3 * DAY:
        report = await scene.poll()
    assert report.outcome is PollOutcome.FAILED
    assert "HTML page, not a feed" in report.message
    asked_in_full = [record for record in scene.state.history if record.bytes]
    assert len(asked_in_full) <= 4
    assert scene.reader.reads <= 4
    await scene.poll(fetched(rss("a|Old|Text"), Validators('"v2"')))
    assert (scene.state.failures, scene.state.etag, scene.told()) == (0, '"v2"', {"Old": Arrival.BACK_LIST})


async def test_a_document_that_kills_its_reader_keeps_the_validators_of_the_last_good_one(scene: Scene) -> None:
    await scene.poll(fetched(rss("a|Old|Text")))
    report = await scene.poll(fetched(b"deadly", Validators('"deadly"')))
    assert report.failure is FailureReason.PARSE_ABORTED
    assert scene.state.validators == V1
    await scene.poll(fetched(rss("b|New|Text", "a|Old|Text"), Validators('"v2"')))
    assert scene.told() == {"Old": Arrival.BACK_LIST, "New": Arrival.NEW}


async def test_a_feed_moves_after_three_answers_that_agree_and_tells_nothing_twice(scene: Scene) -> None:
    await scene.poll()
    for _ in range(2):
        await scene.poll(fetched(rss("a|Old|Text"), moved_to=NEW))
    await scene.poll(fetched(rss("a|Old|Text"), moved_to="https://third.example/"))
    assert (scene.state.moved_url, scene.state.moved_answers) == (None, 1)
    await scene.poll(fetched(rss("a|Old|Text"), moved_to=NEW), times=2)
    assert scene.address() == OWN
    await scene.poll(NotModified(V1, moved_to=NEW))
    assert scene.address() == NEW
    await scene.poll(fetched(rss("b|New|Text", "a|Old|Text"), url=NEW))
    assert [url for url, _ in scene.client.asked] == [OWN] * 7 + [NEW]
    assert scene.client.asked[-1][1] == V1  # they came from there
    (move,) = scene.store.audit
    assert (move.feed_id, move.from_url, move.to_url, move.reason, move.answers) == (
        "one", OWN, NEW, MoveReason.REDIRECTED, 3,
    )  # fmt: skip
    assert scene.state.moves == (move,)
    assert scene.told() == {"Old": Arrival.BACK_LIST, "New": Arrival.NEW}


async def moved(scene: Scene) -> Scene:
    await scene.poll()
    await scene.poll(fetched(rss("a|Old|Text"), moved_to=NEW), times=3)
    assert scene.state.moved_url == NEW
    return scene


async def test_a_feed_returns_when_the_adopted_address_fails_as_often(scene: Scene) -> None:
    await moved(scene)
    await scene.poll(Failed(FailureReason.NOT_FOUND, "404", 404), times=2)
    assert scene.address() == NEW
    await scene.poll()
    assert (scene.address(), scene.state.failures) == (OWN, 1)
    assert [(move.to_url, move.reason) for move in scene.store.audit] == [
        (OWN, MoveReason.FAILED),
        (NEW, MoveReason.REDIRECTED),
    ]
    await scene.poll(fetched(rss("b|New|Text")))
    assert scene.client.asked[-1] == (OWN, Validators(V1.etag, None))
    assert scene.told() == {"Old": Arrival.BACK_LIST, "New": Arrival.NEW}


async def test_a_failure_now_and_then_does_not_undo_a_move(scene: Scene) -> None:
    await moved(scene)
    for _ in range(3):
        await scene.poll(Failed(FailureReason.NO_CONNECTION, "refused"), times=2)
        await scene.poll(NotModified(V1))
    assert scene.state.moved_url == NEW


async def test_an_adopted_address_that_is_gone_leaves_the_last_word_to_the_feeds_own(scene: Scene) -> None:
    await moved(scene)
    report = await scene.poll(Gone("410"))
    assert (report.outcome, scene.state.moved_url, scene.state.is_gone) == (PollOutcome.FAILED, None, False)
    assert scene.store.audit[0].reason is MoveReason.GONE
    report = await scene.poll(Gone("410"))
    assert (report.outcome, report.due.at, scene.state.is_gone) == (PollOutcome.GONE, None, True)


async def test_no_feed_moves_from_https_to_http_or_to_what_is_no_address(scene: Scene) -> None:
    await scene.poll()
    for target in ("http://new.example/feed", "https://new.example/" + "x" * 3000):
        await scene.poll(fetched(rss("a|Old|Text"), moved_to=target), times=5)
    assert (scene.state.moved_url, scene.store.audit) == (None, [])


async def test_an_address_the_user_writes_down_after_it_was_adopted_is_not_new(scene: Scene) -> None:
    await moved(scene)
    scene.feed = FEED.model_copy(update={"url": NEW})
    await scene.poll(fetched(rss("b|New|Text", "a|Old|Text"), url=NEW))
    assert scene.client.asked[-1] == (NEW, V1)
    assert (scene.state.url, scene.state.moved_url) == (NEW, None)
    assert scene.told() == {"Old": Arrival.BACK_LIST, "New": Arrival.NEW}


async def test_a_new_address_starts_anew_with_its_own_back_list(scene: Scene) -> None:
    await scene.poll()
    scene.feed = FEED.model_copy(update={"url": "https://other.example/feed"})
    await scene.poll(fetched(rss("b|Other|Text")))
    assert scene.client.asked[-1] == ("https://other.example/feed", Validators())
    assert scene.told() == {"Old": Arrival.BACK_LIST, "Other": Arrival.BACK_LIST}


async def test_a_feed_that_lists_its_old_items_under_new_ids_after_a_move_tells_only_what_is_new(scene: Scene) -> None:
    start = scene.clock.now()
    await scene.poll(fetched(dated(("a", start - DAY))))
    await scene.poll(fetched(dated(("A", start - DAY), ("B", start + HOUR / 2)), moved_to=NEW))
    await scene.poll(fetched(dated(("late", start - DAY)), moved_to=NEW))
    assert scene.told() == {
        "a": Arrival.BACK_LIST,
        "A": Arrival.BACK_LIST,
        "B": Arrival.NEW,
        "late": Arrival.NEW,
    }


async def test_a_feed_that_comes_back_after_it_was_gone_tells_what_came_since(scene: Scene) -> None:
    start = scene.clock.now()
    await scene.poll(fetched(dated(("a", start - DAY))))
    await scene.poll(Gone("410"))
    scene.store.timers["one"] = scene.clock.now() + 9 * DAY  # the user has it asked once more
    await scene.poll(fetched(dated(("A", start - DAY), ("missed", start + 3 * DAY))))
    assert scene.told() == {"a": Arrival.BACK_LIST, "A": Arrival.BACK_LIST, "missed": Arrival.NEW}
    assert not scene.state.is_gone


@pytest.mark.parametrize("since_days", [None, 2])
async def test_a_feed_whose_state_was_lost_tells_nothing_twice_and_nothing_of_before(since_days: int | None) -> None:
    scene = Scene()
    start = scene.clock.now()
    if since_days:
        scene.feed = FEED.model_copy(update={"since": start - since_days * DAY})
    known = [("a", start - 3 * DAY), ("b", start - DAY)]
    await scene.poll(fetched(dated(*known)))
    first = dict(scene.told())
    scene.store.states.clear()
    scene.publisher.sent.clear()
    scene.clock.advance(5 * HOUR)
    old, new = ("old, under another id", start - 4 * DAY), ("new", start + HOUR)
    await scene.poll(fetched(dated(*known, old, new)))
    assert first == {"a": Arrival.BACK_LIST, "b": Arrival.NEW if since_days else Arrival.BACK_LIST}
    assert scene.told() == {"old, under another id": Arrival.BACK_LIST, "new": Arrival.NEW}


async def test_a_feed_without_dates_is_asked_as_often_as_it_was_found_to_have_news(scene: Scene) -> None:
    await scene.poll()
    quiet = [(await scene.poll(NotModified(V1))).due for _ in range(12)]
    waits = [after.at - before.at for before, after in pairwise(quiet) if before.at and after.at]
    assert quiet[0].reason is DueReason.DEFAULT
    assert quiet[-1].reason is DueReason.RHYTHM
    assert waits == sorted(waits)
    assert waits[-1] == 6 * HOUR
    for number in range(12):
        report = await scene.poll(fetched(rss(f"new {number}|News {number}|Text")))
    assert report.due.at == scene.clock.now() + HOUR


async def test_a_feed_that_falls_silent_is_asked_less_often_and_hourly_again_once_it_speaks(scene: Scene) -> None:
    start = scene.clock.now()
    items = [(f"item {n}", start - n * timedelta(minutes=10)) for n in range(20)]
    report = await scene.poll(fetched(dated(*items)))
    assert report.due.at == start + HOUR
    while scene.clock.now() < start + 2 * DAY:
        report = await scene.poll(NotModified(V1))
    assert report.due.at == scene.clock.now() + 6 * HOUR
    speaks_at = scene.clock.now() + 3 * HOUR
    report = await scene.poll(fetched(dated(("news", speaks_at), *items)))
    assert report.due.at == scene.clock.now() + HOUR


async def test_articles_are_published_before_the_poll_is_recorded_and_again_if_it_was_not(scene: Scene) -> None:
    claim = await scene.claim()
    scene.store.steal(claim.host)
    with pytest.raises(Exception, match="one"):
        await scene.poller.poll(scene.feed, claim)
    scene.store.leases.clear()
    await scene.poll()
    first, again = scene.publisher.on(ARTICLES)
    assert (first.id, first.revision_id) == (again.id, again.revision_id)


class LostPushes(NoPushes):
    """One document was pushed; then the store is away, whatever is asked of it."""

    def __init__(self, document: PushedDocument | None) -> None:
        self._pushed = Pushed(document)

    async def take(self, _feed_id: str, _now: datetime) -> Pushed:
        return self._pushed

    async def drop(self, _feed_id: str, _document: PushedDocument, _now: datetime) -> None:
        raise StoreUnavailableError("the store is away")

    async def look_at(self, _feed_id: str, _at: datetime) -> None:
        raise StoreUnavailableError("the store is away")


@pytest.mark.parametrize("is_pushed", [False, True], ids=["asked", "pushed"])
async def test_a_poll_that_is_recorded_counts_although_its_subscription_cannot_be_noted(is_pushed: bool) -> None:
    body = rss("a|Old|Text").replace(b"<channel>", b"<channel><atom:link rel='hub' href='https://hub.example/'/>")
    body = body.replace(b"<rss", b"<rss xmlns:atom='http://www.w3.org/2005/Atom'")
    document = PushedDocument("1", body, "application/rss+xml", OWN, EPOCH) if is_pushed else None
    scene = Scene(pushes=LostPushes(document))
    report = await scene.poll(fetched(body))
    assert report.outcome is (PollOutcome.PUSHED if is_pushed else PollOutcome.READ)
    assert [article.title for article in scene.publisher.on(ARTICLES)] == ["Old"]
    assert len(scene.state.history) == 1
