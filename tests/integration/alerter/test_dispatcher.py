"""The whole way from the handler to a real HTTP server and back to the deliveries stream, over a real Valkey."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from alerts.channels.assemble import OpenChannel
from alerts.channels.base import Sent
from alerts.channels.http import Poster
from alerts.channels.webhook import WebhookChannel
from alerts.delivery import DeliveryLedger, Lane, RetryPolicy
from alerts.routing import Routes
from schemas.base import content_id
from schemas.codec import decode
from schemas.delivery import Outcome, idempotency_key
from schemas.notification import Notification
from schemas.streams import DELIVERIES, Stream
from services.alerter.dispatcher import Dispatcher
from services.alerter.handler import AlerterHandler
from services.alerter.ledger import ValkeyDeliveryLedger
from tests.fakes import InMemoryDeliveryLedger, RecordingPublisher, ScriptedChannel
from tests.integration.alerter.http_server import OK, serving
from tests.unit.alerts.examples import an_alert, told

HOOK = Lane("desk", "webhook")
KEY = idempotency_key(told().id, *HOOK)
QUICK = RetryPolicy(first_pause=0.02, jitter=0.0, send_timeout=2.0)
ROUTES = Routes.model_validate_json(
    json.dumps({"route": {"receiver": "desk"}, "receivers": [{"name": "desk", "channels": [{"type": "console"}]}]})
)


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def hook(url: str, policy: RetryPolicy = QUICK, concurrency: int = 16) -> OpenChannel:
    channel = WebhookChannel(SecretStr(url), poster=Poster(connections=concurrency))
    return OpenChannel(HOOK, channel, policy, concurrency)


class Alerter:
    """A handler and a dispatcher, as bootstrap wires them."""

    def __init__(
        self, channels: Sequence[OpenChannel], ledger: DeliveryLedger, owner: str = "a", grace_seconds: float = 5.0
    ) -> None:
        self.publisher = RecordingPublisher()
        self.dispatcher = Dispatcher(
            channels,
            ledger=ledger,
            publisher=self.publisher,
            clock=WallClock(),
            owner=owner,
            grace_seconds=grace_seconds,
        )
        self.handler = AlerterHandler(
            routes=ROUTES,
            lanes=self.dispatcher.lanes,
            ledger=ledger,
            clock=WallClock(),
            wake=self.dispatcher.wake,
        )

    @property
    def outcomes(self) -> list[Outcome]:
        return [delivery.outcome for delivery in self.publisher.on(DELIVERIES)]

    def kill(self) -> None:
        """End as kill -9 does: nothing is recorded, nothing is said."""
        for task in self.dispatcher._tasks:
            task.cancel()
        for sender in self.dispatcher._senders.values():
            for sending in sender._under_way:
                sending.cancel()


@asynccontextmanager
async def running(*args: Any, **options: Any) -> AsyncIterator[Alerter]:
    alerter = Alerter(*args, **options)
    await alerter.dispatcher.start()
    try:
        yield alerter
    finally:
        await alerter.dispatcher.stop()


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def test_alert_reaches_the_server_and_the_deliveries_stream(valkey_ledger: ValkeyDeliveryLedger) -> None:
    async with serving() as server, running([hook(server.url)], valkey_ledger) as alerter:
        await alerter.handler.handle(an_alert())
        await until(lambda: alerter.outcomes == [Outcome.SENT])
        (request,) = server.requests
        assert decode(Notification, request.body).alerts == (an_alert(),)
        assert request.headers["idempotency-key"] == KEY
        await until(lambda: alerter.publisher.sent != [])
    assert await valkey_ledger.unpublished(WallClock().now()) == []


async def test_redelivered_alert_sends_nothing(valkey_ledger: ValkeyDeliveryLedger) -> None:
    async with serving() as server:
        for _ in range(2):  # also after a restart
            async with running([hook(server.url)], valkey_ledger) as alerter:
                await alerter.handler.handle(an_alert())
                await alerter.handler.handle(an_alert())
                await until(lambda: len(server.requests) == 1)
                await asyncio.sleep(0.05)
        assert server.keys == [KEY]


async def test_enqueued_alert_goes_out_at_once(valkey_ledger: ValkeyDeliveryLedger) -> None:
    async with serving() as server, running([hook(server.url)], valkey_ledger) as alerter:
        await asyncio.sleep(0.05)  # the lane is asleep by now, for up to a second
        began = time.perf_counter()
        await alerter.handler.handle(an_alert())
        await until(lambda: server.requests != [])
        assert time.perf_counter() - began < 0.5


async def test_crash_between_send_and_record_repeats_once_with_the_same_key(
    valkey_ledger: ValkeyDeliveryLedger,
) -> None:
    arrived = asyncio.Event()

    class Mute(ScriptedChannel):
        async def send(self, *args: Any, **options: Any) -> Sent:
            arrived.set()
            await asyncio.sleep(60)  # the process dies before the answer
            return Sent()

    first = Alerter([OpenChannel(HOOK, Mute(), QUICK)], valkey_ledger)
    await first.dispatcher.start()
    await first.handler.handle(an_alert())
    await arrived.wait()
    first.kill()
    async with serving() as server:
        async with running([hook(server.url)], valkey_ledger) as second:
            await until(lambda: second.outcomes[-1:] == [Outcome.SENT])
            await second.handler.handle(an_alert())  # the stream delivers again what was not acknowledged
            await asyncio.sleep(0.05)
        async with running([hook(server.url)], valkey_ledger):
            await asyncio.sleep(0.05)
        assert server.keys == [KEY]
    assert second.outcomes == [Outcome.UNKNOWN, Outcome.SENT]
    assert [delivery.attempt for delivery in second.publisher.on(DELIVERIES)] == [1, 2]


async def test_answer_lost_on_the_way_repeats_with_the_same_key(valkey_ledger: ValkeyDeliveryLedger) -> None:
    async with serving(lambda number: None if number == 0 else OK) as server:
        async with running([hook(server.url)], valkey_ledger) as alerter:
            await alerter.handler.handle(an_alert())
            await until(lambda: alerter.outcomes == [Outcome.UNKNOWN, Outcome.SENT])
        assert server.keys == [KEY, KEY]


async def test_server_that_recovers_gets_everything(valkey_ledger: ValkeyDeliveryLedger) -> None:
    down = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
    async with serving(lambda number: down if number < 30 else OK) as server:
        async with running([hook(server.url)], valkey_ledger) as alerter:
            for number in range(20):
                await alerter.handler.handle(an_alert(id=content_id(str(number))))
            await until(lambda: alerter.outcomes.count(Outcome.SENT) == 20)
        assert len(set(server.keys)) == 20


async def test_retry_after_of_a_real_answer_is_kept(valkey_ledger: ValkeyDeliveryLedger) -> None:
    limited = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
    async with serving(lambda number: limited if number == 0 else OK) as server:
        async with running([hook(server.url)], valkey_ledger) as alerter:
            began = time.perf_counter()
            await alerter.handler.handle(an_alert())
            await until(lambda: len(server.requests) == 2)
            assert 1.0 <= time.perf_counter() - began < 2.0


async def test_two_dispatchers_share_a_ledger_without_a_duplicate(valkey_ledger: ValkeyDeliveryLedger) -> None:
    alerts = [an_alert(id=content_id(str(number))) for number in range(200)]
    for alert in alerts:
        await valkey_ledger.enqueue(told(alert), [HOOK], WallClock().now())
    async with serving() as server:
        async with (
            running([hook(server.url)], valkey_ledger, owner="a") as one,
            running([hook(server.url)], valkey_ledger, owner="b") as other,
        ):
            for alert in alerts:
                await asyncio.gather(one.handler.handle(alert), other.handler.handle(alert))
            await until(lambda: len(one.outcomes) + len(other.outcomes) == 200)
            assert one.outcomes
            assert other.outcomes
        assert len(server.requests) == len(set(server.keys)) == 200


async def test_entry_of_another_alerter_is_found_by_polling(valkey_ledger: ValkeyDeliveryLedger) -> None:
    async with serving() as server, running([hook(server.url)], valkey_ledger):
        await asyncio.sleep(0.05)
        await valkey_ledger.enqueue(told(), [HOOK], WallClock().now())
        await until(lambda: server.requests != [], seconds=1.5)


async def test_bad_channel_delays_no_other() -> None:
    stuck = OpenChannel(Lane("desk", "stuck"), ScriptedChannel(*[asyncio.Event()] * 9), QUICK)
    broken = OpenChannel(Lane("desk", "broken"), ScriptedChannel(*[ZeroDivisionError()] * 3), QUICK)
    good = ScriptedChannel()
    channels = [stuck, broken, OpenChannel(Lane("desk", "good"), good, QUICK)]
    async with running(channels, InMemoryDeliveryLedger(), grace_seconds=0.01) as alerter:
        for number in range(50):
            await alerter.handler.handle(an_alert(id=content_id(str(number))))
        await until(lambda: len(good.sent) == 50, seconds=10.0)
    assert good.closed


async def test_stop_lets_the_current_send_end() -> None:
    gate = asyncio.Event()
    channel = ScriptedChannel(gate)
    ledger = InMemoryDeliveryLedger()
    alerter = Alerter([OpenChannel(HOOK, channel, QUICK)], ledger)
    await alerter.dispatcher.start()
    await alerter.handler.handle(an_alert())
    await until(lambda: channel.sent != [])
    stopping = asyncio.create_task(alerter.dispatcher.stop())
    await asyncio.sleep(0.01)
    assert not stopping.done()
    gate.set()
    await stopping
    assert alerter.outcomes == [Outcome.SENT]


async def test_dispatcher_outlives_a_store_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.alerter.lane.LEDGER_PAUSE_SECONDS", 0.01)
    ledger = InMemoryDeliveryLedger()
    async with running([OpenChannel(HOOK, ScriptedChannel(), QUICK)], ledger) as alerter:
        await ledger.enqueue(told(), [HOOK], WallClock().now() + timedelta(seconds=0.1))
        ledger.reachable = False
        alerter.dispatcher.wake([HOOK])
        await asyncio.sleep(0.15)
        assert alerter.outcomes == []
        ledger.reachable = True
        await until(lambda: alerter.outcomes == [Outcome.SENT])


async def test_delivery_that_could_not_be_published_is_published_later(
    monkeypatch: pytest.MonkeyPatch, valkey_ledger: ValkeyDeliveryLedger
) -> None:
    monkeypatch.setattr("services.alerter.dispatcher.LEFT_BEHIND_AFTER", timedelta(0))
    alerter = Alerter([OpenChannel(HOOK, ScriptedChannel(), QUICK)], valkey_ledger)
    working = alerter.publisher.publish

    async def failing(stream: Stream[Any], value: BaseModel) -> None:
        raise ConnectionError("the broker is away")

    monkeypatch.setattr(alerter.publisher, "publish", failing)
    await alerter.dispatcher.start()
    await alerter.handler.handle(an_alert())
    async with asyncio.timeout(5):
        while not await valkey_ledger.unpublished(WallClock().now()):
            await asyncio.sleep(0.01)
    await alerter.dispatcher.stop()
    assert alerter.outcomes == []
    monkeypatch.setattr(alerter.publisher, "publish", working)
    await alerter.dispatcher.start()
    await until(lambda: alerter.outcomes == [Outcome.SENT])
    await alerter.dispatcher.stop()


async def test_watch_raises_what_ends_a_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = InMemoryDeliveryLedger()
    alerter = Alerter([OpenChannel(HOOK, ScriptedChannel(), QUICK)], ledger)

    async def broken(*args: Any, **options: Any) -> list[Any]:
        raise LookupError("a fault of ours")

    monkeypatch.setattr(ledger, "claim_due", broken)
    await alerter.dispatcher.start()
    with pytest.raises(LookupError):
        await alerter.dispatcher.watch()
    await alerter.dispatcher.stop()
