"""Mail to several people, from the ledger to a real SMTP server: each address for itself."""

import asyncio
import json
from datetime import UTC, datetime

import httpx
from aiosmtpd.smtp import SMTP
from redis.asyncio import Redis

from alerts.channels.assemble import open_channels
from alerts.links import Links
from alerts.routing import Routes
from schemas.delivery import Delivery, Outcome
from schemas.streams import DELIVERIES
from services.alerter.dispatcher import Dispatcher
from services.alerter.ledger import ValkeyDeliveryLedger
from services.alerter.unsubscribed_store import ValkeyUnsubscribed
from services.api.app import build_app
from services.api.unsubscribe import UnsubscribePages
from services.fetcher.websub_store import ValkeyWebSubStore
from services.runtime.link_key import link_key
from services.runtime.valkey import ping
from tests.fakes import FakeClock, RecordingPublisher
from tests.integration.alerter.test_email import Inbox, listening
from tests.integration.fetcher.hub import on_loopback
from tests.unit.alerts.examples import an_alert, told

READERS = ("desk@example.org", "gone@example.org", "slow@example.org", "leaving@example.org")


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def routes(port: int) -> Routes:
    mail = {
        "type": "email",
        "from": "redline@example.org",
        "to": READERS,
        "smtp": {"host": "127.0.0.1", "port": port, "security": "none"},
    }
    tree = {"route": {"receiver": "desk"}, "receivers": [{"name": "desk", "channels": [mail]}]}
    return Routes.model_validate_json(json.dumps(tree))


async def test_each_reader_gets_a_mail_or_a_reason_of_their_own_and_can_leave_by_its_link(
    client: Redis, namespace: str, valkey_ledger: ValkeyDeliveryLedger
) -> None:
    inbox = Inbox()
    inbox.answers = {"gone@example.org": "550 no such user", "slow@example.org": "450 greylisted"}
    key = await link_key(client, namespace=namespace)
    unsubscribed = ValkeyUnsubscribed(client, namespace=namespace)
    pages = UnsubscribePages(unsubscribed, key, WallClock()).routes()
    app = build_app(
        callbacks=ValkeyWebSubStore(client),
        ready=lambda: ping(client),
        clock=FakeClock(),
        max_body_bytes=1_000,
        pages=pages,
    )
    async with listening(lambda: SMTP(inbox)) as port, on_loopback(app) as url:
        channels = open_channels(routes(port), {}, links=Links(url, key), unsubscribed=unsubscribed)
        publisher = RecordingPublisher()
        dispatcher = Dispatcher(channels, ledger=valkey_ledger, publisher=publisher, clock=WallClock(), owner="a")
        lanes = [opened.lane for opened in channels]

        def outcomes() -> dict[str, Delivery]:
            return {delivery.channel.removeprefix("email/"): delivery for delivery in publisher.on(DELIVERIES)}

        async def told_all(notification_id: str) -> dict[str, Delivery]:
            async with asyncio.timeout(10):
                while len([d for d in publisher.on(DELIVERIES) if d.notification_id == notification_id]) < len(READERS):
                    await asyncio.sleep(0.01)
            return outcomes()

        await dispatcher.start()
        try:
            first = told()
            await valkey_ledger.enqueue(first, lanes, WallClock().now())
            dispatcher.wake(lanes)
            by_reader = await told_all(first.id)
            assert {reader: by_reader[reader].outcome for reader in READERS} == {
                "desk@example.org": Outcome.SENT,
                "gone@example.org": Outcome.DEAD,
                "slow@example.org": Outcome.RETRY,
                "leaving@example.org": Outcome.SENT,
            }
            assert by_reader["gone@example.org"].reason == "SMTP 550 no such user"

            (leaving,) = (mail for to, mail in inbox.mails if to == ["leaving@example.org"])
            async with httpx.AsyncClient() as reader:
                await reader.post(leaving["list-unsubscribe"].strip("<>"), data={"List-Unsubscribe": "One-Click"})
            second = told(an_alert(title="Later"), id="2" * 32)
            await valkey_ledger.enqueue(second, lanes, WallClock().now())
            dispatcher.wake(lanes)
            by_reader = await told_all(second.id)
            assert by_reader["leaving@example.org"].outcome is Outcome.DEAD
            assert by_reader["leaving@example.org"].reason.startswith("unsubscribed at ")
            assert by_reader["desk@example.org"].outcome is Outcome.SENT
        finally:
            await dispatcher.stop()
    # The one put off may have got its second try by now.
    assert sorted(to[0] for to, _ in inbox.mails if to != ["slow@example.org"]) == [
        *["desk@example.org"] * 2,
        "leaving@example.org",
    ]
    assert all(len(to) == 1 for to, _ in inbox.mails)
    assert len({mail["message-id"] for _, mail in inbox.mails}) == len(inbox.mails)
