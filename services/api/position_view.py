"""What the page of a topic's positions says, as words and pictures, before it becomes HTML. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from alerts.card import bounded_line, counted, day_text, in_zone, moment_text, safe_url, shorten
from schemas.claim import Claim
from schemas.ladder import Ladder
from schemas.shift import NOT_SO, ChannelPosition, Position, Shift, StanceTaken, Stand
from services.domain.positions.claims import effective_modality
from services.domain.positions.timeline import timeline_of
from services.domain.positions.timeline_svg import figure
from services.domain.positions.tracker import PositionTracker

MAX_SHIFTS = 25  # of each actor, the newest
MAX_DOTS = 300  # of each actor, the newest: each has its sentence with it
SENTENCE_CHARS = 600
NAME_CHARS = 120
WIDE, NARROW = 800, 340


@dataclass(frozen=True)
class LadderTopic:
    """A watch topic as the page needs it: its title, its ladder, and what its actors are called."""

    id: str
    title: str
    ladder: Ladder
    actor_names: Mapping[str, str]

    def name(self, actor: str) -> str:
        """Return what an actor is called."""
        return _words(self.actor_names.get(actor, actor))


@dataclass(frozen=True)
class Saying:
    """A sentence that proves something, verbatim, who said it, and where it stands."""

    text: str
    said_by: str
    outlet: str
    url: str | None
    day: str


@dataclass(frozen=True)
class Turn:
    """A shift in words; `before` is empty where `after` says it all."""

    day: str
    track: str
    before: str
    after: str
    status: str
    grounds: str
    sayings: tuple[Saying, ...]


@dataclass(frozen=True)
class Actor:
    """One actor of the ladder; `wide` and `narrow` are its position over time as SVG, both of the same."""

    name: str
    facts: tuple[tuple[str, str], ...]
    wide: str
    narrow: str
    turns: tuple[Turn, ...]
    earlier_turns: int


@dataclass(frozen=True)
class Stance:
    """What somebody who is not on the ladder did about the question."""

    actor: str
    title: str
    span: str
    grounds: str
    saying: Saying


@dataclass(frozen=True)
class TopicPage:
    """Everything on the page, in its order."""

    title: str
    actors: tuple[Actor, ...]
    stances: tuple[Stance, ...]
    as_of: str


def topic_page(topic: LadderTopic, trackers: Mapping[str, PositionTracker], now: datetime, zone: tzinfo) -> TopicPage:
    """Return what the page says to a reader in this zone: who stands on the ladder, then what others did."""
    held = {actor: (tracker, tracker.position()) for actor, tracker in sorted(trackers.items())}
    writer = _Writer(topic, now, zone)
    on_ladder = [actor for actor in topic.ladder.actors if actor in held]
    return TopicPage(
        title=_words(topic.title) or topic.id,
        actors=tuple(writer.actor(actor, *held[actor]) for actor in on_ladder),
        stances=tuple(stance for actor, (_, position) in held.items() for stance in writer.stances(actor, position)),
        as_of=moment_text(in_zone(now, zone)),
    )


@dataclass(frozen=True)
class _Writer:
    topic: LadderTopic
    now: datetime
    zone: tzinfo

    def actor(self, actor: str, tracker: PositionTracker, position: Position) -> Actor:
        """Return one actor's part of the page."""
        name = self.topic.name(actor)
        shown = [claim for claim in tracker.claims() if claim.eligible][-MAX_DOTS:]
        title = f"{name}: {_words(self.topic.title)}"
        timeline = timeline_of(position, shown, self.topic.ladder, title=title, until=self.now)
        return Actor(
            name=name,
            facts=tuple(self._facts(position)),
            wide=figure(timeline, WIDE),
            narrow=figure(timeline, NARROW),
            turns=tuple(map(self._turn, reversed(position.shifts[-MAX_SHIFTS:]))),
            earlier_turns=max(len(position.shifts) - MAX_SHIFTS, 0),
        )

    def stances(self, actor: str, position: Position) -> Iterator[Stance]:
        """Yield what an actor did about the question without a place on the ladder."""
        for stance in position.stances:
            yield Stance(
                self.topic.name(actor),
                self._title(stance.stance),
                self._span(stance),
                counted(stance.origins, "independent origin"),
                self._saying(stance.claim),
            )

    def _facts(self, position: Position) -> Iterator[tuple[str, str]]:
        yield "Declared", self._stand(position.declared)
        yield "Reported", self._stand(position.reported)
        for channel in position.side_channels:
            if channel.declared != NOT_SO or channel.reported != NOT_SO:
                yield self._title(channel.side_channel), _channel(channel)
        if position.standing:
            standing = position.standing
            yield "Policy, as told", f"{self._title(standing.rung)}, told last on {self._day(standing.as_of)}"

    def _stand(self, stand: Stand) -> str:
        if stand.rung is None:
            return "not known"
        since = f", since {self._day(stand.since)}" if stand.since else ""
        return f"{self._title(stand.rung)}{since}"

    def _turn(self, shift: Shift) -> Turn:
        before, after = self._title(shift.from_rung), self._title(shift.to_rung)
        if shift.side_channel is not None:
            became = "no longer" if shift.to_rung == NOT_SO else "now"
            before, after = "", f"{self._title(shift.side_channel)}: {became} {shift.track}"
        origins = counted(shift.origins, "independent origin")
        return Turn(
            day=self._day(shift.decided_at),
            track=shift.track.capitalize(),
            before=before,
            after=after,
            status=shift.status,
            grounds=f"{origins}, confidence {min(shift.confidence, 0.99):.0%}",  # never quite sure
            sayings=tuple(map(self._saying, shift.evidence)),
        )

    def _saying(self, claim: Claim) -> Saying:
        speaker = _words(claim.speaker or "", NAME_CHARS)
        word = claim.attribution.replace("_", " ") if claim.attribution != "self" else "its own word"
        said_by = ", ".join(part for part in (speaker, word, effective_modality(claim)) if part)
        outlet = _words(claim.outlet, NAME_CHARS) or "unknown outlet"
        text = _words(claim.evidence.text, SENTENCE_CHARS)
        return Saying(text, said_by, outlet, safe_url(claim.url), self._day(claim.event_at))

    def _span(self, stance: StanceTaken) -> str:
        first, last = self._day(stance.first_at), self._day(stance.last_at)
        return first if first == last else f"{first} to {last}"

    def _title(self, rung: str) -> str:
        return _words(self.topic.ladder.title(rung))

    def _day(self, at: datetime) -> str:
        return day_text(in_zone(at, self.zone))


def _channel(channel: ChannelPosition) -> str:
    reported = "not reported" if channel.reported == NOT_SO else "reported"
    declared = "not declared" if channel.declared == NOT_SO else "declared"
    return f"{reported}, {declared}{'; contested by its officials' if channel.contested else ''}"


def _words(text: str, limit: int = SENTENCE_CHARS) -> str:
    return shorten(bounded_line(text), limit)
