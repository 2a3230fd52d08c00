"""From routes.yaml and secrets to channels that are ready to send."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TextIO

import httpx
import structlog
from pydantic import SecretStr

from alerts.channels.base import Channel
from alerts.channels.console import ConsoleChannel
from alerts.channels.email import EmailChannel
from alerts.channels.http import Connect, Poster, unguarded
from alerts.channels.slack import SlackBotChannel, SlackWebhookChannel
from alerts.channels.webhook import WebhookChannel
from alerts.delivery import Lane, RetryPolicy
from alerts.options import (
    AnyChannel,
    ChannelOptions,
    ConsoleOptions,
    EmailOptions,
    HttpOptions,
    SlackOptions,
    WebhookOptions,
)
from alerts.routing import Routes
from schemas.base import SecretRef

log = structlog.get_logger()

WEBHOOK_CONNECTIONS = 16
MAIL_CONNECTIONS = 4
# Slack takes about one message a second for a channel.
SLACK_PACE_SECONDS = 1.0
# How often a message that may have arrived is repeated where nobody recognises the repeat; a relay that answers every
# message too late would otherwise deliver it for a day.
BLIND_REPEATS = 2
# Mail with a known Message-ID is recognised by many mailboxes, not by all; a bot asks first, if it may.
RECOGNISED_REPEATS = 5


class MissingSecretError(Exception):
    """Channels that are not optional name secrets that are not set; the message names them all."""


@dataclass(frozen=True)
class OpenChannel:
    """A channel that is ready to send, and how its lane is to be driven.

    `pace_seconds` is the least time between two sends; `concurrency` the number of sends under way at once.
    """

    lane: Lane
    channel: Channel
    policy: RetryPolicy
    concurrency: int = 1
    pace_seconds: float = 0.0


def missing_secrets(routes: Routes, secrets: Mapping[str, SecretStr]) -> tuple[str, ...]:
    """Return one line for every secret that a channel needs and that is not set; optional channels need none."""
    return tuple(
        f"receiver {receiver.name}, channel {options.name}: the secret {secret} is not set"
        for receiver in routes.receivers
        for options in receiver.channels
        for secret in _unset(options, secrets)
        if not options.optional
    )


def open_channels(
    routes: Routes,
    secrets: Mapping[str, SecretStr],
    *,
    console_file: TextIO | None = None,
    connect: Connect = unguarded,
) -> tuple[OpenChannel, ...]:
    """Build every channel of every receiver; an optional one whose secret is not set is left out, with a log line.

    `connect` makes the transports of the channels that post. Raise MissingSecretError for all the others at once.
    Nothing is connected yet.
    """
    if faults := missing_secrets(routes, secrets):
        raise MissingSecretError("; ".join(faults))
    opened = []
    for receiver in routes.receivers:
        for options in receiver.channels:
            if unset := _unset(options, secrets):
                log.warning("channel_left_out", receiver=receiver.name, channel=options.name, missing=list(unset))
                continue
            opened.append(_open(Lane(receiver.name, options.name), options, secrets, console_file, connect))
    return tuple(opened)


def _unset(options: ChannelOptions, secrets: Mapping[str, SecretStr]) -> tuple[str, ...]:
    return tuple(
        name for name in options.secret_names() if name not in secrets or not secrets[name].get_secret_value().strip()
    )


def _open(
    lane: Lane,
    options: AnyChannel,
    secrets: Mapping[str, SecretStr],
    console_file: TextIO | None,
    connect: Connect,
) -> OpenChannel:
    match options:
        case ConsoleOptions():
            console = ConsoleChannel(name=options.name, file=console_file)
            return OpenChannel(lane, console, _policy(options, BLIND_REPEATS))
        case SlackOptions():
            return _open_slack(lane, options, secrets, _connecting(connect, options))
        case EmailOptions():
            password = _value(options.smtp.password, secrets) if options.smtp.password else None
            mail = EmailChannel(options, password=password)
            # The end of DATA may take its time; giving up early means a second copy.
            return OpenChannel(lane, mail, _policy(options, RECOGNISED_REPEATS, 120.0), MAIL_CONNECTIONS)
        case WebhookOptions():
            webhook = WebhookChannel(
                SecretStr(options.url) if isinstance(options.url, str) else _value(options.url, secrets),
                name=options.name,
                signing_key=_value(options.signing_key, secrets) if options.signing_key else None,
                headers=options.headers,
                poster=Poster(connections=WEBHOOK_CONNECTIONS, connect=_connecting(connect, options)),
            )
            return OpenChannel(lane, webhook, _policy(options, None), WEBHOOK_CONNECTIONS)


def _connecting(connect: Connect, options: HttpOptions) -> Callable[[], httpx.AsyncBaseTransport]:
    return partial(connect, allow_private=options.allow_private)


def _open_slack(
    lane: Lane,
    options: SlackOptions,
    secrets: Mapping[str, SecretStr],
    connect: Callable[[], httpx.AsyncBaseTransport],
) -> OpenChannel:
    channel: Channel
    poster = Poster(connect=connect)
    if options.webhook_url is not None:
        channel = SlackWebhookChannel(_value(options.webhook_url, secrets), name=options.name, poster=poster)
        policy = _policy(options, BLIND_REPEATS)
    elif options.bot_token is not None and options.channel is not None:
        token = _value(options.bot_token, secrets)
        channel = SlackBotChannel(token, options.channel, name=options.name, api_url=options.api_url, poster=poster)
        policy = _policy(options, RECOGNISED_REPEATS)
    else:
        raise ValueError(f"{lane}: give either webhook_url or bot_token")
    return OpenChannel(lane, channel, policy, pace_seconds=SLACK_PACE_SECONDS)


def _value(ref: SecretRef, secrets: Mapping[str, SecretStr]) -> SecretStr:
    # A file's last line break is not part of the secret.
    return SecretStr(secrets[ref.secret].get_secret_value().strip())


def _policy(options: ChannelOptions, max_repeats: int | None, send_timeout: float = 30.0) -> RetryPolicy:
    return RetryPolicy(
        give_up_after=options.give_up_after,
        on_unknown=options.on_unknown,
        max_repeats=max_repeats,
        send_timeout=send_timeout,
    )
