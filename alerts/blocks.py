"""Alert to Slack message: Block Kit within Slack's limits, whatever an article says. Pure."""

from dataclasses import dataclass
from typing import Any

from alerts.card import Card, Quote, Segment, render_card, shorten
from schemas.notification import Notification
from schemas.watch import Severity

HEADER_CHARS = 150
URL_CHARS = 2_000  # Slack takes 3,000; longer ones are trackers
TEXT_CHARS = 3_000  # of one text object, and of one excerpt
MAX_QUOTES = 12
CONTEXT_CHARS = 600
TITLE_CHARS = 500
# Slack answers msg_blocks_too_long to a message of more than about 13,200 characters. The excerpts get what the other
# blocks leave over: at most 150 + 500 + 4 * 600 + 1,500 + 2,000 of them.
SUMMARY_CHARS = 1_500
EVIDENCE_CHARS = 6_500
MARKS = {Severity.INFO: "🔵", Severity.WARNING: "🟠", Severity.CRITICAL: "🔴"}

Block = dict[str, Any]


@dataclass(frozen=True)
class SlackMessage:
    """Blocks, and the text that notifications show in their place. `metadata` carries the idempotency key."""

    text: str
    blocks: tuple[Block, ...]

    def payload(self) -> dict[str, Any]:
        """Return the body common to webhooks and chat.postMessage."""
        return {"text": self.text, "blocks": list(self.blocks), "unfurl_links": False, "unfurl_media": False}


def render_slack(notification: Notification) -> SlackMessage:
    """Return the message for Slack.

    Evidence is a rich_text block, not mrkdwn: mrkdwn has no escape for `*`, and does not make a word bold that a
    Korean particle follows.
    """
    card = render_card(notification.alerts[0])
    quotes, left_out = _fit(card.quotes, EVIDENCE_CHARS)
    head: list[Block] = [
        {"type": "header", "text": _plain(f"{MARKS[card.severity]} {card.title}", HEADER_CHARS)},
        _context(f"{card.severity.upper()} · {card.kind} · {card.watch_topic}"),
    ]
    if card.article_title:
        head.append({"type": "section", "text": _plain(card.article_title, TITLE_CHARS)})
    head.append(_context(card.byline))
    if card.summary:
        head.append({"type": "section", "text": _plain("\n".join(card.summary), SUMMARY_CHARS)})
    evidence = [{"type": "rich_text", "elements": [_rich_quote(quote) for quote in quotes]}] if quotes else []
    tail: list[Block] = []
    if left_out:
        tail.append(_context(f"{left_out} more excerpt{'s' if left_out > 1 else ''} in the article"))
    if card.url and len(card.url) <= URL_CHARS:
        tail.append({"type": "actions", "elements": [_link_button(card.url)]})
    tail.append(_context(_footnote(card)))
    return SlackMessage(text=_fallback(card), blocks=(*head, *evidence, *tail))


def escape(text: str) -> str:
    """Return text in which Slack finds no link, mention or broadcast."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_LOOK_ALIKES = str.maketrans({"*": "∗", "_": "ˍ", "~": "∼", "`": "ˋ"})


def mrkdwn(text: str) -> str:
    """Return text that mrkdwn shows as it stands; its marks have no escape, so look-alikes stand in for them."""
    return escape(text.translate(_LOOK_ALIKES))


def _plain(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": _escape_within(text, limit), "emoji": False}


def _escape_within(text: str, limit: int) -> str:
    """Return the escaped text in at most `limit` characters, with no entity cut in two."""
    whole = escape(text)
    if len(whole) <= limit:
        return whole
    room, kept = limit - 1, []
    for char in text:
        escaped = escape(char)
        if len(escaped) > room:
            break
        kept.append(escaped)
        room -= len(escaped)
    return "".join(kept).rstrip() + "…"


def _context(text: str) -> Block:
    return {"type": "context", "elements": [_plain(text, CONTEXT_CHARS)]}


def _fit(quotes: tuple[Quote, ...], room: int) -> tuple[list[Quote], int]:
    """Return the excerpts that fit, the last one perhaps shortened, and how many are left out."""
    kept: list[Quote] = []
    for quote in quotes[:MAX_QUOTES]:
        segments: list[Segment] = []
        left = min(room, TEXT_CHARS)
        for segment in quote.segments:
            if left <= 1:
                break
            text = shorten(segment.text, left)
            segments.append(Segment(text, segment.marked))
            left -= len(text)
        size = sum(len(segment.text) for segment in segments)
        if not segments:
            break
        kept.append(Quote(quote.field, tuple(segments)))
        room -= size
    return kept, len(quotes) - len(kept)


def _rich_quote(quote: Quote) -> Block:
    return {"type": "rich_text_quote", "elements": [_rich_text(segment) for segment in quote.segments]}


def _rich_text(segment: Segment) -> Block:
    # Slack does not parse these elements; the joiner keeps it so for clients that turn them back into mrkdwn.
    text = segment.text
    for opening in ("<!", "<@", "<#"):
        text = text.replace(opening, f"<\u2060{opening[1]}")
    element: Block = {"type": "text", "text": text}
    if segment.marked:
        element["style"] = {"bold": True}
    return element


def _link_button(url: str) -> Block:
    return {
        "type": "button",
        "text": {"type": "plain_text", "text": "Read the article", "emoji": False},
        "url": url,
        "action_id": "redline_open_article",
    }


def _footnote(card: Card) -> str:
    parts = [f"matched by {', '.join(card.rule_ids)}"] if card.rule_ids else []
    parts += [f"{name}: {value}" for name, value in card.labels]
    return " · ".join([*parts, f"alert {card.alert_id[:12]}"])


def _fallback(card: Card) -> str:
    lines = [f"{MARKS[card.severity]} *{mrkdwn(shorten(card.title, 300))}*", mrkdwn(shorten(card.byline, 200))]
    if card.summary:
        lines.append(mrkdwn(shorten(" ".join(card.summary), 300)))
    if card.quotes:
        shown, _ = _fit(card.quotes[:1], 300)
        pieces = (f"*{mrkdwn(one.text)}*" if one.marked else mrkdwn(one.text) for one in shown[0].segments)
        lines.append("".join(pieces))
    if card.url and len(card.url) <= 500:
        lines.append(f"<{escape(card.url).replace('|', '%7C')}>")
    return "\n".join(lines)
