"""What is known of receivers' channels, and test messages through them."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import SecretStr

from alerts.channels.assemble import OpenChannel, lanes_of, missing_packages
from alerts.channels.base import Refused, RetryAfter, SendResult, Sent, Unknown
from alerts.delivery import EntryState, Lane
from alerts.links import Links
from alerts.options import AnyChannel, ChannelOptions
from alerts.routing import Receiver, Routes
from schemas.delivery import idempotency_key
from schemas.notification import Notification, NotificationKind, notification_id, thread_id
from services import bootstrap
from services.alerter.lane_states import LaneState, lane_states
from services.alerter.unsubscribed_store import ValkeyUnsubscribed
from services.cli.example_alerts import trial_alert
from services.cli.output import BadInputError
from services.cli.times import zulu
from services.provisioning.catalogues import load_routes
from services.provisioning.faults import nearest
from services.runtime.link_key import link_key
from services.settings import LoadedSettings

Verdict = Literal["sent", "refused", "failed", "unknown", "left out"]


@dataclass(frozen=True)
class ChannelRow:
    """A channel of a receiver, and how its lane stands; `type` is None where routes.yaml has it no more."""

    lane: Lane
    type: str | None = None
    secrets: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    optional: bool = False
    waiting: int = 0
    oldest_at: datetime | None = None
    last: str | None = None
    last_reason: str = ""
    last_at: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON takes it; of secrets, the names only."""
        row = {name: value for name, value in asdict(self).items() if name != "lane"}
        times = {name: zulu(moment) for name in ("oldest_at", "last_at") if (moment := row[name])}
        return {**self.lane._asdict(), **row, **times}


@dataclass(frozen=True)
class ChannelAnswer:
    """What a channel said to a test message."""

    lane: Lane
    verdict: Verdict
    reason: str = ""
    external_ref: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON takes it."""
        return {**self.lane._asdict(), "result": self.verdict, "reason": self.reason, "external_ref": self.external_ref}


async def channel_rows(loaded: LoadedSettings) -> list[ChannelRow]:
    """Return every channel of routes.yaml, and every one that it has no more and that was used in the last weeks."""
    rows: dict[Lane, ChannelRow] = {}
    for receiver, options in _channels(load_routes(loaded.settings.routes)):
        missing = _unset(options, loaded.secrets)
        for lane in lanes_of(receiver.name, options):
            rows[lane] = ChannelRow(lane, options.type, options.secret_names(), missing, options.optional)
    if bootstrap.has_state(loaded.settings):
        async with bootstrap.open_valkey(loaded.settings) as valkey:
            states = await lane_states(valkey)
        for lane, state in states.items():
            row = rows.get(lane) or ChannelRow(lane)
            if row.type is not None or state.waiting or state.last is not None:
                rows[lane] = _with_state(replace(row, lane=lane), state)
    return list(rows.values())


def served_lanes(loaded: LoadedSettings) -> frozenset[Lane]:
    """Return the lanes of routes.yaml, also those whose secrets are not known to this process."""
    channels = _channels(load_routes(loaded.settings.routes))
    return frozenset(lane for receiver, options in channels for lane in lanes_of(receiver.name, options))


def _channels(routes: Routes) -> list[tuple[Receiver, AnyChannel]]:
    return [(receiver, options) for receiver in routes.receivers for options in receiver.channels]


@dataclass(frozen=True)
class _Opener:
    """Opens channels as the alerter does. Where there is no store yet, their messages have no links."""

    loaded: LoadedSettings
    links: Links | None = None
    unsubscribed: ValkeyUnsubscribed | None = None

    def open(self, routes: Routes) -> tuple[OpenChannel, ...]:
        """Return the channels of these routes; nothing is connected yet."""
        provisioned = bootstrap.provisioned_by_files(self.loaded)
        return provisioned.channels(routes, links=self.links, unsubscribed=self.unsubscribed)


@asynccontextmanager
async def _opener(loaded: LoadedSettings) -> AsyncIterator[_Opener]:
    if not bootstrap.has_state(loaded.settings):
        yield _Opener(loaded)
        return
    async with bootstrap.open_valkey(loaded.settings) as valkey:
        links = Links(loaded.settings.api.public_url, await link_key(valkey))
        yield _Opener(loaded, links, ValkeyUnsubscribed(valkey))


def _alone(loaded: LoadedSettings, receiver: Receiver, options: AnyChannel) -> Routes:
    """Return routes with this one channel, which is as necessary as any: a test is to say what it lacks."""
    needed = options.model_copy(update={"optional": False})
    only = receiver.model_copy(update={"channels": (needed,)})
    return load_routes(loaded.settings.routes).model_copy(update={"receivers": (only,)})


@asynccontextmanager
async def _opened(opener: _Opener, routes: Routes) -> AsyncIterator[tuple[OpenChannel, ...]]:
    opened = opener.open(routes)
    try:
        yield opened
    finally:
        for one in opened:
            await one.channel.aclose()


def _with_state(row: ChannelRow, state: LaneState) -> ChannelRow:
    # What waits after an attempt is what that attempt failed to do.
    last = "failed" if state.last is EntryState.PENDING else state.last.value if state.last else None
    return replace(
        row,
        waiting=state.waiting,
        oldest_at=state.oldest_queued_at,
        last=last,
        last_reason=state.last_reason,
        last_at=state.last_at,
    )


def _unset(options: ChannelOptions, secrets: Mapping[str, SecretStr]) -> tuple[str, ...]:
    return tuple(
        name for name in options.secret_names() if name not in secrets or not secrets[name].get_secret_value().strip()
    )


async def send_tests(loaded: LoadedSettings, name: str, channel: str | None) -> Sequence[ChannelAnswer]:
    """Send a test message through the channels of a receiver, or one of them; BadInputError for unknown names."""
    routes = load_routes(loaded.settings.routes)
    receivers = {receiver.name: receiver for receiver in routes.receivers}
    if name not in receivers:
        raise BadInputError(f"no receiver {name!r}{nearest(name, receivers)}; known are {', '.join(sorted(receivers))}")
    receiver = receivers[name]
    channels = {options.name: options for options in receiver.channels}
    if channel is not None and channel not in channels:
        hint = nearest(channel, channels) or f"; it has {', '.join(channels)}"
        raise BadInputError(f"receiver {name} has no channel {channel!r}{hint}")
    chosen = [channels[channel]] if channel is not None else list(receiver.channels)
    now = datetime.now(UTC)
    async with _opener(loaded) as opener:
        answers = await asyncio.gather(*(_test(opener, receiver, options, now) for options in chosen))
    return [answer for several in answers for answer in several]


async def _test(opener: _Opener, receiver: Receiver, options: AnyChannel, now: datetime) -> Sequence[ChannelAnswer]:
    alone = _alone(opener.loaded, receiver, options)
    lacking = ""
    if unset := _unset(options, opener.loaded.secrets):
        lacking = f"the secret {' and '.join(unset)} is not set"
    elif not_installed := missing_packages(alone):
        lacking = not_installed[0].partition(": ")[2]  # without the receiver and channel, which the answer names
    if lacking:
        verdict: Verdict = "left out" if options.optional else "failed"
        return [ChannelAnswer(Lane(receiver.name, options.name), verdict, lacking)]
    notification = trial_notification(receiver, now)
    async with _opened(opener, alone) as opened:
        results = await asyncio.gather(*(_send(one, notification) for one in opened))
    return [_answer(one.lane, result) for one, result in zip(opened, results, strict=True)]


async def _send(opened: OpenChannel, notification: Notification) -> SendResult:
    key = idempotency_key(notification.id, *opened.lane)
    try:
        async with asyncio.timeout(opened.policy.send_timeout):
            return await opened.channel.send(notification, key)
    except TimeoutError:
        return Unknown(f"no outcome within {opened.policy.send_timeout:g} s")


def trial_notification(receiver: Receiver, now: datetime) -> Notification:
    """Return a test message, a new one each time."""
    alert = trial_alert(receiver.name, now)
    return Notification(
        id=notification_id(receiver.name, alert.group_key, alert.id),
        kind=NotificationKind.TEST,
        receiver=receiver.name,
        group_key=alert.group_key,
        thread=thread_id(receiver.name, alert.group_key),
        alerts=(alert,),
        decided_at=now,
        time_zone=receiver.time_zone,
    )


def _answer(lane: Lane, result: SendResult) -> ChannelAnswer:
    match result:
        case Sent(external_ref, note):
            return ChannelAnswer(lane, "sent", note, external_ref)
        case Refused(reason):
            return ChannelAnswer(lane, "refused", reason)
        case RetryAfter(reason):
            return ChannelAnswer(lane, "failed", f"{reason} (an alert would be tried again)")
        case Unknown(reason):
            return ChannelAnswer(lane, "unknown", f"{reason} (it may have arrived)")
