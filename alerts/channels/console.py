"""Console: a card a person can read, on a terminal or in a file."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from alerts.card import Card, Quote, render_card
from alerts.channels.base import FIRST_ATTEMPT, Attempt, Refused, SendResult, Sent
from schemas.notification import Notification
from schemas.watch import Severity

WIDEST = 100  # longer lines are hard to read
INDENT = "  "
_STYLES = {Severity.INFO: "bold cyan", Severity.WARNING: "bold yellow", Severity.CRITICAL: "bold red"}


class ConsoleChannel:
    """Prints cards to a file, standard output by default."""

    def __init__(self, *, name: str = "console", file: TextIO | None = None) -> None:
        self.name = name
        self._file = file

    async def send(
        self, notification: Notification, idempotency_key: str, attempt: Attempt = FIRST_ATTEMPT
    ) -> SendResult:
        """Print the card."""
        try:
            for alert in notification.alerts:
                print_card(render_card(alert), self._file)
        except (OSError, ValueError) as error:  # ValueError: the file is closed
            return Refused(f"cannot be printed: {error}")
        return Sent()

    async def aclose(self) -> None:
        """Leave the file open: it is the caller's."""


def print_card(card: Card, file: TextIO | None = None) -> None:
    """Write a card to a file, in the colours and characters that it can show, in one piece."""
    target = file or sys.stdout
    page = Console(file=target, highlight=False)
    with page.capture() as captured:
        page.print(card_lines(card), crop=False)
    encoding = getattr(target, "encoding", None) or "utf-8"
    target.write(captured.get().encode(encoding, "replace").decode(encoding))
    target.flush()


def card_lines(card: Card) -> "CardLines":
    """Return a card for a rich console to print; the evidence stands in asterisks where there is no colour."""
    return CardLines(card)


@dataclass(frozen=True)
class CardLines:
    """A card as lines that are wrapped already, so that they look the same whatever the console does to long lines."""

    card: Card

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines, in styles where the console has them."""
        width = min(options.max_width, WIDEST)
        for line in _lines(self.card, console, width, starred=console.color_system is None):
            line.rstrip()
            line.no_wrap, line.overflow, line.end = True, "ignore", "\n"
            yield line


def _lines(card: Card, console: Console, width: int, *, starred: bool) -> Iterator[Text]:
    yield _heading(card, width)
    yield from Text(card.title, style="bold").wrap(console, width)
    if card.article_title:
        yield from Text(card.article_title).wrap(console, width)
    yield from Text(card.byline, style="dim").wrap(console, width)
    if card.summary:
        yield Text()
    for paragraph in card.summary:
        yield from _indented(Text(paragraph), console, width)
    for quote in card.quotes:
        yield Text()
        yield from _indented(_excerpt(quote, starred=starred), console, width)
    yield Text()
    if card.url:
        # Not wrapped: a link that is broken over two lines can be neither clicked nor copied.
        yield Text(INDENT).append(card.url, style="underline blue")
    if footnote := _footnote(card):
        yield from _indented(Text(footnote, style="dim"), console, width)
    yield Text()


def _heading(card: Card, width: int) -> Text:
    heading = Text(f"━━ {card.severity.upper()} · {card.kind} · {card.watch_topic} ", style=_STYLES[card.severity])
    heading.truncate(width, overflow="ellipsis")
    return heading.append("━" * (width - heading.cell_len))


def _indented(text: Text, console: Console, width: int) -> Iterator[Text]:
    for line in text.wrap(console, width - 2 * len(INDENT)):
        yield Text(INDENT).append_text(line)


def _excerpt(quote: Quote, *, starred: bool) -> Text:
    text = Text("“")
    for segment in quote.segments:
        words = f"*{segment.text}*" if segment.marked and starred else segment.text
        text.append(words, style="bold reverse" if segment.marked else "")
    return text.append("”")


def _footnote(card: Card) -> str:
    parts = [f"matched by {', '.join(card.rule_ids)}"] if card.rule_ids else []
    parts += [f"{name}: {value}" for name, value in card.labels]
    return " · ".join(parts)
