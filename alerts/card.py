"""What a reader sees of an alert, in the order they need it; every message is drawn from this. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from schemas.alert import Alert, AlertKind, Excerpt
from schemas.match import EvidenceField
from schemas.watch import Severity

KIND_TITLES = {
    AlertKind.MENTION: "Mention",
    AlertKind.SHIFT: "Position shift",
    AlertKind.CORRECTION: "Correction",
    AlertKind.SURGE: "Surge",
    AlertKind.FEED_HEALTH: "Feed health",
    AlertKind.DIGEST: "Digest",
}
_LINE_BREAKS = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# Nothing of this is printed, and all of it can deceive: control characters steer terminals; bidi overrides, embeddings
# and isolates make a line read as something else ("Trojan Source"); tag characters and noncharacters hide text. The
# marks U+200E and U+200F only place punctuation, and joiners join letters: Hebrew, Arabic and Persian need them.
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
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


@dataclass(frozen=True)
class Card:
    """An alert as words, cleaned of control characters; lines are single lines. `url` is an http(s) URL or None."""

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

    @property
    def when_text(self) -> str:
        """The time of the article, or of the decision without one: `27 Nov 2024 09:00 UTC`."""
        return f"{self.when.day} {self.when:%b %Y %H:%M} UTC"

    @property
    def byline(self) -> str:
        """Outlet, author and time, as far as they are known."""
        return " · ".join(part for part in (self.outlet, self.author, self.when_text) if part)


def render_card(alert: Alert) -> Card:
    """Return what to show of an alert. The same alert, the same card."""
    article = alert.article
    topic = one_line(alert.watch_topic_title) or alert.watch_topic
    title = one_line(alert.title) or topic
    article_title = one_line(article.title) if article else ""
    return Card(
        alert_id=alert.id,
        kind=KIND_TITLES[alert.kind],
        severity=alert.severity,
        watch_topic=topic,
        title=title,
        article_title=article_title if article_title and article_title != title else None,
        outlet=one_line(article.outlet) or None if article else None,
        author=one_line(article.author or "") or None if article else None,
        when=(article.published_at or article.first_seen_at) if article else alert.decided_at,
        url=safe_url(article.url) if article else None,
        summary=tuple(line for line in map(one_line, clean(alert.summary).split("\n")) if line),
        quotes=tuple(quote for quote in map(_quote, alert.excerpts) if quote.segments),
        rule_ids=tuple(one_line(rule) for rule in alert.rule_ids),
        labels=tuple((one_line(name), one_line(value)) for name, value in sorted(alert.labels.items())),
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
