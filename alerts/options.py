"""What routes.yaml may say of a channel. Secrets are named here, never written here."""

import re
from datetime import timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, StringConstraints, Tag, model_validator
from pydantic_core import PydanticCustomError

from schemas.base import Contract, SecretRef

SLACK_API_URL = "https://slack.com/api/"
SMTP_PORTS = {"starttls": 587, "tls": 465, "none": 25}
# Written by the webhook channel itself; a receiver must be able to rely on them.
RESERVED_HEADERS = frozenset(
    {"content-type", "content-length", "host", "idempotency-key", "x-redline-kind", "x-redline-signature"}
)
T = TypeVar("T")
_HEADER_NAME = re.compile(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

# Receivers and channels stand in store keys as receiver/channel, so neither may hold a slash.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class OnUnknown(StrEnum):
    """What to do when a message may or may not have arrived."""

    RESEND = "resend"  # prefer a duplicate to a miss
    HOLD = "hold"  # prefer a miss to a duplicate; the delivery stays visible as unknown


def at_least_one(value: tuple[T, ...]) -> tuple[T, ...]:
    """Refuse an empty list; unlike a minimum length, it keeps quiet when the items themselves are at fault."""
    if not value:
        raise ValueError("at least one is needed")
    return value


def _refuse_plain_secret(value: Any) -> Any:
    if isinstance(value, str):
        raise PydanticCustomError(
            "plain_secret", "a secret is never written in this file; name it instead, as in {secret: NAME}"
        )
    return value


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"not a URL: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ValueError("a URL begins with http:// or https:// and names a host")
    if parts.username or parts.password:
        raise ValueError("a URL must not hold a user name or password; use a secret for the whole URL")
    if not value.isascii() or any(char <= " " or char == "\x7f" for char in value):
        raise ValueError("a URL holds only visible ASCII characters; percent-encode the others")
    return value


def _email_address(value: str) -> str:
    if not value.isascii() or any(char < " " or char == "\x7f" for char in value):
        raise ValueError("an address is one line of ASCII, such as desk@example.org")
    _, spec = parseaddr(value)
    try:
        address = Address(addr_spec=spec)
    except (MessageError, ValueError, IndexError) as error:
        raise ValueError(f"not an e-mail address: {value!r}") from error
    if not address.username or not address.domain or " " in spec:
        raise ValueError(f"not an e-mail address: {value!r}")
    return value


def address_of(recipient: str) -> str:
    """Return the address alone of one that may bear a name: desk@example.org of `Desk <desk@example.org>`."""
    return parseaddr(recipient)[1]


PlainSecretRef = Annotated[SecretRef, BeforeValidator(_refuse_plain_secret)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
EmailAddress = Annotated[str, AfterValidator(_email_address)]


def _url_or_secret(value: Any) -> str:
    return "url" if isinstance(value, str) else "secret"


UrlOrSecret = Annotated[
    Annotated[HttpUrl, Tag("url")] | Annotated[SecretRef, Tag("secret")], Discriminator(_url_or_secret)
]


class ChannelOptions(Contract):
    """What every channel may say.

    `optional` leaves the channel out while a secret of it is not set, or its package not installed.
    `give_up_after_hours` counts from the moment the alert was queued.
    """

    optional: bool = False
    give_up_after_hours: float = Field(default=24.0, gt=0, le=24 * 30)
    on_unknown: OnUnknown = OnUnknown.RESEND

    @property
    def give_up_after(self) -> timedelta:
        """How long an alert is retried before it counts as dead."""
        return timedelta(hours=self.give_up_after_hours)

    def secret_names(self) -> tuple[str, ...]:
        """Return the names of the secrets this channel needs, in the order of its options."""
        return tuple(_secrets_in(self))


def _secrets_in(model: Contract) -> list[str]:
    found: list[str] = []
    for field in type(model).model_fields:
        value = getattr(model, field)
        if isinstance(value, SecretRef):
            found.append(value.secret)
        elif isinstance(value, Contract):
            found += _secrets_in(value)
    return found


class HttpOptions(ChannelOptions):
    """What channels that post to an address may say."""

    allow_private: bool = Field(default=False, description="post to private networks, loopback included")


class ConsoleOptions(ChannelOptions):
    """Prints a card on standard output."""

    type: Literal["console"]
    name: Name = "console"


class SlackOptions(HttpOptions):
    """Posts to a Slack channel: by incoming webhook, or as a bot, which can also look whether a message arrived."""

    type: Literal["slack"]
    name: Name = "slack"
    webhook_url: PlainSecretRef | None = None
    bot_token: PlainSecretRef | None = None
    channel: str | None = Field(default=None, min_length=1, description="#name or id; for a bot_token")
    api_url: HttpUrl = SLACK_API_URL
    interactive: bool = Field(default=False, description="the app calls the api service when a button is pressed")

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.webhook_url is None) == (self.bot_token is None):
            raise ValueError("give either webhook_url or bot_token")
        if self.bot_token is not None and self.channel is None:
            raise ValueError("bot_token needs a channel, such as '#redline'")
        if self.webhook_url is not None and self.channel is not None:
            raise ValueError("a webhook_url posts to the channel it was made for; remove channel, or use bot_token")
        return self


class SmtpOptions(Contract):
    """The relay that takes the mail. `security` defaults to STARTTLS, which is then required, not merely tried."""

    host: str = Field(min_length=1, pattern=r"^[^\s/@]+$")
    port: int | None = Field(default=None, ge=1, le=65535, description="default 587, 465 or 25 by security")
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: PlainSecretRef | None = None

    @model_validator(mode="after")
    def _credentials_are_whole(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        if self.password is not None and self.security == "none":
            raise ValueError("a password would cross the network in clear; set security to starttls or tls")
        return self

    @property
    def effective_port(self) -> int:
        """The port given, or the usual one for this security."""
        return self.port or SMTP_PORTS[self.security]


class EmailOptions(ChannelOptions):
    """Mails through an SMTP relay, to each address a message of its own."""

    type: Literal["email"]
    name: Name = "email"
    to: Annotated[tuple[EmailAddress, ...], AfterValidator(at_least_one)]
    sender: EmailAddress = Field(alias="from")
    smtp: SmtpOptions

    @model_validator(mode="after")
    def _nobody_twice(self) -> Self:
        seen: set[str] = set()
        for recipient in self.to:
            address = address_of(recipient).casefold()
            if address in seen:
                raise ValueError(f"to: {address} is listed twice")
            seen.add(address)
        return self


class WebhookOptions(HttpOptions):
    """Posts the alert as JSON, signed if a key is named."""

    type: Literal["webhook"]
    name: Name = "webhook"
    url: UrlOrSecret
    signing_key: PlainSecretRef | None = None
    headers: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _headers_are_sendable(self) -> Self:
        for name, value in self.headers.items():
            if not _HEADER_NAME.match(name):
                raise ValueError(f"headers: {name!r} is not a header name")
            if name.lower() in RESERVED_HEADERS:
                raise ValueError(f"headers: {name} is set by Redline itself")
            if not value.isascii() or any(char < " " or char == "\x7f" for char in value):
                raise ValueError(f"headers: the value of {name} must be one line of ASCII")
        return self


class AppriseOptions(HttpOptions):
    """Tells one of the services that Apprise knows; needs `pip install 'redline-alerts[apprise]'`.

    The whole URL is a secret, since nearly all of Apprise's hold a password or token.
    """

    type: Literal["apprise"]
    name: Name = "apprise"
    url: PlainSecretRef


AnyChannel = Annotated[
    ConsoleOptions | SlackOptions | EmailOptions | WebhookOptions | AppriseOptions, Field(discriminator="type")
]
