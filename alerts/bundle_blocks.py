"""A notification of one alert or several as Slack blocks: what is new, an update, a reminder, a test. Pure."""

from collections.abc import Iterable
from datetime import tzinfo

from alerts.alert_blocks import (
    EVIDENCE_CHARS,
    MARKS,
    article_blocks,
    evidence_blocks,
    fit,
    headline,
    kicker,
    mentions,
    position_blocks,
    said_blocks,
    why_blocks,
)
from alerts.block_text import MESSAGE_CHARS, Block, context, escape, header, mrkdwn, section, short_line, size, within
from alerts.card import Card, counted, in_zone, moment_text, reader_zone, render_card, shorten
from schemas.alert import Alert
from schemas.notification import Notification, NotificationKind
from schemas.story import Novelty

# The line that an update changes in the first message of its thread; its id ends in the revision that it tells of.
STORY_BLOCK = "redline_story"
NEWS_CHARS = 900
OTHERS_CHARS = 2_500
_LEFT_OUT_CHARS = 40  # for the line that counts what there is no room for
MAX_NAMED = 6
NAME_CHARS = 60
_NOTES = {NotificationKind.UPDATE: "Update: ", NotificationKind.REMINDER: "Reminder: ", NotificationKind.TEST: "Test: "}


def bundle_blocks(notification: Notification, lead: Alert, buttons: list[Block]) -> tuple[Block, ...]:
    """Return the most urgent alert in full and the others in a list; `buttons` are the row under it."""
    zone = reader_zone(notification.time_zone)
    card = render_card(lead, zone)
    head = [header(headline(card, note=_NOTES.get(notification.kind, ""))), kicker(card), *_opening(notification)]
    head += [*article_blocks(card), *position_blocks(card, lead.position, zone)]
    others = [alert for alert in notification.alerts if alert is not lead]
    tail = _others(sorted(others, key=lambda alert: -alert.severity.rank), zone)
    if lead.article:
        tail.append(story_block(notification))
    tail += [*why_blocks(card), *buttons]
    room = MESSAGE_CHARS - size(head) - size(tail)
    testimony = said_blocks(card, min(room - _LEFT_OUT_CHARS, EVIDENCE_CHARS))
    evidence = evidence_blocks(card, room - size(testimony))
    return (*head, *testimony, *evidence, *tail)


def bare_blocks(notification: Notification) -> tuple[Block, ...]:
    """Return a message that tells of no alert, as most tests do."""
    return (
        header(bare_title(notification)),
        *_opening(notification),
        context(f"receiver {short_line(notification.receiver, 64)}"),
    )


def bare_title(notification: Notification) -> str:
    """Return the first line of a message that tells of no alert."""
    is_test = notification.kind is NotificationKind.TEST
    return (
        f"Test: {purpose(notification)}" if is_test else f"Nothing to tell of {short_line(notification.group_key, 80)}"
    )


def bundle_text(notification: Notification, lead: Alert) -> str:
    """Return the message as notifications and clients without blocks show it, in mrkdwn."""
    card = render_card(lead, reader_zone(notification.time_zone))
    note = _NOTES.get(notification.kind, "")
    lines = [f"{MARKS[card.severity]} {note}*{within(card.title, 400, mrkdwn)}*"]
    if notification.kind is NotificationKind.TEST:
        lines.append(mrkdwn(f"Nothing has happened: {purpose(notification)}."))
    lines += [within(line, 500, mrkdwn) for line in _news_lines(notification)]
    lines.append(within(card.byline, 300, mrkdwn))
    lines += [within(line, 300, mrkdwn) for line in card.position[:1]]
    if card.summary:
        lines.append(within(" ".join(card.summary), 400, mrkdwn))
    lines += _quote_line(card)
    if len(notification.alerts) > 1:
        lines.append(f"and {counted(len(notification.alerts) - 1, 'more alert')}")
    if card.url and len(card.url) <= 300:
        lines.append(f"<{escape(card.url).replace('|', '%7C')}>")
    return "\n".join(lines)


def purpose(notification: Notification) -> str:
    """Return what a test says of itself."""
    return f"this is a test of receiver {short_line(notification.receiver, 64)}"


def story_block(notification: Notification) -> Block:
    """Return how far the story has come with this message. The same message, the same block."""
    whole = "Story so far" if "story" in notification.group_labels else "So far"
    said = f"{whole}: {counted(notification.outlets, 'outlet')}, {counted(notification.articles, 'article')}"
    if notification.revision > 1:
        at = in_zone(notification.decided_at, reader_zone(notification.time_zone))
        said = f"{said} · last update {moment_text(at)}"
    return context(said, block_id=f"{STORY_BLOCK}.{notification.revision}")


def told_revision(block: Block) -> int | None:
    """Return the revision that a story block tells of, or None if the block is another."""
    name, _, revision = str(block.get("block_id", "")).partition(".")
    return int(revision) if name == STORY_BLOCK and revision.isascii() and revision.isdigit() else None


def _opening(notification: Notification) -> list[Block]:
    match notification.kind:
        case NotificationKind.TEST:
            return [section(f"Nothing has happened: {purpose(notification)}, whose alerts will come here.", NEWS_CHARS)]
        case NotificationKind.REMINDER:
            return [context("You were told of this before; it goes on, and nothing was added since.")]
        case _:
            lines = _news_lines(notification)
            return [section("\n".join(lines), NEWS_CHARS)] if lines else []


def _news_lines(notification: Notification) -> list[str]:
    """Return what an update adds: `+2 outlets: A, B` and `New: 300 shells`."""
    if notification.kind is not NotificationKind.UPDATE:
        return []
    stories = [(alert.story, alert.article) for alert in notification.alerts if alert.story]
    outlets = _distinct(article.outlet for story, article in stories if article and story.novelty is Novelty.OUTLET)
    facts = _distinct(fact for story, _ in stories for fact in story.new_facts)
    lines = [f"+{counted(len(outlets), 'outlet')}: {_named(outlets)}"] if outlets else []
    return [*lines, f"New: {_named(facts)}"] if facts else lines


def _distinct(names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(short_line(name, NAME_CHARS) for name in names) if name]


def _named(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def _others(alerts: list[Alert], zone: tzinfo) -> list[Block]:
    if not alerts:
        return []
    return [context(f"And {counted(len(alerts), 'more alert')}:"), *mentions(alerts, zone, OTHERS_CHARS)]


def _quote_line(card: Card) -> list[str]:
    if card.testimony:
        first = card.testimony[0]
        return [within(f"“{shorten(first.text, 500)}” {first.by}", 700, mrkdwn)]
    if not card.quotes:
        return []
    (quote, *_), _ = fit(card.evidence[:1], 300)
    room, pieces = 700, []
    for segment in quote.segments:
        text = within(segment.text, max(room, 1), mrkdwn)
        room -= len(text)
        pieces.append(f"*{text}*" if segment.marked else text)
        if room <= 1:
            break
    return ["".join(pieces)]
