"""`redline feeds list` and `show`: how feeds are, and what was decided at each poll."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from services.cli.loading import load_settings
from services.cli.output import BadInputError, ConfigOption, JsonOption, id_column, out, print_line

if TYPE_CHECKING:
    from services.cli.feed_rows import FeedPage
    from services.fetcher.state import FeedState

_COLOURS = {"healthy": "green", "quiet": "yellow", "broken": "red", "gone": "red", "new": "dim", "failing": "yellow"}
_NEVER_AGAIN = datetime.max.replace(tzinfo=UTC)


def list_feeds(json: JsonOption = False, config: ConfigOption = None) -> None:
    """List every feed with its health, its state at the last poll, and when it is asked again.

    Example: redline feeds list
    """
    from services.cli import feed_rows

    rows = asyncio.run(feed_rows.feed_rows(load_settings(config)))
    if json:
        for row in rows:
            print_line(row.to_json())
        return
    table = Table(id_column("feed"), "outlet", "health", "polled", "state", "next")
    for row in rows:
        polled = _ago(row.state.last_polled_at if row.state else None)
        due = _in(row.state.due_at if row.state else None)
        table.add_row(row.feed.id, escape(row.feed.outlet), _coloured(row.health), polled, escape(row.last_poll), due)
    out.print(table)


def show(
    feed_id: Annotated[str, typer.Argument(metavar="FEED", help="the id of a feed")],
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one feed: its health, the validators it is asked with, its moves, and the last ten polls.

    For each poll: what the server answered, what that brought, and when and why the next one was set.
    Example: redline feeds show yonhap-en
    """
    from services.cli import feed_rows
    from services.provisioning.faults import nearest

    page = asyncio.run(feed_rows.feed_page(load_settings(config), feed_id))
    if not isinstance(page, feed_rows.FeedPage):
        raise BadInputError(f"no feed {feed_id!r}{nearest(feed_id, page)}")
    if json:
        print_line(page.to_json())
        return
    facts = Table(box=None, show_header=False, pad_edge=False)
    for name, value in _facts(page):
        facts.add_row(f"[dim]{name}[/dim]", value)
    out.print(facts)
    if page.row.state is not None and page.row.state.history:
        out.print(_polls(page.row.state))


def _facts(page: "FeedPage") -> Iterator[tuple[str, str]]:
    feed, state = page.row.feed, page.row.state
    yield "feed", f"[bold]{feed.id}[/bold] ({escape(feed.outlet)})"
    yield "address", escape(feed.url)
    health = _coloured(page.row.health)
    if state is None or state.last_polled_at is None:
        yield "health", health
        return
    since = f" since {_time(state.health_since)}" if state.health_since else ""
    why = f": {escape(state.health_reason)}" if state.health_reason else ""
    yield "health", f"{health}{since}{why}"
    if state.moved_url:
        yield "asked at", f"{escape(state.moved_url)} (moved)"
    for move in state.moves:
        yield "moved", f"{_time(move.at)} to {escape(move.to_url)} ({move.reason}, {move.answers} answers)"
    yield "ETag", escape(state.etag or "none")
    yield "Last-Modified", escape(state.last_modified or "none")
    yield "last news", _ago(state.last_news_at)
    yield "rhythm", f"an item every {_span(state.usual_gap)}" if state.usual_gap else "not known yet"
    if page.subscription is not None:
        yield (
            "WebSub",
            f"{page.subscription.status} at {escape(page.subscription.hub)} {escape(page.subscription.reason)}",
        )
    yield "next poll", f"{_in(page.due_at)} ({state.due_reason})"


def _polls(state: "FeedState") -> Table:
    table = Table("polled", "outcome", "status", "bytes", "entries", "published", "next", "why then", "remark")
    for poll in reversed(state.history):
        remark = poll.message or (f"from {poll.redirected_to}" if poll.redirected_to else "")
        table.add_row(
            _time(poll.at),
            poll.outcome.value,
            str(poll.status or ""),
            str(poll.bytes),
            str(poll.entries),
            str(poll.published),
            _time(poll.due_at),
            poll.due_reason.value if poll.due_reason else "",
            escape(remark),
        )
    return table


def _coloured(health: str) -> str:
    return f"[{_COLOURS[health]}]{health}[/{_COLOURS[health]}]"


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z" if moment else "never"


def _ago(moment: datetime | None) -> str:
    return f"{_span(datetime.now(UTC) - moment)} ago" if moment else "never"


def _in(moment: datetime | None) -> str:
    if moment is None or moment == _NEVER_AGAIN:
        return "never" if moment else ""
    wait = moment - datetime.now(UTC)
    return f"in {_span(wait)}" if wait > timedelta(0) else "now"


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
