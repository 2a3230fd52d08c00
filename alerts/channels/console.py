"""Console: cards and lists a person can read, on a terminal or in a file."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from alerts.card import Card, Quote, Said, one_line
from alerts.channels.base import FIRST_ATTEMPT, Attempt, Refused, SendResult, Sent
from alerts.charts import StepChart
from alerts.letter import DigestLetter, digest_letter_of, letter_of
from schemas.notification import Notification
from schemas.watch import Severity

WIDEST = 100  # longer lines are hard to read
INDENT = "  "
_STYLES = {Severity.INFO: "bold cyan", Severity.WARNING: "bold yellow", Severity.CRITICAL: "bold red"}


class ConsoleChannel:
    """Prints cards to a file, standard output by default; of a digest, a list."""

    def __init__(self, *, name: str = "console", file: TextIO | None = None) -> None:
        self.name = name
        self._file = file

    async def send(
        self, notification: Notification, idempotency_key: str, attempt: Attempt = FIRST_ATTEMPT
    ) -> SendResult:
        """Print the message in one piece."""
        try:
            _print(NotificationLines(notification), self._file)
        except (OSError, ValueError) as error:  # ValueError: the file is closed
            return Refused(f"cannot be printed: {error}")
        return Sent()

    async def aclose(self) -> None:
        """Leave the file open: it is the caller's."""


def print_card(card: Card, file: TextIO | None = None) -> None:
    """Write a card to a file, in the colours and characters that it can show, in one piece."""
    _print(card_lines(card), file)


def _print(lines: "CardLines | NotificationLines", file: TextIO | None) -> None:
    target = file or sys.stdout
    page = Console(file=target, highlight=False)
    with page.capture() as captured:
        page.print(lines, crop=False)
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
        yield from _finished(_lines(self.card, None, console, width))


@dataclass(frozen=True)
class NotificationLines:
    """A message of any kind as lines: what it is to its reader, and its cards, or the list of a digest."""

    notification: Notification

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines, in styles where the console has them."""
        width = min(options.max_width, WIDEST)
        yield from _finished(self._lines(console, width))

    def _lines(self, console: Console, width: int) -> Iterator[Text]:
        told = self.notification
        if told.digest is not None:
            yield from _digest_lines(digest_letter_of(told.digest, told.time_zone), console, width)
            return
        letter = letter_of(told)
        if said := one_line(letter.standing):
            yield from Text(said, style="bold").wrap(console, width)
        for part in letter.parts:
            yield from _lines(part.card, part.chart, console, width)
        if letter.listed:
            yield Text("And also", style="bold")
        for card in letter.listed:
            title = _badged(card.severity, card.title)
            yield from _item(title, f"{card.kind} · {card.byline}", card.url, console, width)
        if letter.not_listed:
            yield Text(f"and {letter.not_listed} more, which `redline alerts list` shows")


def _finished(lines: Iterable[Text]) -> Iterator[Text]:
    for line in lines:
        line.rstrip()
        line.no_wrap, line.overflow, line.end = True, "ignore", "\n"
        yield line


def _digest_lines(digest: DigestLetter, console: Console, width: int) -> Iterator[Text]:
    yield _heading(digest.heading, digest.severity, width)
    for said in filter(None, (digest.span, digest.waited)):
        yield from Text(said, style="dim").wrap(console, width)
    for section in digest.sections:
        yield Text()
        yield from Text(section.title, style="bold").wrap(console, width)
        for line in section.lines:
            title = _badged(line.severity, f"{line.number}. {line.title}")
            yield from _item(title, f"{line.kind} · {line.about}", line.url, console, width)
    yield Text()


def _item(title: Text, about: str, url: str | None, console: Console, width: int) -> Iterator[Text]:
    yield from _indented(title, console, width)
    for line in Text(about, style="dim").wrap(console, width - 3 * len(INDENT)):
        yield Text(2 * INDENT).append_text(line)
    if url:
        yield Text(2 * INDENT).append(url, style="underline blue")


def _badged(severity: Severity, title: str) -> Text:
    return Text().append(severity.upper(), style=_STYLES[severity]).append(f" {title}")


def _lines(card: Card, chart: StepChart | None, console: Console, width: int) -> Iterator[Text]:
    starred = console.color_system is None
    yield _heading(f"{card.severity.upper()} · {card.kind} · {card.watch_topic}", card.severity, width)
    yield from Text(card.title, style="bold").wrap(console, width)
    if card.article_title:
        yield from Text(card.article_title).wrap(console, width)
    yield from Text(card.byline, style="dim").wrap(console, width)
    if card.story:
        yield from Text(f"Story: {card.story}", style="dim").wrap(console, width)
    for line in card.position:
        yield from _indented(Text(line), console, width)
    if chart and chart.wide + 2 * len(INDENT) <= width:
        yield from (Text(INDENT + line) for line in ("", *chart.lines()))
    if card.summary:
        yield Text()
    for paragraph in card.summary:
        yield from _indented(Text(paragraph), console, width)
    for said in card.testimony:
        yield Text()
        yield from _said(said, console, width)
    for quote in card.evidence:
        yield Text()
        yield from _indented(_excerpt(quote, starred=starred), console, width)
    yield from _foot(card, console, width)
    yield Text()


def _said(said: Said, console: Console, width: int) -> Iterator[Text]:
    yield from _indented(Text(f"“{said.text}”"), console, width)
    yield from _indented(Text(said.by, style="dim"), console, width)
    if said.url:
        yield Text(INDENT).append(said.url, style="underline blue")


def _foot(card: Card, console: Console, width: int) -> Iterator[Text]:
    footnote = _footnote(card)
    if card.url or footnote:
        yield Text()
    if card.url:
        # Not wrapped: a link that is broken over two lines can be neither clicked nor copied.
        yield Text(INDENT).append(card.url, style="underline blue")
    if footnote:
        yield from _indented(Text(footnote, style="dim"), console, width)


def _heading(said: str, severity: Severity, width: int) -> Text:
    heading = Text(f"━━ {said} ", style=_STYLES[severity])
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
