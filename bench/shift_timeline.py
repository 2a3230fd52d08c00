"""A dated timeline of coded statements, through the seeds' ladder and the tracker, compared with what it must tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from schemas.article import Article
from schemas.base import content_id
from schemas.claim import Attribution, Claim, Modality, Plover, PloverEvent, Statement
from schemas.ladder import Ladder
from schemas.match import Evidence, EvidenceField
from schemas.position import Track
from schemas.shift import Correction, Shift
from services.domain.positions.claims import claims_of
from services.domain.positions.tracker import PositionTracker
from services.provisioning.catalogues import load_gazetteer, load_ladders
from services.provisioning.yaml_file import read_yaml

SEEDS = Path(__file__).parent.parent / "seeds"
_LATE = timedelta(minutes=5)  # from publication to arrival


@dataclass(frozen=True)
class Expected:
    """A shift that must be told: when, from where to where, and how it ends up."""

    on: date
    from_rung: str
    to_rung: str
    side_channel: str | None = None
    status: str | None = None


@dataclass(frozen=True)
class Timeline:
    """Claims in the order of the file, and what they must lead to."""

    watch_topic: str
    actor: str
    ladder: Ladder
    claims: tuple[Claim, ...]
    declared: tuple[Expected, ...]
    reported: tuple[Expected, ...]
    silent: tuple[date, ...]


@dataclass(frozen=True)
class Told:
    """What the tracker told of the timeline's actor as claims came in, each with the moment."""

    news: tuple[tuple[datetime, Shift | Correction], ...]
    shifts: tuple[Shift, ...]
    timeline: Timeline

    def missing(self) -> list[str]:
        """Return the shifts that were not told on their day, or did not end up as they must."""
        found: list[str] = []
        for track, wanted in ((Track.DECLARED, self.timeline.declared), (Track.REPORTED, self.timeline.reported)):
            found += [
                f"{track} {item.on} {item.from_rung} to {item.to_rung}" for item in wanted if not self._has(track, item)
            ]
        return found

    def unwanted(self) -> list[str]:
        """Return the shifts of the declared track that nobody expects, and all news of it on silent days."""
        days = {(item.on, item.to_rung) for item in self.timeline.declared}
        out = []
        for at, news in self.news:
            shift = news if isinstance(news, Shift) else news.shift
            if shift is None or shift.track is not Track.DECLARED:
                continue
            day = at.date()
            if day in self.timeline.silent or (isinstance(news, Shift) and (day, shift.to_rung) not in days):
                out.append(f"{day} {shift.from_rung} to {shift.to_rung}")
        return out

    def report(self) -> str:
        """Return the news as lines, and what is wrong with them."""
        lines = [f"{self.timeline.watch_topic}, {self.timeline.actor}: {len(self.timeline.claims)} claims"]
        lines += [f"  {at:%Y-%m-%d %H:%M}  {_line(news)}" for at, news in self.news]
        missing, unwanted = self.missing(), self.unwanted()
        lines.append(f"missing: {'; '.join(missing) or 'none'}")
        lines.append(f"unwanted: {'; '.join(unwanted) or 'none'}")
        return "\n".join(lines)

    def _has(self, track: Track, wanted: Expected) -> bool:
        told = {news.id for at, news in self.news if isinstance(news, Shift) and at.date() == wanted.on}
        return any(
            shift.id in told
            and (shift.track, shift.from_rung, shift.to_rung) == (track, wanted.from_rung, wanted.to_rung)
            and shift.side_channel == wanted.side_channel
            and wanted.status in {None, shift.status.value}
            for shift in self.shifts
        )


def read_timeline(path: Path, seeds: Path = SEEDS) -> Timeline:
    """Read a timeline; its statements go through the ladder of its topic in the seeds."""
    data = read_yaml(path).mapping()
    topic = data["watch_topic"]
    ladder = load_ladders(seeds / "topics", load_gazetteer(seeds / "actors"))[topic]
    claims = tuple(
        claim
        for number, item in enumerate(data["statements"])
        for claim in _claims(item, number, watch_topic=topic, ladder=ladder)
    )
    expected = data["expected"]
    return Timeline(
        watch_topic=topic,
        actor=data["actor"],
        ladder=ladder,
        claims=claims,
        declared=tuple(map(_expected, expected["declared"])),
        reported=tuple(map(_expected, expected["reported"])),
        silent=tuple(map(date.fromisoformat, expected["silent"])),
    )


def run_timeline(timeline: Timeline) -> Told:
    """Let the claims come one by one, as feeds bring them, with a look every hour."""
    tracker = PositionTracker(timeline.ladder, timeline.watch_topic, timeline.actor)
    claims = sorted(
        (claim for claim in timeline.claims if claim.actor == timeline.actor), key=lambda claim: claim.seen_at
    )
    news: list[tuple[datetime, Shift | Correction]] = []
    for number, claim in enumerate(claims):
        tracker.add((claim,))
        until = claims[number + 1].seen_at if number + 1 < len(claims) else claim.seen_at + timedelta(days=1)
        now = claim.seen_at
        while now < min(until, claim.seen_at + timedelta(hours=3)):
            news += [(now, told) for told in tracker.announce(now)]
            now += timedelta(minutes=30)
    return Told(tuple(news), tracker.position().shifts, timeline)


def _expected(item: dict[str, Any]) -> Expected:
    return Expected(
        date.fromisoformat(item["on"]), item["from"], item["to"], item.get("side_channel"), item.get("status")
    )


def _claims(item: dict[str, Any], number: int, *, watch_topic: str, ladder: Ladder) -> Sequence[Claim]:
    at = datetime.fromisoformat(item["at"]).astimezone(UTC)
    article_id = content_id("timeline", str(number))
    article = Article(
        id=article_id,
        revision=1,
        revision_id=content_id("revision", item["says"]),
        feed_id="timeline",
        outlet=item["outlet"],
        title=item["says"],
        published_at=at,
        first_seen_at=at + _LATE,
    )
    origin = content_id("origin", item["origin"]) if "origin" in item else article_id
    return claims_of(
        _statement(item, at),
        article,
        watch_topic=watch_topic,
        ladder=ladder,
        origin_id=origin,
        now=article.first_seen_at,
    )


def _statement(item: dict[str, Any], at: datetime) -> Statement:
    text = item["says"]
    attribution = Attribution(item.get("attribution", "self"))
    return Statement(
        evidence=Evidence(field=EvidenceField.TITLE, start=0, end=len(text), text=text),
        actor=item.get("actor", "south_korea"),
        recipient=item.get("recipient", "ukraine"),
        others=tuple(item.get("others", ())),
        plover=Plover(
            event=PloverEvent(item["event"]), mode=item.get("mode", ""), object=item.get("object", "lethal_arms")
        ),
        modality=Modality(item.get("modality", "asserted")),
        attribution=attribution,
        speaker=item.get("speaker"),
        event_at=at,
        confidence=0.9,
        agreed=True,
    )


def _line(news: Shift | Correction) -> str:
    if isinstance(news, Correction):
        return f"correction ({news.kind}) of {news.corrects[:8]}: {news.reason}"
    channel = f" [{news.side_channel}]" if news.side_channel else ""
    return f"{news.track}{channel}: {news.from_rung} to {news.to_rung}, {news.origins} origins, {news.status}"
