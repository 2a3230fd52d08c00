"""Silences as commands make, find and try them out."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import ValidationError

from alerts.matchers import Matchers, mismatch
from alerts.silences import Silence, silence_id
from schemas.alert import Alert, AlertKind
from schemas.codec import describe
from schemas.watch import Severity
from services import bootstrap
from services.alerter.alert_store import ValkeyAlerts
from services.alerter.silence_store import ValkeySilences
from services.cli.output import BadInputError
from services.settings import LoadedSettings

LOOK_BACK = timedelta(hours=24)
PAGE = 500
_PART_OF_AN_ID = re.compile(r"^[0-9a-f]{1,31}$")


@dataclass(frozen=True)
class Effect:
    """Which of the alerts that were looked at a silence would have silenced, newest first."""

    silenced: tuple[Alert, ...] = ()
    looked_at: int = 0


def matchers(
    watch_topics: Sequence[str] | None,
    stories: Sequence[str] | None,
    kinds: Sequence[AlertKind] | None,
    severities: Sequence[Severity] | None,
    outlets: Sequence[str] | None,
    labels: Sequence[str] | None,
) -> Matchers:
    """Return the conditions that these options make; raise BadInputError where there is none, which holds always."""
    for story in stories or ():
        if _PART_OF_AN_ID.match(story):
            raise BadInputError(f"--story {story}: give the whole id; `redline alerts show` has it")
    named: dict[str, tuple[str, ...]] = {}
    for item in labels or ():
        name, separator, value = item.partition("=")
        if not separator or not name or not value:
            raise BadInputError(f"--label {item}: expected NAME=VALUE")
        named[name] = (*named.get(name, ()), value)
    match = Matchers(
        watch_topic=tuple(watch_topics or ()),
        story=tuple(stories or ()),
        kind=tuple(kinds or ()),
        severity=tuple(severities or ()),
        outlet=tuple(outlets or ()),
        labels=named,
    )
    if match == Matchers():
        raise BadInputError(
            "say which alerts: at least one of --topic, --story, --kind, --severity, --outlet and --label; "
            "without any, everything would be silenced"
        )
    return match


def a_silence(match: Matchers, author: str, comment: str, now: datetime, ends_at: datetime) -> Silence:
    """Return a silence that begins now; raise BadInputError for what it may not hold."""
    try:
        return Silence(
            id=silence_id(match, author, now, now),
            match=match,
            author=author,
            comment=comment,
            starts_at=now,
            ends_at=ends_at,
            created_at=now,
        )
    except ValidationError as error:
        raise BadInputError(f"silence: {describe(error)}") from error


def words(match: Matchers) -> str:
    """Return conditions as people write them: `watch_topic: a or b, labels.desk: x`."""
    given = match.model_dump(mode="json", exclude_defaults=True)
    labels = given.pop("labels", {})
    parts = [*given.items(), *((f"labels.{name}", values) for name, values in labels.items())]
    return ", ".join(f"{name}: {' or '.join(values)}" for name, values in parts)


def state_of(silence: Silence, now: datetime) -> Literal["active", "pending", "ended"]:
    """Say whether a silence holds now, will, or did."""
    if silence.ends_at <= now:
        return "ended"
    return "active" if silence.starts_at <= now else "pending"


@asynccontextmanager
async def _stores(loaded: LoadedSettings) -> AsyncIterator[tuple[ValkeySilences, ValkeyAlerts]]:
    async with bootstrap.open_valkey(loaded.settings) as valkey:
        yield ValkeySilences(valkey), ValkeyAlerts(valkey)


async def silences(loaded: LoadedSettings) -> tuple[Silence, ...]:
    """Return every silence that is kept, oldest first."""
    if not bootstrap.has_state(loaded.settings):
        return ()
    async with _stores(loaded) as (kept, _):
        return await kept.all()


async def add(loaded: LoadedSettings, silence: Silence, *, keep: bool) -> Effect:
    """Keep a silence, unless it is only to be tried out; return what it would have silenced."""
    if not keep and not bootstrap.has_state(loaded.settings):
        return Effect()
    async with _stores(loaded) as (kept, alerts):
        if keep:
            await kept.add(silence)
        return await _effect(alerts, silence)


async def find(loaded: LoadedSettings, given: str) -> tuple[Silence, Effect]:
    """Return the silence whose id begins so, and what it would have silenced; else raise BadInputError."""
    found = _one(given, await silences(loaded))
    async with _stores(loaded) as (_, alerts):
        return found, await _effect(alerts, found)


async def expire(loaded: LoadedSettings, given: Sequence[str], now: datetime) -> list[tuple[Silence, bool]]:
    """End silences; say of each whether it had not ended before. All are found before one is ended."""
    known = await silences(loaded)
    chosen = [_one(one, known) for one in given]
    if not chosen:
        return []
    async with _stores(loaded) as (kept, _):
        return [(silence, await kept.expire(silence.id, now)) for silence in chosen]


async def _effect(alerts: ValkeyAlerts, silence: Silence) -> Effect:
    now = datetime.now(UTC)
    silenced: list[Alert] = []
    looked_at = offset = 0
    while ids := await alerts.recent_ids(now - LOOK_BACK, now, PAGE, offset=offset):
        found = (await alerts.get_many(ids)).values()
        looked_at += len(found)
        offset += len(ids)
        silenced += [alert for alert in found if mismatch(alert, silence.match) is None]
    return Effect(tuple(silenced), looked_at)


def _one(given: str, known: Sequence[Silence]) -> Silence:
    found = [silence for silence in known if given and silence.id.startswith(given.lower())]
    if len(found) != 1:
        raise BadInputError(f"{'several silences begin' if found else 'no silence begins'} with {given!r}")
    return found[0]
