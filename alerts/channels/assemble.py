"""From routes.yaml and secrets to channels that are ready to send."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TextIO

import httpx
import structlog
from pydantic import SecretStr

from alerts.channels import apprise
from alerts.channels.apprise import AppriseChannel
from alerts.channels.base import BLIND_REPEATS, Channel
from alerts.channels.console import ConsoleChannel
from alerts.channels.email import EmailChannel, Unsubscribed, lane_name
from alerts.channels.http import Connect, Poster, unguarded
from alerts.channels.slack import SlackBotChannel, SlackWebhookChannel
from alerts.channels.webhook import WebhookChannel
from alerts.delivery import Lane, RetryPolicy
from alerts.digest_blocks import SLACK_DIGEST_ITEMS
from alerts.links import Links
from alerts.options import (
    AnyChannel,
    AppriseOptions,
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
MAIL_CONNECTIONS = 4  # to one relay, of all channels together
# Longer mails are cut off by some readers' clients, at about 100 kB.
MAIL_DIGEST_ITEMS = 100
# Slack takes about one message a second for a channel.
SLACK_PACE_SECONDS = 1.0
# Mail with a known Message-ID is recognised by many mailboxes, not by all.
RECOGNISED_REPEATS = 5


class ChannelsNotReadyError(Exception):
    """Channels that are not optional lack something; the message names it all."""


class MissingSecretError(ChannelsNotReadyError):
    """Channels that are not optional name secrets that are not set."""


class MissingPackageError(ChannelsNotReadyError):
    """Channels that are not optional need packages that are not installed."""


@dataclass(frozen=True)
class OpenChannel:
    """A channel that is ready to send, and how its lane is to be driven.

    `pace_seconds` is the least time between two sends; `concurrency` the number of sends under way at once;
    `digest_items` how many lines of a digest fit in one message, where that is limited.
    """

    lane: Lane
    channel: Channel
    policy: RetryPolicy
    concurrency: int = 1
    pace_seconds: float = 0.0
    digest_items: int | None = None


@dataclass(frozen=True)
class _Surroundings:
    """What channels are built with, besides their own options. `relays` bounds connections by host and port."""

    secrets: Mapping[str, SecretStr]
    console_file: TextIO | None
    connect: Connect
    links: Links | None
    unsubscribed: Unsubscribed | None
    relays: dict[tuple[str, int], asyncio.Semaphore] = field(default_factory=dict)

    def value(self, ref: SecretRef) -> SecretStr:
        """Return a secret without its file's last line break, which is no part of it."""
        return SecretStr(self.secrets[ref.secret].get_secret_value().strip())

    def connecting(self, options: HttpOptions) -> Callable[[], httpx.AsyncBaseTransport]:
        """Return what makes the transports of a channel."""
        return partial(self.connect, allow_private=options.allow_private)

    def relay(self, host: str, port: int) -> asyncio.Semaphore:
        """Return the bound that all channels of one relay share."""
        return self.relays.setdefault((host, port), asyncio.Semaphore(MAIL_CONNECTIONS))


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
    links: Links | None = None,
    unsubscribed: Unsubscribed | None = None,
) -> tuple[OpenChannel, ...]:
    """Build every channel of every receiver; an optional one that lacks something is left out, with a log line.

    A channel that mails several addresses becomes one for each. `connect` makes the transports of the channels that
    post. Raise MissingSecretError or MissingPackageError for all the others at once. Nothing is connected yet.
    """
    if faults := missing_secrets(routes, secrets):
        raise MissingSecretError("; ".join(faults))
    if faults := missing_packages(routes):
        raise MissingPackageError("; ".join(faults))
    around = _Surroundings(secrets, console_file, connect, links, unsubscribed)
    opened: list[OpenChannel] = []
    for receiver in routes.receivers:
        for options in receiver.channels:
            if missing := (*_unset(options, secrets), *_not_installed(options)):
                log.warning("channel_left_out", receiver=receiver.name, channel=options.name, missing=list(missing))
                continue
            opened += _open(receiver.name, options, around)
    return tuple(opened)


def lanes_of(receiver: str, options: AnyChannel) -> tuple[Lane, ...]:
    """Return the lanes that a channel opens: one for each address of a mail channel, else one."""
    if isinstance(options, EmailOptions):
        return tuple(Lane(receiver, lane_name(options, address)) for address in options.to)
    return (Lane(receiver, options.name),)


def missing_packages(routes: Routes) -> tuple[str, ...]:
    """Return one line for every channel whose package is not installed; optional channels need none."""
    return tuple(
        f"receiver {receiver.name}, channel {options.name}: the package {package} is not installed; {apprise.INSTALL}"
        for receiver in routes.receivers
        for options in receiver.channels
        for package in _not_installed(options)
        if not options.optional
    )


def _not_installed(options: ChannelOptions) -> tuple[str, ...]:
    return ("apprise",) if isinstance(options, AppriseOptions) and not apprise.is_installed() else ()


def _unset(options: ChannelOptions, secrets: Mapping[str, SecretStr]) -> tuple[str, ...]:
    return tuple(
        name for name in options.secret_names() if name not in secrets or not secrets[name].get_secret_value().strip()
    )


def _open(receiver: str, options: AnyChannel, around: _Surroundings) -> Iterator[OpenChannel]:
    lane = Lane(receiver, options.name)
    match options:
        case ConsoleOptions():
            console = ConsoleChannel(name=options.name, file=around.console_file)
            yield OpenChannel(lane, console, _policy(options, BLIND_REPEATS))
        case SlackOptions():
            yield _open_slack(lane, options, around)
        case EmailOptions():
            yield from _open_mail(receiver, options, around)
        case WebhookOptions():
            webhook = WebhookChannel(
                SecretStr(options.url) if isinstance(options.url, str) else around.value(options.url),
                name=options.name,
                signing_key=around.value(options.signing_key) if options.signing_key else None,
                headers=options.headers,
                poster=Poster(connections=WEBHOOK_CONNECTIONS, connect=around.connecting(options)),
            )
            yield OpenChannel(lane, webhook, _policy(options, None), WEBHOOK_CONNECTIONS)
        case AppriseOptions():
            service = AppriseChannel(around.value(options.url), name=options.name, allow_private=options.allow_private)
            # It paces itself, in its thread.
            yield OpenChannel(lane, service, _policy(options, BLIND_REPEATS, 120.0))


def _open_mail(receiver: str, options: EmailOptions, around: _Surroundings) -> Iterator[OpenChannel]:
    """Open a lane for each address: one that is refused or put off delays no other, and nobody sees who else reads."""
    smtp = options.smtp
    for recipient in options.to:
        channel = EmailChannel(
            options,
            recipient,
            receiver=receiver,
            password=around.value(smtp.password) if smtp.password else None,
            links=around.links,
            unsubscribed=around.unsubscribed,
            relay=around.relay(smtp.host, smtp.effective_port),
        )
        # The wait for a connection and the end of DATA may take their time; giving up early means a second copy.
        policy = _policy(options, RECOGNISED_REPEATS, 150.0, recognised=True)
        yield OpenChannel(Lane(receiver, channel.name), channel, policy, digest_items=MAIL_DIGEST_ITEMS)


def _open_slack(lane: Lane, options: SlackOptions, around: _Surroundings) -> OpenChannel:
    channel: Channel
    poster = Poster(connect=around.connecting(options))
    if options.webhook_url is not None:
        channel = SlackWebhookChannel(
            around.value(options.webhook_url),
            name=options.name,
            links=around.links,
            interactive=options.interactive,
            poster=poster,
        )
        policy = _policy(options, BLIND_REPEATS)
    elif options.bot_token is not None and options.channel is not None:
        token = around.value(options.bot_token)
        channel = SlackBotChannel(
            token,
            options.channel,
            name=options.name,
            api_url=options.api_url,
            links=around.links,
            interactive=options.interactive,
            poster=poster,
        )
        policy = _policy(options, None)  # it asks first, and where it may not, counts for itself
    else:
        raise ValueError(f"{lane}: give either webhook_url or bot_token")
    return OpenChannel(lane, channel, policy, pace_seconds=SLACK_PACE_SECONDS, digest_items=SLACK_DIGEST_ITEMS)


def _policy(
    options: ChannelOptions, max_repeats: int | None, send_timeout: float = 30.0, *, recognised: bool = False
) -> RetryPolicy:
    return RetryPolicy(
        give_up_after=options.give_up_after,
        on_unknown=options.on_unknown,
        max_repeats=max_repeats,
        send_timeout=send_timeout,
        recognised=recognised,
    )
