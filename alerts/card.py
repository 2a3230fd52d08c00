"""What a reader sees of an alert, in the order they need it; every message is drawn from this. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from alerts.directions import placed
from schemas.alert import Alert, AlertKind, Excerpt, Testimony
from schemas.claim import Attribution, Modality
from schemas.match import EvidenceField
from schemas.position import PositionChange
from schemas.story import Novelty, StoryRef
from schemas.watch import Severity

SUBJECT_CHARS = 180  # mail clients show fewer; longer ones are folded and easily mangled
KIND_TITLES = {
    AlertKind.MENTION: "Mention",
    AlertKind.SHIFT: "Position shift",
    AlertKind.CORRECTION: "Correction",
    AlertKind.SURGE: "Surge",
    AlertKind.FEED_HEALTH: "Feed health",
    AlertKind.DIGEST: "Digest",
}
_WORD_OF = {
    Attribution.SELF: "on record",
    Attribution.UNNAMED: "unnamed officials",
    Attribution.ANALYST: "expert",
    Attribution.OPPONENT: "opponent",
    Attribution.THIRD_PARTY: "another party",
    Attribution.NARRATOR: "the article itself",
}
_MEANT_AS = {
    Modality.ASSERTED: "",
    Modality.CONDITIONAL: "conditional",
    Modality.SPECULATIVE: "as a possibility",
    Modality.DENIED: "denied",
}
_LINE_BREAKS = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# Nothing of this is printed, and all of it can deceive: control characters steer terminals; bidi overrides, embeddings
# and isolates make a line read as something else ("Trojan Source"); tag characters and noncharacters hide text. The
# marks U+200E and U+200F only place punctuation, and joiners join letters: Hebrew, Arabic and Persian need them.
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
LONGEST_LINE = 4_000
LONGEST_TEXT = 20_000
MAX_TERMS = 8
MAX_SAID = 8
MAX_FACTS = 6
TERM_CHARS = 60
_HALF_PAIRS = re.compile("[\ud800-\udfff]")  # cannot be encoded


@dataclass(frozen=True)
class Segment:
    """A run of an excerpt; `marked` runs are the evidence."""

    text: str
    marked: bool = False


@dataclass(frozen=True)
class Quote:
    """A verbatim excerpt; joining its segments gives its text."""

    field: EvidenceField
    segments: tuple[Segment, ...]

    @property
    def line(self) -> str:
        """The excerpt as one line."""
        return one_line("".join(segment.text for segment in self.segments))


@dataclass(frozen=True)
class Said:
    """A sentence that proves a shift, verbatim on one line: whose word it is, and where and when it stands."""

    text: str
    whose: str
    where: str
    url: str | None

    @property
    def by(self) -> str:
        """Whose word it is and where it stands: `— Kim Yong-hyun, on record; Example Wire, 27 Nov 2024`."""
        return f"— {self.whose}; {self.where}"


@dataclass(frozen=True)
class Card:
    """An alert as words, cleaned of control characters; lines are single lines. `url` is an http(s) URL or None.

    `when` is in the reader's zone. `story` and `position` say how far its story and the actor's position have come,
    `testimony` what proves that the actor has moved.
    """

    alert_id: str
    kind: str
    severity: Severity
    watch_topic: str
    title: str
    article_title: str | None
    outlet: str | None
    author: str | None
    when: datetime
    url: str | None
    summary: tuple[str, ...]
    quotes: tuple[Quote, ...]
    rule_ids: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    story: str | None = None
    position: tuple[str, ...] = ()
    testimony: tuple[Said, ...] = ()

    @property
    def when_text(self) -> str:
        """The time of the article, or of the decision without one: `27 Nov 2024 09:00 UTC`."""
        return moment_text(self.when)

    @property
    def byline(self) -> str:
        """Outlet, author and time, as far as they are known."""
        return " · ".join(placed(part) for part in (self.outlet, self.author, self.when_text) if part)

    @property
    def why(self) -> str | None:
        """Which rules matched, and on which words; None for what no rule found."""
        if not self.rule_ids:
            return None
        terms = {one_line(segment.text).casefold(): one_line(segment.text) for segment in self._evidence()}
        quoted = [f"“{placed(shorten(term, TERM_CHARS))}”" for term in terms.values() if term]
        more = f" and {len(quoted) - MAX_TERMS} more" if len(quoted) > MAX_TERMS else ""
        words = f" on {', '.join(quoted[:MAX_TERMS])}{more}" if quoted else ""
        return f"Matched by {', '.join(self.rule_ids)}{words}"

    @property
    def evidence(self) -> tuple[Quote, ...]:
        """The excerpts to show: without one that only repeats the headline, if there are others."""
        headlines = {self.title, self.article_title}
        new = tuple(
            quote for quote in self.quotes if quote.field is not EvidenceField.TITLE or quote.line not in headlines
        )
        return new or self.quotes

    def _evidence(self) -> tuple[Segment, ...]:
        return tuple(segment for quote in self.quotes for segment in quote.segments if segment.marked)


@lru_cache(maxsize=64)
def reader_zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name; UTC for one that is not known here, since a message must go out."""
    try:
        return ZoneInfo(name)
    except (ValueError, LookupError, OSError):  # not a name, no such zone, or a folder of zones
        return UTC


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """Return the moment as clocks there show it, or in UTC at the ends of the calendar."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment.astimezone(UTC)


def day_text(moment: datetime) -> str:
    """Return the day as `27 Nov 2024`."""
    return f"{moment.day} {moment:%b %Y}"


def moment_text(moment: datetime) -> str:
    """Return the minute and its zone as `27 Nov 2024 09:00 UTC`; a zone without letters of its own as `UTC+05`."""
    zone = moment.tzname() or "UTC"
    return f"{day_text(moment)} {moment:%H:%M} {'UTC' if zone[0] in '+-' else ''}{zone}"


def brief_moment(moment: datetime, among: datetime) -> str:
    """Return the minute without what it shares with another that stands above it: the zone, and perhaps the day."""
    if moment.tzname() != among.tzname():
        return moment_text(moment)
    return f"{moment:%H:%M}" if moment.date() == among.date() else f"{day_text(moment)} {moment:%H:%M}"


def counted(count: int, word: str) -> str:
    """Return `1 article`, `2 articles`, `1,200 articles`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def story_line(story: StoryRef) -> str:
    """Return how far a story has come: `4 articles from 3 outlets · new: 40 tanks, 27 November`."""
    is_first = story.novelty is Novelty.FIRST and story.articles <= 1
    line = "first report" if is_first else _extent(story)
    facts = [fact for fact in map(bounded_line, story.new_facts) if fact]
    if facts:
        more = f" and {len(facts) - MAX_FACTS} more" if len(facts) > MAX_FACTS else ""
        return f"{line} · new: {', '.join(placed(shorten(fact, TERM_CHARS)) for fact in facts[:MAX_FACTS])}{more}"
    return f"{line} · one more outlet tells it" if story.novelty is Novelty.OUTLET else line


def _extent(story: StoryRef) -> str:
    return f"{counted(story.articles, 'article')} from {counted(story.outlets, 'outlet')}"


def position_lines(change: PositionChange, zone: tzinfo) -> tuple[str, ...]:
    """Return who moved from where to where, where they stood since when, and on what that rests."""
    whose = f"{placed(bounded_line(change.actor_name))}, {change.track} position"
    to_rung = placed(rung_title(change, change.to_rung))
    if change.from_rung is None:
        lines = [f"{whose}: “{to_rung}”; none was known before"]
    else:
        from_rung = placed(rung_title(change, change.from_rung))
        lines = [f"{whose}: from “{from_rung}” to “{to_rung}”"]
        if change.since:
            lines.append(f"“{from_rung}” since {day_text(in_zone(change.since, zone))}")
    grounds = [counted(change.origins, "independent origin")] if change.origins else []
    grounds += [f"confidence {change.confidence:.0%}"] if change.confidence else []
    if speakers := [placed(shorten(name, TERM_CHARS)) for name in map(bounded_line, change.speakers) if name][
        :MAX_FACTS
    ]:
        grounds.append(f"said by {', '.join(speakers)}")
    return (*lines, " · ".join(grounds)) if grounds else tuple(lines)


def rung_title(change: PositionChange, rung: int) -> str:
    """Return the title of a rung; its number where the ladder has no such rung."""
    return bounded_line(change.rungs[rung]) if rung < len(change.rungs) else f"rung {rung + 1}"


def thread_subject(alert: Alert) -> str:
    """Return the subject of a thread that this alert begins; `Notification.thread_subject` carries it on."""
    card = render_card(alert)
    topic = "" if card.watch_topic == card.title else f"{card.watch_topic}: "
    return shorten(f"[{card.severity.upper()}] {topic}{card.title}", SUBJECT_CHARS - len("Re: "))


def render_card(alert: Alert, zone: tzinfo = UTC) -> Card:
    """Return what to show of an alert to a reader in this zone. The same alert, the same card."""
    article = alert.article
    topic = bounded_line(alert.watch_topic_title) or alert.watch_topic
    title = bounded_line(alert.title) or topic
    article_title = bounded_line(article.title) if article else ""
    return Card(
        alert_id=alert.id,
        kind=KIND_TITLES[alert.kind],
        severity=alert.severity,
        watch_topic=topic,
        title=title,
        article_title=article_title if article_title and article_title != title else None,
        outlet=bounded_line(article.outlet) or None if article else None,
        author=bounded_line(article.author or "") or None if article else None,
        when=in_zone((article.published_at or article.first_seen_at) if article else alert.decided_at, zone),
        url=safe_url(article.url) if article else None,
        summary=tuple(
            line for line in map(bounded_line, clean(shorten(alert.summary, LONGEST_TEXT)).split("\n")) if line
        ),
        quotes=tuple(quote for quote in map(_quote, alert.excerpts) if quote.segments),
        rule_ids=tuple(bounded_line(rule) for rule in alert.rule_ids),
        labels=tuple((bounded_line(name), bounded_line(value)) for name, value in sorted(alert.labels.items())),
        story=story_line(alert.story) if alert.story else None,
        position=position_lines(alert.position, zone) if alert.position else (),
        testimony=tuple(_said(one, zone) for one in alert.testimony[:MAX_SAID]),
    )


def _said(one: Testimony, zone: tzinfo) -> Said:
    speaker = shorten(bounded_line(one.speaker or ""), TERM_CHARS)
    whose = [placed(speaker), _WORD_OF[one.attribution], _MEANT_AS[one.modality]]
    outlet = shorten(bounded_line(one.outlet), TERM_CHARS)
    where = [placed(outlet), day_text(in_zone(one.said_at, zone))]
    return Said(
        text=bounded_line(one.text),
        whose=", ".join(part for part in whose if part),
        where=", ".join(part for part in where if part),
        url=safe_url(one.url),
    )


def _quote(excerpt: Excerpt) -> Quote:
    segments: list[Segment] = []
    at = 0
    # Marks come from another process: those out of order or out of bounds are drawn as far as they make sense.
    for marked_from, marked_to in sorted(excerpt.marks):
        start, end = max(marked_from, at), min(marked_to, len(excerpt.text))
        if start >= end:
            continue
        segments += [Segment(excerpt.text[at:start]), Segment(excerpt.text[start:end], marked=True)]
        at = end
    segments.append(Segment(excerpt.text[at:]))
    cleaned = (Segment(clean(segment.text), segment.marked) for segment in segments)
    return Quote(excerpt.field, tuple(segment for segment in cleaned if segment.text))


def clean(text: str) -> str:
    """Return text with nothing that could steer a terminal, a header or the reading order; lines end in \\n."""
    text = _LINE_BREAKS.sub("\n", text)
    return _HALF_PAIRS.sub("\ufffd", _HARMFUL.sub("", text))


def one_line(text: str) -> str:
    """Return cleaned text with every run of white space as one space."""
    return " ".join(clean(text).split())


def bounded_line(text: str) -> str:
    """Return text as one line that is cut where no reader gets to; cleaning a text without end takes its time."""
    return one_line(shorten(text, LONGEST_LINE))


def shorten(text: str, limit: int) -> str:
    """Return text of at most `limit` characters, ending in … where something was cut."""
    if len(text) <= limit:
        return text
    return text[: max(limit - 1, 0)].rstrip() + "…"


def safe_url(url: str | None) -> str | None:
    """Return the URL if a reader may click on it: http(s), with a host, printable, without blanks; else None."""
    if url is None or not url.isprintable() or any(char.isspace() or char in '<>"' for char in url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme.lower() not in {"http", "https"} or not parts.netloc or clean(url) != url:
        return None
    return url
