"""Surges of topics: kept before they are told, told once, and the same after a restart or a redelivery."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from schemas.alert import Alert
from schemas.article import Arrival, Article
from schemas.base import content_id
from schemas.match import Evidence, EvidenceField, Match, RuleHit, match_id
from schemas.story import Novelty
from schemas.streams import ALERTS, Stream
from services.domain.stories.items import Placement
from services.domain.surges.policy import SurgePolicy
from services.runtime.faults import UnavailableError
from services.tracker.story_store import InMemoryStoryStore
from services.tracker.surge_store import InMemorySurgeStore, StoredSurges, SurgeChange
from services.tracker.surges import CAUGHT_UP_AFTER, Surges
from tests.fakes import FakeClock, RecordingPublisher
from tests.unit.surges.streams import DAY, HOUR, MONDAY, burst, in_order, steady

POLICY = SurgePolicy()
BEGUN = MONDAY + 31 * DAY + 9 * HOUR
TIMES = [start.at for start in in_order([*steady(31), *burst(BEGUN, 20)])]


class Desk:
    """The surges of one tracker, with a clock that follows what is read."""

    def __init__(self, store: InMemorySurgeStore | None = None, publisher: RecordingPublisher | None = None) -> None:
        self.store = store or InMemorySurgeStore()
        self.publisher = publisher or RecordingPublisher()
        self.clock = FakeClock(MONDAY)
        self.surges = self.restarted()

    def restarted(self) -> Surges:
        return Surges(self.store, InMemoryStoryStore(), self.publisher, self.clock, POLICY)

    async def read(self, times: Iterable[datetime], novelty: Novelty = Novelty.FIRST) -> None:
        for at in times:
            self.clock.advance(at - self.clock.now())
            await self.surges.note(match(at), place(at, novelty))

    async def rest(self, span: timedelta = timedelta(hours=1)) -> None:
        self.clock.advance(span)
        await self.surges.announce_due(self.clock.now())

    @property
    def told(self) -> list[Alert]:
        return self.publisher.on(ALERTS)


def match(at: datetime, seen_at: datetime | None = None) -> Match:
    article = Article(
        id=content_id(at.isoformat()),
        revision=1,
        revision_id=content_id(at.isoformat(), "1"),
        feed_id="f",
        outlet="Wire",
        title=f"Story of {at:%d %H:%M}",
        published_at=at,
        first_seen_at=seen_at or at,
    )
    evidence = Evidence(field=EvidenceField.TITLE, start=0, end=5, text="Story")
    hit = RuleHit(rule_id="a", rule_version=content_id("a"), evidence=(evidence,))
    return Match(
        id=match_id(article.revision_id, "arms", (hit,)),
        watch_topic="arms",
        watch_topic_title="Arms supplies",
        article=article,
        hits=(hit,),
    )


def place(at: datetime, novelty: Novelty = Novelty.FIRST) -> Placement:
    article_id = content_id(at.isoformat())
    return Placement(article_id, content_id("story", article_id), article_id, None, novelty, (), 1, 1, 0.0, ())


async def test_a_burst_of_stories_is_told_once() -> None:
    desk = Desk()
    await desk.read(TIMES)
    await desk.rest()
    (alert,) = desk.told
    assert alert.title == "Arms supplies: 5 new stories in 3 hours, less than 1 is usual"
    assert "“Story of 01 09:00” (Wire)" in alert.summary


async def test_copies_of_one_story_are_no_surge() -> None:
    desk = Desk()
    await desk.read(TIMES[:93])
    await desk.read((BEGUN + number * timedelta(minutes=5) for number in range(40)), Novelty.OUTLET)
    await desk.rest()
    assert desk.told == []


async def test_what_was_in_a_feed_before_it_was_followed_is_no_surge() -> None:
    desk = Desk()
    for at in TIMES:
        desk.clock.advance(at - desk.clock.now())
        found = match(at)
        back = found.article.model_copy(update={"arrival": Arrival.BACK_LIST})
        await desk.surges.note(found.model_copy(update={"article": back}), place(at))
    assert await desk.store.topics() == ()


async def test_what_is_read_again_changes_nothing() -> None:
    desk = Desk()
    await desk.read(TIMES)
    await desk.rest()
    kept = await desk.store.load("arms")
    desk.surges = desk.restarted()
    for at in TIMES[-40:]:
        await desk.surges.note(match(at), place(at))
    await desk.rest()
    assert len(desk.told) == 1
    assert await desk.store.load("arms") == kept


async def test_a_restart_after_every_story_gives_the_same_alert() -> None:
    plain, restarting = Desk(), Desk()
    await plain.read(TIMES)
    await plain.rest()
    for at in TIMES:
        restarting.surges = restarting.restarted()
        await restarting.read([at])
    await restarting.rest()
    assert [alert.id for alert in restarting.told] == [alert.id for alert in plain.told]


async def test_two_trackers_in_turn_tell_it_once() -> None:
    desk = Desk()
    one, other = desk.surges, desk.restarted()
    for number, at in enumerate(TIMES):
        desk.surges = one if number % 2 else other
        await desk.read([at])
    for desk.surges in (one, other):
        await desk.rest()
    assert len(desk.told) == 1


class Refusing(RecordingPublisher):
    """A publisher that cannot be reached until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.reachable = False

    async def publish(self, stream: Stream[Any], value: BaseModel) -> None:
        if not self.reachable:
            raise UnavailableError("the log went away")
        await super().publish(stream, value)


async def test_what_could_not_be_told_is_told_later() -> None:
    publisher = Refusing()
    desk = Desk(publisher=publisher)
    with pytest.raises(UnavailableError):
        await desk.read(TIMES)
    publisher.reachable = True
    desk.surges = desk.restarted()
    assert await desk.surges.next_due_at() is not None
    await desk.rest()
    assert len(desk.told) == 1
    assert await desk.surges.next_due_at() is None


async def test_a_surge_of_long_ago_is_not_told() -> None:
    publisher = Refusing()
    desk = Desk(publisher=publisher)
    with pytest.raises(UnavailableError):
        await desk.read(TIMES)
    publisher.reachable = True
    await desk.rest(POLICY.news_for + DAY)
    assert desk.told == []
    assert await desk.surges.next_due_at() is None


class Failing(InMemorySurgeStore):
    """A store that takes the nth change and cannot say so, or does not take it."""

    def __init__(self, failing: int, *, taken: bool) -> None:
        super().__init__()
        self._left = failing
        self._taken = taken

    async def commit(self, watch_topic: str, change: SurgeChange, *, expected: int) -> int | None:
        self._left -= 1
        if self._left:
            return await super().commit(watch_topic, change, expected=expected)
        if self._taken:
            await super().commit(watch_topic, change, expected=expected)
        raise UnavailableError("the store went away")


@pytest.mark.parametrize("taken", [True, False])
@pytest.mark.parametrize("failing", range(94, 101))
async def test_a_store_that_fails_at_any_step_costs_no_alert(failing: int, *, taken: bool) -> None:
    plain, desk = Desk(), Desk(Failing(failing, taken=taken))
    await plain.read(TIMES)
    await plain.rest()
    for at in TIMES:
        try:
            await desk.read([at])
        except UnavailableError:
            await desk.read([at])  # the message comes again
    await desk.rest()
    assert {alert.id for alert in desk.told} == {plain.told[0].id}
    assert sorted((await desk.store.load("arms")).starts) == sorted((await plain.store.load("arms")).starts)


async def test_records_that_cannot_be_read_stop_nothing() -> None:
    desk = Desk()
    await desk.read(TIMES[:93])
    kept = await desk.store.load("arms")
    for broken in (StoredSurges((b"{}", *kept.starts), b"\xff", kept.version), StoredSurges((), b"{}", kept.version)):
        desk.store._topics["arms"] = broken
        desk.surges = desk.restarted()
        await desk.read([desk.clock.now() + HOUR])
    assert desk.told == []


async def test_without_its_state_a_topic_goes_on_with_its_history() -> None:
    desk = Desk()
    await desk.read(TIMES[:93])
    kept = await desk.store.load("arms")
    desk.store._topics["arms"] = StoredSurges(kept.starts, b"?", kept.version)
    desk.surges = desk.restarted()
    await desk.read(TIMES[93:])
    await desk.rest()
    assert len(desk.told) == 1


async def test_a_topic_that_catches_up_is_judged_by_the_times_in_its_articles() -> None:
    desk = Desk()
    desk.clock.advance(50 * DAY)
    await desk.surges.note(match(TIMES[0]), place(TIMES[0]))
    await desk.surges.announce_due(desk.clock.now())
    assert await desk.surges.next_due_at() == desk.clock.now() + CAUGHT_UP_AFTER
    await desk.rest(CAUGHT_UP_AFTER)
    assert await desk.surges.next_due_at() is None


async def test_an_article_dated_ahead_counts_when_it_is_seen() -> None:
    desk = Desk()
    await desk.read(TIMES[:1])
    ahead = TIMES[0] + 3 * DAY
    await desk.surges.note(match(ahead, seen_at=TIMES[0]), place(ahead))
    await desk.rest(POLICY.grace)
    assert await desk.surges.next_due_at() is None


async def test_what_another_tracker_left_waiting_is_told() -> None:
    desk = Desk()
    other = desk.surges
    await desk.read(TIMES[:50])
    await desk.rest()  # nothing waits that this tracker knows of
    desk.surges = desk.restarted()
    await desk.read(TIMES[50:98])
    assert desk.told == []
    desk.surges = other
    await desk.rest()
    assert len(desk.told) == 1
