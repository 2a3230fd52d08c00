"""E-mail: one message to a desk through an SMTP relay; a repeat carries the same Message-ID."""

import re
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import parseaddr
from typing import Any

import aiosmtplib
from aiosmtplib import errors
from pydantic import SecretStr

from alerts.card import one_line
from alerts.channels.base import FIRST_ATTEMPT, Attempt, Refused, RetryAfter, SendResult, Sent, Unknown
from alerts.options import EmailOptions
from alerts.render import render_html, render_subject, render_text
from schemas.notification import Notification

CONNECT_SECONDS = 10.0
# RFC 5321 lets a server take minutes over the end of DATA; the sender waits as long as the lane allows.
COMMAND_SECONDS = 25.0
FAREWELL_SECONDS = 2.0
# Greylisting puts an unknown sender off once or twice; a mailbox that is full stays so.
PATIENT_ATTEMPTS = 3


class _MailPolicy(EmailPolicy):
    """The SMTP policy, with subjects that keep their spaces.

    Folding in the standard library drops the space between two words that both need encoding, as in every Korean or
    Russian subject, and begins a long one on the second line.
    """

    def fold(self, name: str, value: Any) -> str:
        """Return the header as lines."""
        if name.lower() != "subject":
            return str(super().fold(name, value))
        charset = "us-ascii" if str(value).isascii() else "utf-8"
        encoded = Header(str(value), charset, header_name=name).encode(linesep=self.linesep)
        return f"{name}: {encoded}{self.linesep}"

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return the header as lines of bytes."""
        return self.fold(name, value).encode("ascii", "surrogateescape")


_POLICY = _MailPolicy(linesep="\r\n")


def compose(notification: Notification, sender: str, recipients: Sequence[str], idempotency_key: str) -> EmailMessage:
    """Return the message, byte for byte the same for the same key: its Date is when the alert was decided."""
    domain = _address(sender).domain
    message = EmailMessage(policy=_POLICY)
    message["From"] = _address(sender)
    message["To"] = tuple(_address(recipient) for recipient in recipients)
    message["Subject"] = render_subject(notification)
    message["Date"] = notification.decided_at
    message["Message-ID"] = f"<{idempotency_key}@{domain}>"
    # A group is one thread: its messages answer to a root that was never sent.
    message["References"] = f"<{notification.thread}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["Precedence"] = "bulk"
    message["X-Auto-Response-Suppress"] = "All"
    message["List-Id"] = f"<{notification.alerts[0].watch_topic}.redline.{domain}>"
    message["X-Redline-Alert-Id"] = notification.lead_id
    message["X-Redline-Severity"] = notification.alerts[0].severity.value
    message.set_content(render_text(notification), charset="utf-8")
    message.add_alternative(render_html(notification), subtype="html", charset="utf-8")
    # The default boundary is random, and a repeat is to be the same message.
    message.set_boundary(f"=_{idempotency_key}")
    return message


def _address(text: str) -> Address:
    name, spec = parseaddr(text)
    return Address(display_name=name, addr_spec=spec)


def _own_name() -> str:
    # Not the full name, which can take a resolver's time-out to find.
    name = socket.gethostname()
    return name if re.fullmatch(r"[A-Za-z0-9.-]{1,253}", name) else "localhost"


class EmailChannel:
    """Mails every recipient in one transaction."""

    def __init__(
        self,
        options: EmailOptions,
        *,
        password: SecretStr | None = None,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self.name = options.name
        self._options = options
        self._password = password
        self._tls_context = tls_context

    async def send(
        self, notification: Notification, idempotency_key: str, attempt: Attempt = FIRST_ATTEMPT
    ) -> SendResult:
        """Hand the message to the relay once."""
        message = compose(notification, self._options.sender, self._options.to, idempotency_key)
        client = self._client()
        try:
            envelope = await self._open(client, attempt)
            if not isinstance(envelope, _Envelope):
                return envelope
            result = await _give(client, message.as_bytes())
            if not isinstance(result, Sent):
                return result
            with suppress(errors.SMTPException, OSError):
                await client.quit(timeout=FAREWELL_SECONDS)
            return Sent(str(message["Message-ID"]), envelope.note)
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

    async def _open(self, client: aiosmtplib.SMTP, attempt: Attempt) -> "_Envelope | SendResult":
        """Come as far as the envelope; whatever fails here, nothing was sent yet."""
        try:
            await client.connect()
            await client.mail(parseaddr(self._options.sender)[1], timeout=COMMAND_SECONDS)
            return await self._recipients(client, attempt)
        except errors.SMTPResponseException as error:
            return _result_of(error.code, error.message)
        except errors.SMTPRecipientsRefused as error:
            return _refused_by_all(error.recipients)
        except ssl.SSLError as error:
            return RetryAfter(one_line(f"TLS: {error}"))
        except (errors.SMTPException, OSError) as error:
            # Also: the server offers no STARTTLS or no AUTH. Somebody may be about to correct that.
            return RetryAfter(one_line(f"{type(error).__name__}: {error}"))

    async def _recipients(self, client: aiosmtplib.SMTP, attempt: Attempt) -> "_Envelope | SendResult":
        accepted, refused = 0, []
        for recipient in self._options.to:
            try:
                await client.rcpt(parseaddr(recipient)[1], timeout=COMMAND_SECONDS)
                accepted += 1
            except errors.SMTPRecipientRefused as error:
                refused.append(error)
        if accepted == 0:
            raise errors.SMTPRecipientsRefused(refused)
        if attempt.number < PATIENT_ATTEMPTS and any(error.code < 500 for error in refused):
            return _refused_by_all([error for error in refused if error.code < 500])
        return _Envelope(f"left out {_list(refused)}" if refused else "")

    async def aclose(self) -> None:
        """Nothing to let go of: a connection lasts for one message."""


@dataclass(frozen=True)
class _Envelope:
    note: str


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


def _refused_by_all(refused: Sequence[errors.SMTPRecipientRefused]) -> SendResult:
    later = [error for error in refused if error.code < 500]
    reason = f"recipients refused: {_list(refused)}"
    return RetryAfter(reason) if later else Refused(reason)


def _list(refused: Sequence[errors.SMTPRecipientRefused]) -> str:
    return "; ".join(one_line(f"{error.recipient} ({error.code} {error.message})")[:150] for error in refused)
