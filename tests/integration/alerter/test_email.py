"""The e-mail channel against a real SMTP server on loopback, and against servers that misbehave."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, cast

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from hypothesis import given, settings
from pydantic import SecretStr

from alerts.channels import email
from alerts.channels.base import Attempt, Refused, RetryAfter, SendResult, Sent, Unknown
from alerts.channels.email import EmailChannel, Unsubscribed, UnsubscribedUnavailableError
from alerts.links import Links, MessageLinks
from alerts.options import EmailOptions
from alerts.render import render_html, render_subject, render_text
from schemas.notification import Notification
from tests.unit.alerts.examples import an_alert, told
from tests.unit.alerts.messages import a_digest, an_item, hostile_notifications, text_that_has_no_end

KEY = "0123456789abcdef0123456789abcdef"
DESK, NIGHT = "desk@example.org", "night@example.org"


class Inbox:
    """Handler of aiosmtpd: keeps what was delivered, and answers as told."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.answers: dict[str, str] = {}

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if "DATA" not in self.answers:
            message = message_from_bytes(cast("bytes", envelope.content), policy=default)
            self.mails.append((list(envelope.rcpt_tos), message))
        return self.answers.get("DATA", "250 OK")


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@asynccontextmanager
async def listening(factory: Callable[[], asyncio.BaseProtocol]) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0)


def channel(
    port: int,
    *,
    to: str = DESK,
    context: ssl.SSLContext | None = None,
    links: Links | None = None,
    unsubscribed: Unsubscribed | None = None,
    relay: asyncio.Semaphore | None = None,
    **smtp: Any,
) -> EmailChannel:
    where = {"host": "127.0.0.1", "port": port, "security": "none", **smtp}
    data = {"type": "email", "from": "Redline <redline@example.org>", "to": (to,), "smtp": where}
    password = SecretStr("secret") if "password" in smtp else None
    options = EmailOptions.model_validate(data)
    return EmailChannel(
        options,
        to,
        receiver="desk",
        password=password,
        tls_context=context,
        links=links,
        unsubscribed=unsubscribed,
        relay=relay,
    )


async def test_mail_arrives_as_text_and_html(inbox: Inbox) -> None:
    async with listening(lambda: SMTP(inbox)) as port:
        result = await channel(port, to=f"Desk <{DESK}>").send(told(), KEY)
    assert result == Sent(f"<{KEY}@example.org>")
    ((recipients, mail),) = inbox.mails
    assert recipients == [DESK]
    assert mail["to"] == f"Desk <{DESK}>"
    assert mail["subject"] == render_subject(told())
    assert mail["from"] == "Redline <redline@example.org>"
    assert mail["message-id"] == f"<{KEY}@example.org>"
    assert mail["auto-submitted"] == "auto-generated"
    assert mail["list-id"] == "<rok-arms.redline.example.org>"
    assert mail["date"].datetime == an_alert().decided_at.replace(microsecond=0)
    assert mail.get_content_type() == "multipart/alternative"
    body = mail.get_body(("html",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == render_html(told())


async def test_a_repeat_is_the_same_message(inbox: Inbox) -> None:
    async with listening(lambda: SMTP(inbox)) as port:
        for number in (1, 2):
            await channel(port).send(told(), KEY, Attempt(number, doubtful=number > 1))
    first, second = (mail.as_bytes() for _, mail in inbox.mails)
    assert first == second


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *((code, RetryAfter) for code in (421, 450, 451, 452, 454, 455)),
        *((code, Refused) for code in (500, 501, 502, 503, 504, 530, 535, 550, 551, 552, 553, 554, 555, 556)),
    ],
)
@pytest.mark.parametrize("stage", ["MAIL", "desk@example.org", "DATA"])
async def test_every_smtp_status_has_its_meaning(
    inbox: Inbox, stage: str, code: int, expected: type[SendResult]
) -> None:
    inbox.answers[stage] = f"{code} not now"
    async with listening(lambda: SMTP(inbox)) as port:
        result = await channel(port).send(told(), KEY)
    assert isinstance(result, expected)
    assert str(code) in repr(result)
    assert inbox.mails == []


async def test_an_address_that_is_refused_or_put_off_delays_no_other(inbox: Inbox) -> None:
    inbox.answers[NIGHT] = "450 greylisted"
    async with listening(lambda: SMTP(inbox)) as port:
        late, there = await asyncio.gather(*(channel(port, to=to).send(told(), KEY) for to in (NIGHT, DESK)))
        assert late == RetryAfter("SMTP 450 greylisted")
        assert isinstance(there, Sent)
        inbox.answers.clear()
        assert isinstance(await channel(port, to=NIGHT).send(told(), KEY, Attempt(9)), Sent)
    assert [recipients for recipients, _ in inbox.mails] == [[DESK], [NIGHT]]
    assert all(NIGHT not in mail.as_string() for recipients, mail in inbox.mails if recipients == [DESK])


class Leavers:
    """Who unsubscribed, in memory; an error instead while `away`."""

    def __init__(self, *left: tuple[str, str]) -> None:
        self.left, self.away = set(left), False

    async def unsubscribed_at(self, receiver: str, address: str) -> datetime | None:
        if self.away:
            raise UnsubscribedUnavailableError("connection refused")
        return an_alert().decided_at if (receiver, address) in self.left else None


async def test_who_unsubscribed_gets_nothing_and_the_delivery_says_so(inbox: Inbox) -> None:
    leavers = Leavers(("desk", DESK))
    async with listening(lambda: SMTP(inbox)) as port:
        result = await channel(port, unsubscribed=leavers).send(told(), KEY)
        assert result == Refused("unsubscribed at 27 Nov 2024 09:00 UTC")
        assert isinstance(await channel(port, to=NIGHT, unsubscribed=leavers).send(told(), KEY), Sent)
    assert [recipients for recipients, _ in inbox.mails] == [[NIGHT]]


async def test_while_nobody_knows_who_unsubscribed_a_mail_waits(inbox: Inbox) -> None:
    leavers = Leavers()
    leavers.away = True
    async with listening(lambda: SMTP(inbox)) as port:
        result = await channel(port, unsubscribed=leavers).send(told(), KEY)
    assert result == RetryAfter("cannot look up who unsubscribed: connection refused")
    assert inbox.mails == []


async def test_a_mail_carries_its_reader_s_own_link(inbox: Inbox) -> None:
    links = Links("https://redline.example", b"key")
    async with listening(lambda: SMTP(inbox)) as port:
        for to in (DESK, NIGHT):
            await channel(port, to=to, links=links).send(told(), KEY)
    for recipients, mail in inbox.mails:
        link = links.unsubscribe("desk", "email", recipients[0])
        assert mail["list-unsubscribe"] == f"<{link}>"
        assert mail["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
        for part in ("plain", "html"):
            body = mail.get_body((part,))
            assert body is not None
            assert str(link) in body.get_content()
            assert str(links.silence(told())) in body.get_content()


async def test_all_channels_of_a_relay_together_open_only_so_many_connections(inbox: Inbox) -> None:
    relay, busiest, now = asyncio.Semaphore(2), 0, 0

    class Counting(SMTP):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            nonlocal busiest, now
            now += 1
            busiest = max(busiest, now)
            super().connection_made(transport)

        def connection_lost(self, error: Exception | None) -> None:
            nonlocal now
            now -= 1
            super().connection_lost(error)

    async with listening(lambda: Counting(inbox)) as port:
        addresses = [f"reader-{number}@example.org" for number in range(8)]
        results = await asyncio.gather(*(channel(port, to=to, relay=relay).send(told(), KEY) for to in addresses))
    assert all(isinstance(result, Sent) for result in results)
    assert sorted(recipients[0] for recipients, _ in inbox.mails) == addresses
    assert busiest == 2


async def test_a_mail_that_waits_in_vain_for_a_connection_was_not_sent(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(email, "TURN_SECONDS", 0.01)
    async with listening(lambda: SMTP(inbox)) as port:
        result = await channel(port, relay=asyncio.Semaphore(0)).send(told(), KEY)
    assert result == RetryAfter("every connection to the relay was busy for 0.01 s")
    assert inbox.mails == []


async def delivered(inbox: Inbox, notification: Notification) -> EmailMessage:
    async with listening(lambda: SMTP(inbox)) as port:
        assert isinstance(await channel(port).send(notification, KEY), Sent)
    return inbox.mails[-1][1]


def reads_as(notification: Notification, mail: EmailMessage) -> bool:
    links = MessageLinks()
    plain, html = (part.get_content().replace("\r\n", "\n") for part in mail.iter_parts())
    return not mail.defects and plain == render_text(notification, links) and html == render_html(notification, links)


@given(hostile_notifications())
@settings(max_examples=12, deadline=None)
def test_a_relay_takes_a_hostile_mail_as_it_stands(notification: Notification) -> None:
    assert reads_as(notification, asyncio.run(delivered(Inbox(), notification)))


async def test_a_relay_takes_a_long_digest_and_texts_that_have_no_end(inbox: Inbox) -> None:
    for notification in (text_that_has_no_end(), a_digest(*map(an_item, range(100)))):
        assert reads_as(notification, await delivered(inbox, notification))


async def test_nobody_listening_is_tried_later(unused_tcp_port: int) -> None:
    assert isinstance(await channel(unused_tcp_port).send(told(), KEY), RetryAfter)


async def test_relay_without_starttls_gets_nothing(inbox: Inbox) -> None:
    async with listening(lambda: SMTP(inbox)) as port:
        result = await channel(port, security="starttls").send(told(), KEY)
    assert isinstance(result, RetryAfter)
    assert "STARTTLS" in result.reason
    assert inbox.mails == []


class Abrupt(asyncio.Protocol):
    """An SMTP server that hangs up when it has read the given word."""

    def __init__(self, hang_up_at: bytes) -> None:
        self._hang_up_at = hang_up_at
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(b"220 ready\r\n")

    def data_received(self, data: bytes) -> None:
        if self._hang_up_at in data:
            self._transport.abort()
        elif data.startswith(b"DATA"):
            self._in_data = True
            self._transport.write(b"354 go on\r\n")
        elif not self._in_data:
            self._transport.write(b"250 OK\r\n")


@pytest.mark.parametrize(
    ("word", "expected"), [(b"EHLO", RetryAfter), (b"MAIL", RetryAfter), (b"RCPT", RetryAfter), (b"\r\n.\r\n", Unknown)]
)
async def test_connection_that_breaks_is_unknown_only_after_the_message(
    word: bytes, expected: type[SendResult]
) -> None:
    async with listening(lambda: Abrupt(word)) as port:
        assert isinstance(await channel(port).send(told(), KEY), expected)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed; it makes the certificate of the test server")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *(
                "-addext",
                "subjectAltName=IP:127.0.0.1",
                "-keyout",
                str(folder / "key.pem"),
                "-out",
                str(folder / "c.pem"),
            ),
        ],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("trusted", [True, False])
async def test_mail_goes_only_to_a_relay_whose_certificate_is_trusted(
    inbox: Inbox, certificate: Path, security: str, trusted: bool
) -> None:
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate / "c.pem", certificate / "key.pem")
    context = ssl.create_default_context(cafile=certificate / "c.pem" if trusted else None)
    start = asyncio.get_running_loop().create_server
    if security == "tls":
        server = await start(lambda: SMTP(inbox), "127.0.0.1", 0, ssl=serving)
    else:
        server = await start(lambda: SMTP(inbox, tls_context=serving, require_starttls=True), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    result = await channel(port, security=security, context=context).send(told(), KEY)
    server.close()
    assert isinstance(result, Sent if trusted else RetryAfter)
    assert len(inbox.mails) == trusted


@pytest.mark.parametrize("right", [True, False])
async def test_wrong_password_is_refused(inbox: Inbox, certificate: Path, right: bool) -> None:
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate / "c.pem", certificate / "key.pem")

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=right and data.password == b"secret", handled=False)

    async with listening(
        lambda: SMTP(inbox, tls_context=serving, require_starttls=True, auth_required=True, authenticator=authenticate)
    ) as port:
        context = ssl.create_default_context(cafile=certificate / "c.pem")
        secret: dict[str, Any] = {
            "security": "starttls",
            "username": "redline",
            "password": {"secret": "SMTP_PASSWORD"},
        }
        result = await channel(port, context=context, **secret).send(told(), KEY)
    assert isinstance(result, Sent if right else Refused)
