"""`redline replay`: articles through the real handlers, in the order of events, in an isolated store."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress

from schemas.alert import Alert, AlertKind
from schemas.article import Article
from schemas.base import StreamContract
from schemas.streams import ALERTS, ARTICLES, MATCHES, Stream
from services.cli.loading import LoadedSettings, load_settings, watched
from services.cli.output import BAD_INPUT, ConfigOption, JsonOption, err, fault, out, print_line
from services.cli.replay_report import NotAlerted, report, waiting
from services.plurals import counted
from services.ports import Announces
from services.provisioning.article_files import BadLine, ReadArticle, read_articles
from services.settings import CodingSettings

if TYPE_CHECKING:
    from services.bootstrap import IsolatedDelivery
    from services.provisioning.catalogues import Watched


class ReplayClock:
    """The time of the replayed event: what was decided then is decided again."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        """Return the time of the event being replayed."""
        return self.moment


class InlineStreams:
    """Streams without a log: what is published is handled at once, by the handlers that the services run."""

    def __init__(self) -> None:
        self._handlers: dict[str, Callable[[Any], Awaitable[None]]] = {}

    def connect(self, stream: Stream[Any], handle: Callable[[Any], Awaitable[None]]) -> None:
        """Let `handle` take what is published on this stream."""
        self._handlers[stream.name] = handle

    async def publish(self, stream: Stream[Any], value: StreamContract) -> None:
        """Hand `value` to who reads this stream; nobody may."""
        handle = self._handlers.get(stream.name)
        if handle is not None:
            await handle(value)


@dataclass(frozen=True)
class Replayed:
    """How many alerts of each kind were raised, and why other matches raised none."""

    alerts: Counter[AlertKind]
    not_alerted: str

    def counts(self) -> str:
        """Return `6 alerts (2 shifts)`."""
        moves = [
            counted(self.alerts[kind], kind.value)
            for kind in (AlertKind.SHIFT, AlertKind.CORRECTION, AlertKind.SURGE)
            if self.alerts[kind]
        ]
        return counted(self.alerts.total(), "alert") + (f" ({', '.join(moves)})" if moves else "")


def replay(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help=".txt .md .html .xml .json .jsonl, .gz of these, or folders")
    ],
    speed: Annotated[str, typer.Option(metavar="max|N", help="max, or N times as fast as it happened")] = "max",
    deliver: Annotated[bool, typer.Option("--deliver", help="send the alerts to the configured receivers")] = False,
    topics: Annotated[
        Path | None, typer.Option("--topics", help="a topic file or folder in place of the configured")
    ] = None,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show which alerts these articles raise, without sending them.

    A text without a date is put after the last day that it names.

    Example: redline replay seeds/articles --json
    """
    pace = _pace(speed)
    articles, faults = _read(paths)
    replayed = asyncio.run(_replay(articles, pace, deliver, topics, json, config))
    if not json:
        sent = "" if deliver else "; nothing was sent"
        out.print(f"{counted(len(articles), 'article')}, {replayed.counts()}{sent}")
        if replayed.not_alerted:
            out.print(replayed.not_alerted)
    raise typer.Exit(BAD_INPUT if faults or not articles else 0)


async def _replay(
    articles: list[Article], pace: float | None, deliver: bool, topics: Path | None, json: bool, config: Path | None
) -> Replayed:
    loaded = load_settings(config, overrides={"topics": topics})
    clock, streams, not_alerted = ReplayClock(), InlineStreams(), NotAlerted()
    shown: dict[str, AlertKind] = {}
    async with _delivery(loaded, deliver) as delivery:

        async def tell(alert: Alert) -> None:
            if alert.id in shown:
                return  # an edited article raises the same alert again; it is told once
            shown[alert.id] = alert.kind
            print_alert(alert, json)
            if delivery is not None:
                await delivery.handle(alert)

        announcers = _connect(streams, watched(loaded), clock, not_alerted, loaded.settings.coding)
        streams.connect(ALERTS, tell)
        time = _Time(clock, announcers, pace)
        with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
            for article in progress.track(articles, description="replaying"):
                await time.pass_until(article.event_at)
                await streams.publish(ARTICLES, article)
        await time.pass_until(None)
    return Replayed(Counter(shown.values()), not_alerted.summary())


class _Time:
    """Lets time pass, `pace` times as fast as it did, or at once; what becomes due meanwhile is announced then."""

    def __init__(self, clock: ReplayClock, announcers: Sequence[Announces], pace: float | None) -> None:
        self._clock = clock
        self._announcers = announcers
        self._pace = pace
        self._began = False

    async def pass_until(self, moment: datetime | None) -> None:
        """Go to this moment, or, without one, to where nothing waits any more."""
        while (due_at := await self._next_due_at()) is not None and (moment is None or due_at <= moment):
            await self._go(max(due_at, self._clock.now()))
            for announcer in self._announcers:
                await announcer.announce_due(self._clock.now())
        if moment is not None:
            await self._go(moment)

    async def _next_due_at(self) -> datetime | None:
        moments = [await announcer.next_due_at() for announcer in self._announcers]
        return min((moment for moment in moments if moment is not None), default=None)

    async def _go(self, moment: datetime) -> None:
        if self._pace is not None and self._began:
            await asyncio.sleep((moment - self._clock.moment).total_seconds() / self._pace)
        self._began, self._clock.moment = True, moment


def _connect(
    streams: InlineStreams, catalogue: "Watched", clock: ReplayClock, not_alerted: NotAlerted, coding: CodingSettings
) -> Sequence[Announces]:
    """Let the handlers of the services take what is published, with stores that are gone when the replay ends."""
    from services.coding import coder_for
    from services.domain.stories.stories import StoryIndex
    from services.domain.surges.policy import SurgePolicy
    from services.matcher.handler import MatcherHandler
    from services.matcher.watchlist import Watchlist
    from services.tracker.handler import TrackerHandler
    from services.tracker.position_store import InMemoryPositionStore
    from services.tracker.positions import Positions
    from services.tracker.stories import Stories
    from services.tracker.story_store import InMemoryStoryStore
    from services.tracker.surge_store import InMemorySurgeStore
    from services.tracker.surges import Surges

    story_store = InMemoryStoryStore()
    stories = Stories(story_store, partial(StoryIndex, catalogue.gazetteer))
    positions = Positions(InMemoryPositionStore(), streams, not_alerted, catalogue, coder_for(coding))
    surges = Surges(InMemorySurgeStore(), story_store, streams, clock, SurgePolicy())
    tracker = TrackerHandler(streams, clock, stories=stories, positions=positions, surges=surges, traces=not_alerted)
    streams.connect(ARTICLES, MatcherHandler(Watchlist(catalogue), streams).handle)
    streams.connect(MATCHES, tracker.handle)
    return positions, surges


@asynccontextmanager
async def _delivery(loaded: LoadedSettings, deliver: bool) -> AsyncIterator["IsolatedDelivery | None"]:
    if not deliver:
        yield None
        return
    from services import bootstrap  # only here: it loads the stream processor
    from services.configuration import check_configuration
    from services.provisioning.faults import ConfigurationError

    if faults := check_configuration(loaded, ("alerter",)).faults:
        raise ConfigurationError(faults)
    delivery = None
    try:
        with waiting(bootstrap.PATIENCE_SECONDS) as show:
            async with bootstrap.isolated_delivery(loaded, on_wait=show) as delivery:
                yield delivery
    finally:
        if delivery is not None:
            report(delivery)


def print_alert(alert: Alert, json: bool) -> None:
    """Show an alert as a card, or as one line of JSON."""
    if json:
        print_line(alert.model_dump_json(exclude_none=True))
        return
    from alerts.card import render_card
    from alerts.channels.console import print_card

    print_card(render_card(alert))


def _read(paths: list[Path]) -> tuple[list[Article], int]:
    """Return the articles in event-time order, those without a date last, and the number of faults told."""
    articles: list[Article] = []
    faults = 0
    for item in read_articles(paths, datetime.now(UTC)):
        match item:
            case BadLine(found):
                fault(str(found))
                faults += 1
            case ReadArticle(_, article):
                articles.append(article)
    articles.sort(key=lambda article: (article.event_at, article.id))
    return articles, faults


def _pace(speed: str) -> float | None:
    if speed == "max":
        return None
    try:
        pace = float(speed)
    except ValueError:
        pace = 0.0
    if not 0 < pace < float("inf"):
        raise typer.BadParameter(f"expected max or a number above 0, found {speed!r}", param_hint="--speed")
    return pace
