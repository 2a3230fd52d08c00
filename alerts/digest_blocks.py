"""A digest as one readable Slack message: what waited, by watch topic, the most urgent first. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import NamedTuple

from alerts.alert_blocks import MARKS
from alerts.block_text import (
    MESSAGE_CHARS,
    Block,
    bullets,
    context,
    header,
    linked,
    mrkdwn,
    paragraph,
    rich_text,
    run,
    short_line,
    size,
    within,
)
from alerts.card import KIND_TITLES, brief_moment, counted, in_zone, moment_text, reader_zone, safe_url, shorten
from schemas.alert import AlertKind
from schemas.notification import Digest, DigestItem, DigestReason, Notification
from schemas.watch import Severity

# What fits into one message, whatever the items say; a longer digest comes in parts.
SLACK_DIGEST_ITEMS = 40
TOPIC_CHARS = 80
OUTLET_CHARS = 40
TEXT_ITEMS = 5


class _Room(NamedTuple):
    """How many characters a line may take for its title and its address."""

    title: int
    url: int


# The first that lets the whole digest in.
_ROOMS = (_Room(200, 1_000), _Room(150, 400), _Room(110, 200), _Room(80, 120), _Room(60, 0))


@dataclass(frozen=True)
class _Line:
    """An item in words; the title and the address are cut to what there is room for."""

    watch_topic: str
    topic_title: str
    mark: str
    title: str
    url: str | None
    facts: str


def digest_blocks(notification: Notification, digest: Digest) -> tuple[Block, ...]:
    """Return the digest within the limits of a message.

    Where it is too long, titles are cut and addresses left out; what does not fit even then is counted at the end.
    """
    zone = reader_zone(notification.time_zone)
    head = (header(_title(digest, zone)), context(_extent(digest, zone)))
    room = MESSAGE_CHARS - size(head)
    until = in_zone(digest.until, zone)
    lines = [_line(item, zone, until) for item in digest.items]
    for allowed in _ROOMS:
        body = _body(lines, allowed)
        if size(body) <= room:
            return (*head, *body)
    return (*head, *_shortened(lines, room))


def digest_text(notification: Notification, digest: Digest) -> str:
    """Return the digest's first lines in mrkdwn, as notifications and clients without blocks show it."""
    zone = reader_zone(notification.time_zone)
    lines = [f"*{mrkdwn(_title(digest, zone))}*", mrkdwn(_extent(digest, zone))]
    lines += [
        f"{MARKS[item.severity]} {within(_item_title(item, 150), 300, mrkdwn)}" for item in digest.items[:TEXT_ITEMS]
    ]
    if len(digest.items) > TEXT_ITEMS:
        lines.append(f"and {len(digest.items) - TEXT_ITEMS:,} more")
    return "\n".join(lines)


def _title(digest: Digest, zone: tzinfo) -> str:
    part = f" · part {digest.part} of {digest.parts}" if digest.parts > 1 else ""
    return f"Digest of {moment_text(in_zone(digest.until, zone))}{part}"


def _extent(digest: Digest, zone: tzinfo) -> str:
    """Return how much waited since when, and why."""
    here = f"{len(digest.items):,} of " if digest.parts > 1 else ""
    severities = Counter(item.severity for item in digest.items)
    urgent = [f"{severities[one]} {one}" for one in reversed(Severity) if severities[one] and one is not Severity.INFO]
    over = sum(item.reason is DigestReason.OVER_BUDGET for item in digest.items)
    parts = [f"{here}{counted(digest.total, 'item')} since {moment_text(in_zone(digest.since, zone))}", *urgent]
    return " · ".join([*parts, f"{over:,} held back by the day's budget"] if over else parts)


def _line(item: DigestItem, zone: tzinfo, until: datetime) -> _Line:
    facts = [] if item.kind is AlertKind.MENTION else [KIND_TITLES[item.kind]]
    if outlet := short_line(item.outlet or "", OUTLET_CHARS):
        facts.append(outlet)
    if item.outlets > 1 or item.articles > 1:
        facts.append(f"{counted(item.outlets, 'outlet')}, {counted(item.articles, 'article')}")
    facts.append(brief_moment(in_zone(item.at, zone), until))
    return _Line(
        item.watch_topic,
        short_line(item.watch_topic_title, TOPIC_CHARS) or item.watch_topic,
        MARKS[item.severity],
        _item_title(item, _ROOMS[0].title),
        safe_url(item.url) if len(item.url or "") <= _ROOMS[0].url else None,
        " · ".join(facts),
    )


def _body(lines: Sequence[_Line], allowed: _Room) -> list[Block]:
    """Return one block of rich text: for each watch topic its title and its items, in the order of their first."""
    topics: dict[str, list[_Line]] = {}
    for line in lines:
        topics.setdefault(line.watch_topic, []).append(line)
    elements: list[Block] = []
    for its_lines in topics.values():
        title = paragraph(run(its_lines[0].topic_title, bold=True))
        elements += [title, bullets(_drawn(line, allowed) for line in its_lines)]
    return [rich_text(*elements)] if elements else [context("Nothing waited.")]


def _drawn(line: _Line, allowed: _Room) -> Block:
    url = line.url if line.url and len(line.url) <= allowed.url else None
    return paragraph(run(f"{line.mark} "), linked(shorten(line.title, allowed.title), url), run(f" — {line.facts}"))


def _shortened(lines: Sequence[_Line], room: int) -> list[Block]:
    """Return as many lines as fit, in their order, and one that counts the others."""
    fewest, most = 0, len(lines)
    while fewest < most:
        middle = (fewest + most + 1) // 2
        fits = size(_body(lines[:middle], _ROOMS[-1])) <= room - TOPIC_CHARS
        fewest, most = (middle, most) if fits else (fewest, middle - 1)
    left_out = counted(len(lines) - fewest, "more item")
    return [*_body(lines[:fewest], _ROOMS[-1]), context(f"and {left_out}, too many for one message in Slack")]


def _item_title(item: DigestItem, limit: int) -> str:
    return short_line(item.title, limit) or short_line(item.watch_topic_title, limit) or item.watch_topic
