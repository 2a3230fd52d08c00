"""What a message of several parts says, in reading order and within limits, before it becomes text or HTML. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from itertools import count

from alerts.card import (
    KIND_TITLES,
    Card,
    Quote,
    Said,
    Segment,
    brief_moment,
    counted,
    day_text,
    in_zone,
    moment_text,
    one_line,
    reader_zone,
    render_card,
    safe_url,
    shorten,
)
from alerts.charts import StepChart, step_chart
from alerts.directions import placed
from schemas.alert import Alert
from schemas.notification import Digest, DigestItem, DigestReason, Notification, NotificationKind
from schemas.watch import Severity

# Mail clients cut messages of about 100 kB off; these bounds keep far below it, whatever an article says.
WHOLE_ALERTS = 5  # the most urgent; the others get a line each
LISTED_ALERTS = 40
MAX_QUOTES = 8
QUOTE_CHARS = 1_500
EVIDENCE_CHARS = 3_000  # of one alert, testimony and excerpts together
SAID_CHARS = 700
LINE_CHARS = 300
NAME_CHARS = 80
MAX_LINES = 12
URL_CHARS = 1_000  # longer ones are trackers
CONTENTS_FROM = 12  # items of a digest, from which on it begins with a table of contents


@dataclass(frozen=True)
class Part:
    """One alert of a message: its card, shortened, how the actor came there, and how many excerpts were left out."""

    card: Card
    chart: StepChart | None
    quotes_left_out: int


@dataclass(frozen=True)
class Letter:
    """A message about alerts. `standing` says what it is to its reader, where that is not plain."""

    severity: Severity
    receiver: str
    standing: str
    parts: tuple[Part, ...]
    listed: tuple[Card, ...]
    not_listed: int


@dataclass(frozen=True)
class DigestLine:
    """One item of a digest as words."""

    number: int
    severity: Severity
    kind: str
    title: str
    url: str | None
    about: str


@dataclass(frozen=True)
class DigestSection:
    """The items of one watch topic, the most urgent first."""

    title: str
    lines: tuple[DigestLine, ...]

    @property
    def anchor(self) -> str:
        """The id of the section within the message."""
        return f"section-{self.lines[0].number}"


@dataclass(frozen=True)
class DigestLetter:
    """A digest as words. The sections stand by their most urgent items."""

    severity: Severity
    heading: str
    span: str
    waited: str
    sections: tuple[DigestSection, ...]
    contents: bool


def letter_of(notification: Notification) -> Letter:
    """Return what a message about alerts says; the most urgent come first, and those for whom there is no room last."""
    zone = reader_zone(notification.time_zone)
    ranked = sorted(notification.alerts, key=lambda alert: -alert.severity.rank)
    listed = ranked[WHOLE_ALERTS : WHOLE_ALERTS + LISTED_ALERTS]
    return Letter(
        severity=ranked[0].severity if ranked else Severity.INFO,
        receiver=notification.receiver,
        standing=standing(notification),
        parts=tuple(_part(alert, zone) for alert in ranked[:WHOLE_ALERTS]),
        listed=tuple(trimmed(render_card(alert, zone)) for alert in listed),
        not_listed=len(ranked) - len(ranked[:WHOLE_ALERTS]) - len(listed),
    )


def _part(alert: Alert, zone: tzinfo) -> Part:
    whole = render_card(alert, zone)
    card = trimmed(whole)
    chart = step_chart(alert.position, alert.decided_at, zone) if alert.position else None
    return Part(card, chart, len(whole.quotes) - len(card.quotes))


def standing(notification: Notification) -> str:
    """Say what a message is to its reader: an update, a reminder, a test, or the first of several alerts at once."""
    alerts = len(notification.alerts)
    so_far = f"{counted(notification.articles, 'article')} from {counted(notification.outlets, 'outlet')} so far"
    match notification.kind:
        case NotificationKind.UPDATE:
            return f"Update {notification.revision - 1}: {counted(alerts, 'new alert')}, {so_far}"
        case NotificationKind.REMINDER:
            return f"Reminder: told before, and still going on; {so_far}"
        case NotificationKind.TEST:
            return f"Test: nothing happened. Alerts for the receiver {notification.receiver} arrive here."
        case _:
            return f"{counted(alerts, 'alert')} at once" if alerts > 1 else ""


def silenced(notification: Notification) -> str:
    """Return what the link of a message silences: the story of its lead, or its group where there is none."""
    if notification.lead is None or notification.lead.story is None:
        return "these alerts"
    stories = {alert.story.id if alert.story else None for alert in notification.alerts}
    return "this story" if len(stories) == 1 else "the story of the first alert"


def trimmed(card: Card) -> Card:
    """Return a card that a mail has room for; what is cut ends in …."""
    testimony = _fit_said(card.testimony)
    return replace(
        card,
        watch_topic=shorten(card.watch_topic, LINE_CHARS),
        title=shorten(card.title, LINE_CHARS),
        article_title=card.article_title and shorten(card.article_title, LINE_CHARS),
        outlet=card.outlet and shorten(card.outlet, NAME_CHARS),
        author=card.author and shorten(card.author, NAME_CHARS),
        url=card.url if card.url and len(card.url) <= URL_CHARS else None,
        summary=_lines(card.summary, LINE_CHARS),
        quotes=fit(card.quotes, EVIDENCE_CHARS - sum(len(said.text) for said in testimony)),
        rule_ids=_lines(card.rule_ids, NAME_CHARS),
        labels=tuple(
            (shorten(name, NAME_CHARS), shorten(value, NAME_CHARS)) for name, value in card.labels[:MAX_LINES]
        ),
        story=card.story and shorten(card.story, LINE_CHARS),
        position=tuple(shorten(line, LINE_CHARS) for line in card.position),
        testimony=testimony,
    )


def _fit_said(testimony: tuple[Said, ...]) -> tuple[Said, ...]:
    """Return all the sentences, each with its share of the room."""
    share = min(EVIDENCE_CHARS // max(len(testimony), 1), SAID_CHARS)
    return tuple(
        replace(
            said,
            text=shorten(said.text, share),
            url=said.url if said.url and len(said.url) <= URL_CHARS else None,
        )
        for said in testimony
    )


def _lines(lines: Iterable[str], limit: int) -> tuple[str, ...]:
    every = tuple(lines)
    more = (f"and {len(every) - MAX_LINES} more",) if len(every) > MAX_LINES else ()
    return (*(shorten(line, limit) for line in every[:MAX_LINES]), *more)


def fit(quotes: tuple[Quote, ...], room: int) -> tuple[Quote, ...]:
    """Return the first excerpts that the room holds, each shortened from around its first evidence."""
    kept: list[Quote] = []
    for quote in quotes[:MAX_QUOTES]:
        limit = min(room, QUOTE_CHARS)
        if limit < 40:
            break
        segments = _around_evidence(quote.segments, limit)
        kept.append(Quote(quote.field, segments))
        room -= sum(len(segment.text) for segment in segments)
    return tuple(kept)


def _around_evidence(segments: tuple[Segment, ...], limit: int) -> tuple[Segment, ...]:
    """Cut segments to the limit; a long way to the first evidence is cut in the middle, so that the evidence stays."""
    first = segments[0]
    if len(first.text) > limit // 2 and not first.marked and len(segments) > 1:
        half = limit // 4
        first = Segment(f"{first.text[:half].rstrip()} … {first.text[-half + 3 :].lstrip()}")
    kept: list[Segment] = []
    for segment in (first, *segments[1:]):
        if limit <= 1:
            break
        text = shorten(segment.text, limit)
        kept.append(Segment(text, segment.marked))
        limit -= len(text)
    return tuple(kept)


def digest_letter_of(digest: Digest, time_zone: str) -> DigestLetter:
    """Return what a digest says. The items keep their order, which is that of their urgency, within each topic."""
    zone = reader_zone(time_zone)
    by_topic: dict[str, list[DigestItem]] = {}
    for item in digest.items:
        by_topic.setdefault(item.watch_topic, []).append(item)
    numbers, until = count(1), in_zone(digest.until, zone)
    sections = tuple(
        DigestSection(
            shorten(one_line(items[0].watch_topic_title) or topic, LINE_CHARS),
            tuple(_line(next(numbers), item, in_zone(item.at, zone), until) for item in items),
        )
        for topic, items in by_topic.items()
    )
    return DigestLetter(
        severity=max((item.severity for item in digest.items), key=lambda one: one.rank, default=Severity.INFO),
        heading=_heading(digest, zone),
        span=_span(in_zone(digest.since, zone), until),
        waited=_waited(digest.items),
        sections=sections,
        contents=len(digest.items) >= CONTENTS_FROM and len(sections) > 1,
    )


def _heading(digest: Digest, zone: tzinfo) -> str:
    part = f" (part {digest.part} of {digest.parts})" if digest.parts > 1 else ""
    return f"Digest of {day_text(in_zone(digest.until, zone))}: {counted(digest.total, 'item')}{part}"


def _span(since: datetime, until: datetime) -> str:
    if day_text(since) == day_text(until):
        return f"{since:%H:%M} to {moment_text(until)}"
    return f"{day_text(since)} {since:%H:%M} to {moment_text(until)}"


def _waited(items: Iterable[DigestItem]) -> str:
    over = sum(item.reason is DigestReason.OVER_BUDGET for item in items)
    return f"{counted(over, 'item')} here because the budget of the day was spent" if over else ""


def _line(number: int, item: DigestItem, at: datetime, until: datetime) -> DigestLine:
    url = safe_url(item.url)
    counts = f"{counted(item.articles, 'article')} from {counted(item.outlets, 'outlet')}"
    facts = (
        placed(shorten(one_line(item.outlet or ""), LINE_CHARS)),
        brief_moment(at, until),
        counts if item.articles > 1 else "",
        "over the budget" if item.reason is DigestReason.OVER_BUDGET else "",
    )
    return DigestLine(
        number=number,
        severity=item.severity,
        kind=KIND_TITLES[item.kind],
        title=shorten(one_line(item.title), LINE_CHARS) or one_line(item.watch_topic_title) or item.watch_topic,
        url=url if url and len(url) <= URL_CHARS else None,
        about=" · ".join(fact for fact in facts if fact),
    )
