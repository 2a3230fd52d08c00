"""Words in Slack's blocks: escaped, cut to Slack's limits, and never a link, mention or broadcast. Pure."""

from collections.abc import Callable, Iterable
from typing import Any

from alerts.card import bounded_line, clean, one_line, shorten

# Slack answers msg_blocks_too_long to a message of more than about 13,200 characters.
MESSAGE_CHARS = 12_800
HEADER_CHARS = 150
CONTEXT_CHARS = 400
LINK_CHARS = 600  # of an address in a list; longer ones are trackers, and would take the room of others

Block = dict[str, Any]

_LOOK_ALIKES = str.maketrans({"*": "∗", "_": "ˍ", "~": "∼", "`": "ˋ"})


def escape(text: str) -> str:
    """Return text in which Slack finds no link, mention or broadcast."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mrkdwn(text: str) -> str:
    """Return text that mrkdwn shows as it stands; its marks have no escape, so look-alikes stand in for them."""
    return escape(text.translate(_LOOK_ALIKES))


def within(text: str, limit: int, escaping: Callable[[str], str] = escape) -> str:
    """Return the escaped text in at most `limit` characters, with no entity cut in two."""
    # Escaping never shortens, so what is longer as it stands need not be escaped as a whole.
    if len(text) <= limit and len(whole := escaping(text)) <= limit:
        return whole
    room, kept = limit - 1, []
    for char in text[:limit]:
        escaped = escaping(char)
        if len(escaped) > room:
            break
        kept.append(escaped)
        room -= len(escaped)
    return "".join(kept).rstrip() + "…"


def plain(text: str, limit: int) -> Block:
    """Return a plain_text object; Slack shows no emoji for words between colons in it, and takes no empty one."""
    return {"type": "plain_text", "text": within(clean(text), limit) or "…", "emoji": False}


def header(text: str) -> Block:
    """Return the line in large letters."""
    return {"type": "header", "text": plain(one_line(text), HEADER_CHARS)}


def section(text: str, limit: int) -> Block:
    """Return a paragraph."""
    return {"type": "section", "text": plain(text, limit)}


def context(*texts: str, limit: int = CONTEXT_CHARS, block_id: str | None = None) -> Block:
    """Return a line in small letters, of texts that have `limit` characters each."""
    block: Block = {"type": "context", "elements": [plain(one_line(text), limit) for text in texts]}
    return {**block, "block_id": block_id} if block_id else block


def rich_text(*elements: Block) -> Block:
    """Return a block of rich text.

    Evidence and links go here rather than into mrkdwn, which has no escape for `*`, and does not make a word bold that
    a Korean particle follows.
    """
    return {"type": "rich_text", "elements": list(elements)}


def paragraph(*runs: Block) -> Block:
    """Return a line of rich text."""
    return {"type": "rich_text_section", "elements": list(runs)}


def bullets(lines: Iterable[Block]) -> Block:
    """Return a list of rich text, of one paragraph each."""
    return {"type": "rich_text_list", "style": "bullet", "elements": list(lines)}


def run(text: str, *, bold: bool = False) -> Block:
    """Return a run of rich text, which Slack does not parse."""
    element: Block = {"type": "text", "text": _inert(text)}
    return {**element, "style": {"bold": True}} if bold else element


def linked(text: str, url: str | None) -> Block:
    """Return text that leads to an address, if it has one; `url` must be safe to click on."""
    if url is None:
        return run(text)
    return {"type": "link", "url": url, "text": _inert(text)}


def short_line(text: str, limit: int) -> str:
    """Return text on one line, of at most `limit` characters."""
    return shorten(bounded_line(text), limit)


def size(blocks: Iterable[Block]) -> int:
    """Return how many characters of texts and addresses these blocks hold."""
    return sum(_size(block) for block in blocks)


def _size(value: Any) -> int:
    if isinstance(value, dict):
        own = sum(len(value[name]) for name in ("text", "url") if isinstance(value.get(name), str))
        return own + sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, list) else 0


def _inert(text: str) -> str:
    # The joiner keeps it so for clients that turn rich text back into mrkdwn.
    for opening in ("<!", "<@", "<#"):
        text = text.replace(opening, f"<\u2060{opening[1]}")
    return text
