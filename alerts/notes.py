"""Notification to a short text for services that show a few lines. Pure."""

from collections.abc import Iterator

from alerts.card import Card, reader_zone, render_card, shorten
from alerts.letter import LISTED_ALERTS, digest_letter_of, standing, trimmed
from alerts.render import starred
from schemas.notification import Digest, Notification

QUOTED_ALERTS = 3
MAX_QUOTES = 2
QUOTE_CHARS = 400
# What rings everybody, or names somebody, in the services that read marks in a plain text.
_CALLS = ("@everyone", "@here", "@channel", "<!", "<@", "<#")


def render_note(notification: Notification) -> str:
    """Return the message in a few lines an alert; nobody is called by what an article says."""
    if notification.digest is not None:
        lines = _digest_lines(notification.digest, notification.time_zone)
    else:
        lines = _lines(notification)
    text = "\n".join(lines).strip()
    for call in _CALLS:
        text = text.replace(call, f"{call[0]}\u2060{call[1:]}")
    return text


def _lines(notification: Notification) -> Iterator[str]:
    if said := standing(notification):
        yield said
    zone = reader_zone(notification.time_zone)
    ranked = sorted(notification.alerts, key=lambda alert: -alert.severity.rank)
    for number, alert in enumerate(ranked[:LISTED_ALERTS]):
        yield from _card_lines(trimmed(render_card(alert, zone)), quoted=number < QUOTED_ALERTS)
    if more := len(ranked) - LISTED_ALERTS if len(ranked) > LISTED_ALERTS else 0:
        yield f"and {more} more, which `redline alerts list` shows"


def _card_lines(card: Card, *, quoted: bool) -> Iterator[str]:
    yield f"{card.severity.upper()} - {card.kind} - {card.watch_topic}"
    yield card.title
    if card.article_title:
        yield card.article_title
    yield card.byline
    if card.story:
        yield f"Story: {card.story}"
    yield from card.position
    if quoted:
        yield from card.summary
        for said in card.testimony[:MAX_QUOTES]:
            yield f"“{shorten(said.text, QUOTE_CHARS)}” {said.by}"
        for quote in card.evidence[:MAX_QUOTES]:
            yield f"“{shorten(' '.join(starred(quote).split()), QUOTE_CHARS)}”"
    if card.url:
        yield card.url
    yield ""


def _digest_lines(digest: Digest, time_zone: str) -> Iterator[str]:
    letter = digest_letter_of(digest, time_zone)
    yield letter.span
    for section in letter.sections:
        yield f"\n{section.title}"
        for line in section.lines:
            yield f"{line.number}. {line.severity.upper()} {line.title} ({line.about})"
            if line.url:
                yield line.url
