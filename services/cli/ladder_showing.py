"""A topic's ladder on the terminal, and under it where each actor stands and how it came there."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rich.text import Text

from schemas.ladder import Ladder, Rung, Stance
from schemas.watch import WatchTopic
from services.cli.claim_reading import ClaimReader
from services.cli.filters import articles
from services.cli.held_positions import Held, HeldPositions
from services.cli.loading import LoadedSettings
from services.cli.output import BadInputError, out
from services.cli.position_words import plain, standing_lines
from services.cli.times import since_moment, span_text
from services.domain.positions.timeline import Timeline, draw, timeline_of
from services.provisioning.catalogues import Watched
from services.provisioning.faults import nearest
from services.runtime.faults import RuntimeFaultError

MAX_WIDTH = 120  # a wider chart says no more
_STYLES = (("[━┛┏┓┗┃●▲▼]", "cyan"), ("[╌╯╭╮╰╎○△▽]", "yellow"))


@dataclass(frozen=True)
class TopicHeld:
    """What is known of the actors of one topic, to be drawn from `since` to `until`; `unknown` says why nothing is."""

    held: tuple[Held, ...]
    until: datetime
    since: datetime | None = None
    unknown: str = ""
    unreadable: int = 0

    def only(self, actor: str | None) -> "TopicHeld":
        """Return what is known of one actor, or of all for None; BadInputError for one of whom nothing is known."""
        if actor is None:
            return self
        known = [one.actor for one in self.held]
        if known and actor not in known:
            raise BadInputError(f"nothing is known of an actor {actor!r}{nearest(actor, known)}")
        return replace(self, held=tuple(one for one in self.held if one.actor == actor))

    def beginning(self, since: str | None) -> "TopicHeld":
        """Return it drawn from this moment on, or so long before its end; from its beginning for None."""
        return self if since is None else replace(self, since=since_moment(since, "--since", self.until))


def held_by_articles(loaded: LoadedSettings, known: Watched, topic: WatchTopic, files: list[Path]) -> TopicHeld:
    """Return what these articles say; lines that are none are told on stderr and counted."""
    reader = ClaimReader(_only(known, topic), loaded.settings.coding)
    positions = HeldPositions(reader.watched)
    positions.add(reader.read_in_time(articles(files)))
    held = positions.all()
    until = max((one.last_at for one in held if one.last_at), default=datetime.now(UTC))
    unknown = "" if held else "these articles claim nothing on this ladder"
    return TopicHeld(held, until, unknown=unknown, unreadable=reader.unreadable)


def held_by_store(loaded: LoadedSettings, known: Watched, topic: WatchTopic) -> TopicHeld:
    """Return what a running Redline knows; why not, where nothing runs or it cannot be reached."""
    from services.cli.position_work import NO_STATE, stored_positions

    now = datetime.now(UTC)
    try:
        held = asyncio.run(stored_positions(loaded, _only(known, topic)))
    except BadInputError:
        return TopicHeld((), now, unknown=NO_STATE)
    except RuntimeFaultError as error:
        return TopicHeld((), now, unknown=f"where actors stand cannot be read: {error}")
    return TopicHeld(held, now, unknown="" if held else "nothing has been claimed on this ladder yet")


def _only(known: Watched, topic: WatchTopic) -> Watched:
    return Watched((topic,), known.gazetteer, {topic.id: known.ladders[topic.id]})


def print_ladder(ladder: Ladder) -> None:
    """Print the rungs, the highest on top, what is beside them, and when a position has moved."""
    towards = f", towards {', '.join(ladder.recipients)}" if ladder.recipients else ""
    out.print(f"\n[bold]ladder[/bold]  of {', '.join(ladder.actors)}{plain(towards)}")
    for line in _ladder_lines(ladder):
        out.print(f"  {line}")


def _ladder_lines(ladder: Ladder) -> Iterator[str]:
    beside: tuple[Rung | Stance, ...] = (*ladder.side_channels, *ladder.stances)
    wide = max(len(named.id) for named in (*ladder.rungs, *beside))
    for number, rung in reversed(tuple(enumerate(ladder.rungs, 1))):
        yield f"{number:>2}  {rung.id:<{wide}}  {plain(rung.title)}"
    for channel in ladder.side_channels:
        yield f" +  {channel.id:<{wide}}  {plain(channel.title)}  [dim]beside the ladder[/dim]"
    for stance in ladder.stances:
        yield f" ·  {stance.id:<{wide}}  {plain(stance.title)}  [dim]{', '.join(stance.actors)}[/dim]"
    policy = ladder.policy
    lone = "; or by one statement of its own on record" if policy.on_record else ""
    lone += "; or by one report, unconfirmed" if policy.lone_reports else ""
    yield (
        f"[dim]moves by {policy.origins} origins within {span_text(policy.window)}, with a score of "
        f"{policy.threshold:g} and over {policy.margin:g} times the present rung's{lone}[/dim]"
    )


def print_positions(found: TopicHeld) -> None:
    """Print each actor's position over time, and what is known of it now; or why nothing is."""
    if found.unknown:
        out.print(f"\n{plain(found.unknown)}")
    for one in found.held:
        out.print()
        if timeline := _timeline(one, found):
            for line in draw(timeline, min(out.width, MAX_WIDTH)):
                out.print(_coloured(line))
        else:
            out.print(plain(one.actor_name))
        for line in standing_lines(one):
            out.print(f"  {line}")


def write_svg(found: TopicHeld, path: Path) -> None:
    """Write the position over time of the one actor who has one; BadInputError if it is not one."""
    from services.domain.positions.timeline_svg import svg

    drawn = [(one.actor, timeline) for one in found.held if (timeline := _timeline(one, found))]
    if not drawn:
        raise BadInputError(f"--svg {path}: {found.unknown or 'there is no position to draw'}")
    if len(drawn) > 1:
        names = ", ".join(actor for actor, _ in drawn)
        raise BadInputError(f"--svg {path}: several actors have a position; say which with --actor: {names}")
    try:
        path.write_text(svg(drawn[0][1]), encoding="utf-8")
    except OSError as error:
        raise BadInputError(f"--svg {path}: cannot be written: {error.strerror}") from error


def _timeline(held: Held, found: TopicHeld) -> Timeline | None:
    """Return the picture of an actor's position; None for one that has none."""
    position = held.position
    if not held.is_on_ladder or not (position.declared.steps or position.reported.steps):
        return None
    title = f"{held.actor_name}: {held.topic.title}"
    claims = held.tracker.claims()
    return timeline_of(position, claims, held.ladder, title=title, until=found.until, since=found.since)


def _coloured(line: str) -> Text:
    text = Text(line)
    for characters, style in _STYLES:
        text.highlight_regex(characters, style)
    return text
