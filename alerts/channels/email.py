"""E-mail: one message to one person through an SMTP relay; a repeat carries the same Message-ID, byte for byte."""

import asyncio
import re
import socket
import ssl
from contextlib import suppress
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import parseaddr
from typing import Any, Protocol

import aiosmtplib
from aiosmtplib import errors
from pydantic import SecretStr

from alerts.card import moment_text, one_line
from alerts.channels.base import FIRST_ATTEMPT, Attempt, Refused, RetryAfter, SendResult, Sent, Unknown
from alerts.links import NO_LINKS, Links, MessageLinks
from alerts.options import EmailOptions, address_of
from alerts.render import render_html, render_subject, render_text
from schemas.base import content_id
from schemas.notification import Notification, NotificationKind
from schemas.watch import Severity

CONNECT_SECONDS = 10.0
# RFC 5321 lets a server take minutes over the end of DATA; the sender waits as long as the lane allows.
COMMAND_SECONDS = 25.0
FAREWELL_SECONDS = 2.0
# How long a message waits for one of the few connections to its relay, before it is put off.
TURN_SECONDS = 30.0
# Headers of ids and links in angle brackets: folded between them only, since a client compares them as they stand.
_VERBATIM = frozenset({"message-id", "references", "in-reply-to", "list-id", "list-unsubscribe"})
_STANDS_ALONE = frozenset({NotificationKind.DIGEST, NotificationKind.TEST})


class UnsubscribedUnavailableError(Exception):
    """Who has unsubscribed cannot be looked up now."""


class Unsubscribed(Protocol):
    """Who wants no more mail."""

    async def unsubscribed_at(self, receiver: str, address: str) -> datetime | None:
        """Return when this address left this receiver, or None. Raises UnsubscribedUnavailableError."""


class _MailPolicy(EmailPolicy):
    """The SMTP policy, with subjects that keep their spaces, and ids and links that stay whole.

    Folding in the standard library drops the space between two words that both need encoding, as in every Korean or
    Russian subject, begins a long one on the second line, and makes encoded words of a link that is longer than a line.
    """

    def fold(self, name: str, value: Any) -> str:
        """Return the header as lines."""
        if name.lower() in _VERBATIM:
            return f"{name}: {f'{self.linesep} '.join(str(value).split())}{self.linesep}"
        if name.lower() != "subject":
            return str(super().fold(name, value))
        charset = "us-ascii" if str(value).isascii() else "utf-8"
        encoded = Header(str(value), charset, header_name=name).encode(linesep=self.linesep)
        return f"{name}: {encoded}{self.linesep}"

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return the header as lines of bytes."""
        return self.fold(name, value).encode("ascii", "surrogateescape")


# Seven bits, because a relay need not take more, and would have to recode the message under its signature.
_POLICY = _MailPolicy(linesep="\r\n", cte_type="7bit")


def compose(
    notification: Notification,
    sender: str,
    recipient: str,
    idempotency_key: str,
    links: MessageLinks = NO_LINKS,
) -> EmailMessage:
    """Return the message, byte for byte the same for the same key: its Date is when it was decided to tell."""
    address, domain = address_of(recipient), _address(sender).domain
    message = EmailMessage(policy=_POLICY)
    message["From"] = _address(sender)
    message["To"] = _address(recipient)
    message["Subject"] = render_subject(notification)
    message["Date"] = notification.decided_at
    message["Message-ID"] = f"<{idempotency_key}@{domain}>"
    if notification.kind not in _STANDS_ALONE:
        # A group is one thread: its messages answer to a root that was never sent, so that the thread holds together
        # whichever of them arrive, and no message is another one's namesake when the group begins anew.
        root = f"<{content_id('mail thread', notification.thread, address.casefold())}@{domain}>"
        message["References"] = root
        if notification.revision > 1 or notification.kind is not NotificationKind.NEW:
            message["In-Reply-To"] = root
    _describe(message, notification, domain)
    if links.unsubscribe:
        message["List-Unsubscribe"] = f"<{links.unsubscribe}>"
        if links.unsubscribe.startswith("https://"):  # RFC 8058 asks for no less
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(render_text(notification, links), charset="utf-8")
    message.add_alternative(render_html(notification, links), subtype="html", charset="utf-8")
    # The default boundary is random, and a repeat is to be the same message.
    message.set_boundary(f"=_{idempotency_key}")
    return message


def _describe(message: EmailMessage, notification: Notification, domain: str) -> None:
    """Write the headers that tell programs what this is: nothing to answer, and where to file it."""
    lead = notification.lead
    message["Auto-Submitted"] = "auto-generated"
    message["Precedence"] = "bulk"
    message["X-Auto-Response-Suppress"] = "All"
    message["List-Id"] = f"<{lead.watch_topic if lead else notification.kind}.redline.{domain}>"
    message["X-Redline-Kind"] = notification.kind.value
    message["X-Redline-Alert-Id"] = notification.lead_id
    if lead:
        message["X-Redline-Severity"] = lead.severity.value
        if lead.severity is Severity.CRITICAL:
            message["Importance"] = "high"


def lane_name(options: EmailOptions, recipient: str) -> str:
    """Return the name of the lane in which one recipient of a channel is mailed."""
    return f"{options.name}/{address_of(recipient)}"


def _address(text: str) -> Address:
    name, spec = parseaddr(text)
    return Address(display_name=name, addr_spec=spec)


def _own_name() -> str:
    # Not the full name, which can take a resolver's time-out to find.
    name = socket.gethostname()
    return name if re.fullmatch(r"[A-Za-z0-9.-]{1,253}", name) else "localhost"


class EmailChannel:
    """Mails one recipient of a receiver.

    `relay` bounds how many connections to the relay all channels have open together.
    """

    def __init__(
        self,
        options: EmailOptions,
        recipient: str,
        *,
        receiver: str,
        password: SecretStr | None = None,
        tls_context: ssl.SSLContext | None = None,
        links: Links | None = None,
        unsubscribed: Unsubscribed | None = None,
        relay: asyncio.Semaphore | None = None,
    ) -> None:
        self._recipient = recipient
        self._address = address_of(recipient)
        self.name = lane_name(options, recipient)
        self._receiver = receiver
        self._options = options
        self._password = password
        self._tls_context = tls_context
        self._links = links or Links(None, b"")
        self._unsubscribed = unsubscribed
        self._relay = relay or asyncio.Semaphore()

    async def send(
        self, notification: Notification, idempotency_key: str, attempt: Attempt = FIRST_ATTEMPT
    ) -> SendResult:
        """Hand the message to the relay once, unless its reader wants no more."""
        try:
            left_at = await self._left_at()
        except UnsubscribedUnavailableError as error:
            return RetryAfter(one_line(f"cannot look up who unsubscribed: {error}"))
        if left_at is not None:
            return Refused(f"unsubscribed at {moment_text(left_at)}")
        links = MessageLinks(
            self._links.unsubscribe(self._receiver, self._options.name, self._address),
            self._links.silence(notification),
            self._links.positions(notification),
        )
        message = compose(notification, self._options.sender, self._recipient, idempotency_key, links)
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._relay.acquire()
        except TimeoutError:
            return RetryAfter(f"every connection to the relay was busy for {TURN_SECONDS:g} s")
        try:
            return await self._hand_over(message)
        finally:
            self._relay.release()

    async def _left_at(self) -> datetime | None:
        if self._unsubscribed is None:
            return None
        return await self._unsubscribed.unsubscribed_at(self._receiver, self._address)

    async def _hand_over(self, message: EmailMessage) -> SendResult:
        client = self._client()
        try:
            if failed := await self._open(client):
                return failed
            result = await _give(client, message.as_bytes())
            if not isinstance(result, Sent):
                return result
            with suppress(errors.SMTPException, OSError):
                await client.quit(timeout=FAREWELL_SECONDS)
            return Sent(str(message["Message-ID"]))
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        smtp = self._options.smtp
        return aiosmtplib.SMTP(
            hostname=smtp.host,
            port=smtp.effective_port,
            username=smtp.username,
            password=self._password.get_secret_value() if self._password else None,
            use_tls=smtp.security == "tls",
            start_tls=smtp.security == "starttls",
            tls_context=self._tls_context,
            local_hostname=_own_name(),
            timeout=CONNECT_SECONDS,
        )

    async def _open(self, client: aiosmtplib.SMTP) -> SendResult | None:
        """Come as far as the envelope, or say why not; whatever fails here, nothing was sent yet."""
        try:
            await client.connect()
            await client.mail(address_of(self._options.sender), timeout=COMMAND_SECONDS)
            await client.rcpt(self._address, timeout=COMMAND_SECONDS)
        except errors.SMTPResponseException as error:
            return _result_of(error.code, error.message)
        except ssl.SSLError as error:
            return RetryAfter(one_line(f"TLS: {error}"))
        except (errors.SMTPException, OSError) as error:
            # Also: the server offers no STARTTLS or no AUTH. Somebody may be about to correct that.
            return RetryAfter(one_line(f"{type(error).__name__}: {error}"))
        return None

    async def aclose(self) -> None:
        """Nothing to let go of: a connection lasts for one message."""


async def _give(client: aiosmtplib.SMTP, message: bytes) -> SendResult:
    """Write the message. From here on, silence does not mean that it was not taken."""
    try:
        await client.data(message, timeout=COMMAND_SECONDS)
    except errors.SMTPResponseException as error:
        if error.code < 400:
            return Unknown(one_line(f"the answer to DATA makes no sense: {error.code} {error.message}")[:300])
        return _result_of(error.code, error.message)
    except (errors.SMTPException, OSError) as error:
        return Unknown(one_line(f"{type(error).__name__}: {error}"))
    return Sent()


def _result_of(code: int, message: str) -> SendResult:
    """Say what a reply means: 4xx later, 5xx refused. 421 and garbled replies (code below 400) count as later."""
    reason = one_line(f"SMTP {code} {message}")[:300]
    return Refused(reason) if 500 <= code < 600 else RetryAfter(reason)
