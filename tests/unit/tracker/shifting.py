"""A world with one ladder, and the real handlers on it, from articles to alerts, with stores in memory."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from schemas.alert import Alert, AlertKind
from schemas.article import Arrival, Article
from schemas.base import StreamContract, content_id
from schemas.claim import Modality, PloverEvent
from schemas.ladder import Condition, Ladder, MappingRule, Rung, ShiftPolicy, Stance
from schemas.shift import Position
from schemas.streams import ARTICLES, MATCHES, Stream
from schemas.watch import WatchRule, WatchTopic
from services.domain.positions.tracker import PositionTracker
from services.domain.stories.stories import StoryIndex
from services.domain.surges.policy import SurgePolicy
from services.domain.text.gazetteer import Gazetteer
from services.matcher.handler import MatcherHandler
from services.matcher.watchlist import Watchlist
from services.ports import Publisher
from services.provisioning.catalogues import Watched
from services.tracker.handler import TrackerHandler
from services.tracker.position_store import InMemoryPositionStore, ValkeyPositionStore
from services.tracker.positions import Positions
from services.tracker.stories import Stories, StoryStore
from services.tracker.story_store import InMemoryStoryStore
from services.tracker.surge_store import InMemorySurgeStore
from services.tracker.surges import Surges
from tests.fakes import FakeClock, RecordingTraces
from tests.unit.claims.gazetteer import ACTORS

TOPIC = "arms-moldova"
START = datetime(2024, 11, 4, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

# Sentences of plain reports. The words around them differ, so that no two are copies of one another.
MAY = "Norway may supply weapons to Moldova, Prime Minister Jonas Store told reporters."
AGREED = "Norway has agreed to supply weapons to Moldova, Prime Minister Jonas Store said."
WILL_SEND = "Norway will send howitzers to Moldova, the defence ministry in Oslo announced."
LEAKED = "Norway agreed to send artillery to Moldova, officials familiar with the matter said."
REFUSED = "Norway will not send weapons to Moldova, Prime Minister Jonas Store said in Oslo."
REFUSES = "Norway refuses to supply arms to Moldova, the defence ministry in Oslo said."
ASKED = "Moldova asked Norway for weapons."


def ladder(**policy: Any) -> Ladder:
    """Refuse, consider, agree; two origins to move."""
    return Ladder(
        actors=("norway",),
        recipients=("moldova",),
        rungs=(
            Rung(id="refuse", title="Sends nothing"),
            Rung(id="consider", title="Weighs it"),
            Rung(id="agree", title="Sends weapons"),
        ),
        stances=(
            Stance(
                id="request",
                title="Asks for weapons",
                actors=("moldova",),
                when=(Condition(events=(PloverEvent.REQUEST,)),),
            ),
        ),
        mapping=(
            MappingRule(rung="refuse", events=(PloverEvent.REJECT,), modalities=(Modality.ASSERTED,)),
            MappingRule(
                rung="consider",
                events=(PloverEvent.AGREE, PloverEvent.AID),
                modalities=(Modality.SPECULATIVE, Modality.CONDITIONAL),
                weigh_as=Modality.CONDITIONAL,
            ),
            MappingRule(rung="agree", events=(PloverEvent.AGREE, PloverEvent.AID)),
        ),
        policy=ShiftPolicy(**{"threshold": 1.4, "lone_reports": True, "lone_confidence": 0.5, **policy}),
    )


def watched(on: Ladder | None = None) -> Watched:
    """The topic, with a rule that takes every article about both."""
    rule = WatchRule(id="both", watch_topic=TOPIC, query="@norway AND @moldova")
    topic = WatchTopic(id=TOPIC, title="Arms for Moldova", rules=(rule,))
    return Watched((topic,), Gazetteer.from_actors(ACTORS), {TOPIC: on or ladder()})


def article(name: str, *sentences: str, at: datetime = START, outlet: str = "", **changes: Any) -> Article:
    """An article of this name, which says these sentences and nothing else that matters."""
    text = " ".join(sentences)
    values: dict[str, Any] = {
        "id": content_id("article", name),
        "revision": 1,
        "revision_id": content_id("revision", name, text),
        "feed_id": "feed",
        "outlet": outlet or f"{name} Gazette",
        "title": "",
        "text": text,
        "url": f"https://{content_id(name)[:8]}.example.org/1",
        "lang": "en",
        "published_at": at,
        "first_seen_at": at,
        **changes,
    }
    return Article(**values)


def back_list(of: Article) -> Article:
    """The same article, as it was in its feed before anybody followed that."""
    return of.model_copy(update={"arrival": Arrival.BACK_LIST})


def revised(of: Article, *sentences: str, at: datetime) -> Article:
    """A later revision of an article."""
    text = " ".join(sentences)
    changes = {"revision": of.revision + 1, "revision_id": content_id(of.revision_id, text), "text": text}
    return of.model_copy(update={**changes, "first_seen_at": at})


class Wires:
    """Streams without a log: what is published is handled at once, and alerts are kept."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self._handlers: dict[str, Callable[[Any], Awaitable[None]]] = {}

    def connect(self, stream: Stream[Any], handle: Callable[[Any], Awaitable[None]]) -> None:
        self._handlers[stream.name] = handle

    async def publish(self, stream: Stream[Any], value: StreamContract) -> None:
        if isinstance(value, Alert):
            self.alerts.append(value)
        elif handle := self._handlers.get(stream.name):
            await handle(value)


class World:
    """A matcher and a tracker; a later one may go on with the stores of one that is gone."""

    def __init__(
        self,
        catalogue: Watched | None = None,
        store: InMemoryPositionStore | ValkeyPositionStore | None = None,
        stories: StoryStore | None = None,
        wires: Wires | None = None,
        publisher: Publisher | None = None,
        now: datetime = START,
    ) -> None:
        catalogue = catalogue or watched()
        self.clock, self.wires, self.traces = FakeClock(now), wires or Wires(), RecordingTraces()
        self.store = store or InMemoryPositionStore()
        self.stories = stories or InMemoryStoryStore()
        out = publisher or self.wires
        self.positions = Positions(self.store, out, self.traces, catalogue)
        places = Stories(self.stories, partial(StoryIndex, catalogue.gazetteer))
        surges = Surges(InMemorySurgeStore(), self.stories, out, self.clock, SurgePolicy())
        tracker = TrackerHandler(
            out, self.clock, stories=places, positions=self.positions, surges=surges, traces=self.traces
        )
        self.wires.connect(ARTICLES, MatcherHandler(Watchlist(catalogue), self.wires).handle)
        self.wires.connect(MATCHES, tracker.handle)

    async def hear(self, *articles: Article, in_time: bool = True) -> None:
        """Let time pass to each article and take it in; or take all in at this moment."""
        for one in articles:
            if in_time:
                await self.pass_until(max(one.first_seen_at, self.clock.now()))
            await self.wires.publish(ARTICLES, one)

    async def pass_until(self, moment: datetime) -> None:
        """Let time pass; what becomes due meanwhile is announced when it is due."""
        while (due_at := await self.positions.next_due_at()) is not None and due_at <= moment:
            self.clock.advance(max(due_at - self.clock.now(), timedelta(0)))
            await self.positions.announce_due(self.clock.now())
        self.clock.advance(max(moment - self.clock.now(), timedelta(0)))

    async def settle(self) -> None:
        """Let so much time pass that nothing waits any more."""
        await self.pass_until(self.clock.now() + 10 * DAY)

    def told(self, *kinds: AlertKind) -> list[Alert]:
        """Return the alerts of these kinds, else of shifts and corrections."""
        wanted = kinds or (AlertKind.SHIFT, AlertKind.CORRECTION)
        return [alert for alert in self.wires.alerts if alert.kind in wanted]

    async def position(self, actor: str = "norway", on: Ladder | None = None) -> Position:
        """Return where an actor stands by what is kept."""
        states = {state.actor: state for state in await self.store.states(TOPIC)}
        return PositionTracker.restore(on or ladder(), states[actor]).position()


def agreed(at: datetime = START) -> list[Article]:
    """Two independent reports that Norway agrees."""
    return [
        article("Fjord", "Talks went on all night.", AGREED, at=at),
        article("Harbour", "A convoy is being loaded in Bergen.", WILL_SEND, at=at + 2 * HOUR),
    ]


def refused(at: datetime) -> list[Article]:
    """Two independent reports that Norway refuses."""
    return [
        article("Mountain", "The cabinet met for an hour.", REFUSED, at=at),
        article("Island", "Opposition leaders were briefed by telephone.", REFUSES, at=at + 3 * HOUR),
    ]


def texts(articles: Iterable[Article]) -> dict[str, str]:
    """Return the text of each article by its id."""
    return {one.id: one.text for one in articles}
