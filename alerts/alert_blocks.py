"""One alert as Slack blocks. Pure."""

from collections.abc import Sequence
from datetime import tzinfo

from alerts.block_text import LINK_CHARS, Block, bullets, context, linked, paragraph, rich_text, run, section, size
from alerts.card import Card, Quote, Said, Segment, render_card, shorten
from alerts.ladder_text import ladder_lines
from schemas.alert import Alert
from schemas.position import PositionChange
from schemas.watch import Severity

MARKS = {Severity.INFO: "🔵", Severity.WARNING: "🟠", Severity.CRITICAL: "🔴"}
TITLE_CHARS = 300
BYLINE_CHARS = 120
SUMMARY_CHARS = 1_200
POSITION_CHARS = 700
WHY_CHARS = 600
EVIDENCE_CHARS = 6_500
QUOTE_CHARS = 3_000
MAX_QUOTES = 12
SAID_CHARS = 600
MAX_RUNS = 40  # of one excerpt; an article may repeat a word a thousand times


def headline(card: Card, *, note: str = "") -> str:
    """Return the severity's mark and the title, as `🔴 Update: Seoul to review arms`."""
    return f"{MARKS[card.severity]} {note}{card.title}"


def kicker(card: Card) -> Block:
    """Return how urgent it is, what it is, and which watch topic it is about."""
    return context(f"{card.severity.upper()} · {card.kind} · {card.watch_topic}")


def article_blocks(card: Card) -> list[Block]:
    """Return the title of the article, where it says something else, its outlet and time, and what happened."""
    blocks = [section(card.article_title, TITLE_CHARS)] if card.article_title else []
    blocks.append(context(card.byline))
    return [*blocks, section("\n".join(card.summary), SUMMARY_CHARS)] if card.summary else blocks


def position_blocks(card: Card, change: PositionChange | None, zone: tzinfo) -> list[Block]:
    """Return who moved from where to where on whose word, and the ladder they moved on."""
    if change is None or not card.position:
        return []
    moved, *grounds = card.position
    elements = [paragraph(run(shorten(moved, POSITION_CHARS), bold=True))]
    if grounds:
        elements.append(paragraph(run(shorten("\n".join(grounds), POSITION_CHARS))))
    if ladder := ladder_lines(change, zone):
        elements.append({"type": "rich_text_preformatted", "elements": [run("\n".join(ladder))]})
    return [rich_text(*elements)]


def said_blocks(card: Card, room: int) -> list[Block]:
    """Return the sentences that prove a shift, as far as there is room, each with whose word it is and a link."""
    quotes: list[Block] = []
    for said in card.testimony:
        quote = _testified(said)
        room -= size([quote])
        if room < 0:
            break
        quotes.append(quote)
    blocks = [rich_text(*quotes)] if quotes else []
    if left_out := len(card.testimony) - len(quotes):
        blocks.append(context(f"{left_out} more sentence{'s' if left_out > 1 else ''}"))
    return blocks


def evidence_blocks(card: Card, room: int) -> list[Block]:
    """Return the excerpts that fit into `room` characters, evidence in bold, and how many did not fit."""
    quotes, left_out = fit(card.evidence, min(room, EVIDENCE_CHARS))
    blocks = [rich_text(*map(_quoted, quotes))] if quotes else []
    if left_out:
        blocks.append(context(f"{left_out} more excerpt{'s' if left_out > 1 else ''} in the article"))
    return blocks


def why_blocks(card: Card) -> list[Block]:
    """Return which rules matched on which words, with the labels and the id by which the alert is found."""
    reasons = [card.why] if card.why else []
    reasons += [f"{name}: {value}" for name, value in card.labels]
    found = f"alert {card.alert_id[:12]}"
    return [context(*([" · ".join(reasons)] if reasons else []), found, limit=WHY_CHARS)]


def mentions(alerts: Sequence[Alert], zone: tzinfo, room: int) -> list[Block]:
    """Return a list of alerts, a linked line each, as far as there is room; a last line counts the others."""
    lines: list[Block] = []
    for alert in alerts:
        card = render_card(alert, zone)
        title = shorten(card.title, TITLE_CHARS // 2)
        rest = f" — {shorten(card.byline, BYLINE_CHARS)}"
        url = card.url if card.url and len(card.url) <= LINK_CHARS else None
        taken = len(title) + len(rest) + len(url or "") + 2
        if taken > room:
            break
        room -= taken
        lines.append(paragraph(run(f"{MARKS[card.severity]} "), linked(title, url), run(rest)))
    if left_out := len(alerts) - len(lines):
        lines.append(paragraph(run(f"and {left_out:,} more")))
    return [rich_text(bullets(lines))] if lines else []


def fit(quotes: tuple[Quote, ...], room: int) -> tuple[list[Quote], int]:
    """Return the excerpts that fit, the last one perhaps shortened, and how many are left out."""
    kept: list[Quote] = []
    for quote in quotes[:MAX_QUOTES]:
        segments: list[Segment] = []
        left = min(room, QUOTE_CHARS)
        for segment in _joined(quote.segments):
            if left <= 1:
                break
            text = shorten(segment.text, left)
            segments.append(Segment(text, segment.marked))
            left -= len(text)
        if not segments:
            break
        kept.append(Quote(quote.field, tuple(segments)))
        room -= sum(len(segment.text) for segment in segments)
    return kept, len(quotes) - len(kept)


def _joined(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Return the segments, those after many as one without marks."""
    if len(segments) <= MAX_RUNS:
        return segments
    return (*segments[:MAX_RUNS], Segment("".join(segment.text for segment in segments[MAX_RUNS:])))


def _quoted(quote: Quote) -> Block:
    return {
        "type": "rich_text_quote",
        "elements": [run(segment.text, bold=segment.marked) for segment in quote.segments],
    }


def _testified(said: Said) -> Block:
    url = said.url if said.url and len(said.url) <= LINK_CHARS else None
    elements = [run(f"“{shorten(said.text, SAID_CHARS)}”"), run(f"\n— {said.whose}; "), linked(said.where, url)]
    return {"type": "rich_text_quote", "elements": elements}
