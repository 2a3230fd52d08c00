"""`redline fetch`: one conditional fetch of a feed, by the code that polls, and what was decided upon it."""

import asyncio
import json as jsonlib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.markup import escape

from services.cli.loading import load_settings
from services.cli.output import FAILED, BadInputError, ConfigOption, JsonOption, out, print_line
from services.settings import LoadedSettings


def fetch(
    url: Annotated[str, typer.Argument(metavar="URL", help="the feed's address")],
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="FILE", help="keeps validators and the rest between calls; made if missing"),
    ] = None,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="fetch from private networks and this machine, too")
    ] = False,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Fetch a feed once, as a poll would, and show what is decided; exits 1 if there is no answer to work with.

    A feed of the feeds file is asked as it says there, with its headers, password and interval.
    Example: redline fetch https://example.org/feed.xml --state feed.state --json
    """
    loaded = load_settings(config)
    decision = asyncio.run(_fetch(loaded, url, state, allow_private or loaded.settings.fetch.allow_private))
    if json:
        print_line(jsonlib.dumps(decision, ensure_ascii=False))
    else:
        _show(decision)
    raise typer.Exit(FAILED if decision["error"] or decision["gone"] else 0)


async def _fetch(loaded: LoadedSettings, url: str, path: Path | None, allow_private: bool) -> dict[str, Any]:
    from dataclasses import replace

    from services.cli.fetch_work import OnePoll, poll_once
    from services.fetcher.client import FeedClient
    from services.fetcher.parse_pool import ParsePool
    from services.outgoing import fetch_policy
    from services.runtime.clock import SystemClock

    policy = replace(fetch_policy(loaded.settings.fetch), allow_private=allow_private)
    feed, before = _feed(loaded, url), _read_state(path)
    client, pool = FeedClient(policy, SystemClock()), ParsePool(seconds=policy.parse_seconds, with_entries=True)
    try:
        poll: OnePoll = await poll_once(
            feed, before, client=client, reader=pool, clock=SystemClock(), policy=policy, secrets=loaded.secrets
        )
    finally:
        await client.aclose()
        await pool.aclose()
    if path is not None:
        _write_state(path, poll.state.model_dump_json(exclude_defaults=True))
    return _decision(poll)


def _feed(loaded: LoadedSettings, url: str) -> Any:
    from schemas.codec import describe
    from schemas.feed import Feed
    from services.provisioning.catalogues import load_feeds

    for known in load_feeds(loaded.settings.feeds):
        if known.url == url:
            return known
    try:
        return Feed(id="fetch", url=url, outlet="none")
    except ValidationError as error:
        raise BadInputError(f"{url}: {describe(error)}") from error


def _read_state(path: Path | None) -> Any:
    from services.fetcher.state import FeedState

    if path is None or not path.exists():
        return None
    try:
        return FeedState.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadInputError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        raise BadInputError(f"{path}: not a state that `redline fetch` left: {error.errors()[0]['msg']}") from error


def _write_state(path: Path, text: str) -> None:
    whole = path.with_name(f"{path.name}.new")
    try:
        whole.write_text(f"{text}\n", encoding="utf-8")
        whole.replace(path)
    except OSError as error:
        raise BadInputError(f"{path}: {error.strerror}") from error


def _decision(poll: Any) -> dict[str, Any]:
    from services.cli.filters import parsed_document
    from services.fetcher.history import PollOutcome

    state, report, exchange = poll.state, poll.report, poll.result.exchange
    hops = [{"url": hop.url, "status": hop.status} for hop in exchange.hops]
    document = parsed_document(poll.reading.feed) if poll.reading else {"feed": None, "entries": []}
    failed = report.outcome is PollOutcome.FAILED
    return {
        "url": poll.feed.url,
        "outcome": report.outcome.value,
        "status": poll.result.status,
        "not_modified": report.outcome is PollOutcome.UNCHANGED,
        "feed": document["feed"],
        "entries": document["entries"],
        "validators": {"etag": state.etag, "last_modified": state.last_modified},
        "next_due_at": _iso(report.due.at),
        "next_due_reason": report.due.reason.value,
        "redirected_to": hops[-1]["url"] if len(hops) > 1 else None,
        "moved_to": state.moved_to,
        "gone": state.is_gone,
        "error": {"reason": report.failure, "message": report.message} if failed else None,
        "failures": state.failures,
        "hops": hops,
        "http_version": exchange.http_version,
        "received_bytes": exchange.received_bytes,
        "elapsed_seconds": round(exchange.elapsed_seconds, 4),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None


def _show(decision: dict[str, Any]) -> None:
    rows = {
        "status": " -> ".join(str(hop["status"]) for hop in decision["hops"]) or "no answer",
        "outcome": decision["error"]["message"] if decision["error"] else decision["outcome"],
        "entries": None if decision["feed"] is None else f"{len(decision['entries'])}: {decision['feed']['title']}",
        "redirected": decision["redirected_to"],
        "moved to": decision["moved_to"],
        "etag": decision["validators"]["etag"],
        "last modified": decision["validators"]["last_modified"],
        "next due": f"{decision['next_due_at'] or 'never'} ({decision['next_due_reason']})",
        "took": f"{decision['elapsed_seconds']:.2f} s, {decision['received_bytes']} bytes, "
        f"{decision['http_version'] or 'no HTTP'}",
    }
    for name, value in rows.items():
        if value is not None:
            out.print(f"{name:<14} {escape(str(value))}")
