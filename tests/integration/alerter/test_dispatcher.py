"""The whole way from the ledger to a real HTTP server and back to the deliveries stream, over a real Valkey."""

import asyncio
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
from alerts.delivery import DeliveryLedger, Finish, Lane, RetryPolicy
from schemas.alert import Alert
from schemas.base import content_id
from schemas.codec import decode
from schemas.delivery import Outcome, idempotency_key
from schemas.notification import Notification, notification_id, thread_id
from schemas.streams import DELIVERIES, Stream
from services.alerter.dispatcher import Dispatcher
from services.alerter.lane import describe
from services.alerter.ledger import ValkeyDeliveryLedger
from tests.fake_ledger import InMemoryDeliveryLedger
from tests.fakes import RecordingPublisher, ScriptedChannel
from tests.integration.alerter.http_server import OK, serving
from tests.unit.alerts.examples import an_alert, told

HOOK = Lane("desk", "webhook")
KEY = idempotency_key(notification_id("desk", an_alert().id), *HOOK)
QUICK = RetryPolicy(first_pause=0.02, jitter=0.0, send_timeout=2.0)


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def hook(url: str, policy: RetryPolicy = QUICK, concurrency: int = 16) -> OpenChannel:
    channel = WebhookChannel(SecretStr(url), poster=Poster(connections=concurrency))
    return OpenChannel(HOOK, channel, policy, concurrency)


class Alerter:
    """A dispatcher that serves a ledger, with what it published."""

    def __init__(
        self, channels: Sequence[OpenChannel], ledger: DeliveryLedger, owner: str = "a", grace_seconds: float = 5.0
    ) -> None:
        self.ledger = ledger
        self.publisher = RecordingPublisher()
        self.dispatcher = Dispatcher(
            channels,
            ledger=ledger,
            publisher=self.publisher,
            clock=WallClock(),
            owner=owner,
            grace_seconds=grace_seconds,
        )

    async def queue(self, *alerts: Alert) -> None:
        """Queue a message for each alert, as a flush does."""
        for alert in alerts or (an_alert(),):
            message = told(alert, id=notification_id("desk", alert.id), thread=thread_id("desk", alert.id))
            if await self.ledger.enqueue(message, self.dispatcher.lanes, WallClock().now()):
                self.dispatcher.wake(self.dispatcher.lanes)

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
        await alerter.queue(an_alert())
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
                await alerter.queue(an_alert())
                await alerter.queue(an_alert())
                await until(lambda: len(server.requests) == 1)
                await asyncio.sleep(0.05)
        assert server.keys == [KEY]


async def test_enqueued_alert_goes_out_at_once(valkey_ledger: ValkeyDeliveryLedger) -> None:
    async with serving() as server, running([hook(server.url)], valkey_ledger) as alerter:
        await asyncio.sleep(0.05)  # the lane is asleep by now, for up to a second
        began = time.perf_counter()
        await alerter.queue(an_alert())
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
    await first.queue(an_alert())
    await arrived.wait()
    first.kill()
    async with serving() as server:
        async with running([hook(server.url)], valkey_ledger) as second:
            await until(lambda: second.outcomes[-1:] == [Outcome.SENT])
            await second.queue(an_alert())  # the stream delivers again what was not acknowledged
            await asyncio.sleep(0.05)
        async with running([hook(server.url)], valkey_ledger):
            await asyncio.sleep(0.05)
        assert server.keys == [KEY]
    assert second.outcomes == [Outcome.UNKNOWN, Outcome.SENT]
    assert [delivery.attempt for delivery in second.publisher.on(DELIVERIES)] == [1, 2]


async def test_answer_lost_on_the_way_repeats_with_the_same_key(valkey_ledger: ValkeyDeliveryLedger) -> None:
    async with serving(lambda number: None if number == 0 else OK) as server:
        async with running([hook(server.url)], valkey_ledger) as alerter:
            await alerter.queue(an_alert())
            await until(lambda: alerter.outcomes == [Outcome.UNKNOWN, Outcome.SENT])
        assert server.keys == [KEY, KEY]


async def test_server_that_recovers_gets_everything(valkey_ledger: ValkeyDeliveryLedger) -> None:
    down = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
    async with serving(lambda number: down if number < 30 else OK) as server:
        async with running([hook(server.url)], valkey_ledger) as alerter:
            for number in range(20):
                await alerter.queue(an_alert(id=content_id(str(number))))
            await until(lambda: alerter.outcomes.count(Outcome.SENT) == 20)
        assert len(set(server.keys)) == 20


async def test_retry_after_of_a_real_answer_is_kept(valkey_ledger: ValkeyDeliveryLedger) -> None:
    limited = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
    async with serving(lambda number: limited if number == 0 else OK) as server:
        async with running([hook(server.url)], valkey_ledger) as alerter:
            began = time.perf_counter()
            await alerter.queue(an_alert())
            await until(lambda: len(server.requests) == 2)
            assert 1.0 <= time.perf_counter() - began < 2.0


async def test_two_dispatchers_share_a_ledger_without_a_duplicate(valkey_ledger: ValkeyDeliveryLedger) -> None:
    alerts = [an_alert(id=content_id(str(number))) for number in range(200)]
    async with serving() as server:
        async with (
            running([hook(server.url)], valkey_ledger, owner="a") as one,
            running([hook(server.url)], valkey_ledger, owner="b") as other,
        ):
            for number, alert in enumerate(alerts):
                first, second = (one, other) if number % 2 else (other, one)
                await asyncio.gather(first.queue(alert), second.queue(alert))
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
            await alerter.queue(an_alert(id=content_id(str(number))))
        await until(lambda: len(good.sent) == 50, seconds=10.0)
    assert good.closed


async def test_stop_lets_the_current_send_end() -> None:
    gate = asyncio.Event()
    channel = ScriptedChannel(gate)
    ledger = InMemoryDeliveryLedger()
    alerter = Alerter([OpenChannel(HOOK, channel, QUICK)], ledger)
    await alerter.dispatcher.start()
    await alerter.queue(an_alert())
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
    await alerter.queue(an_alert())
    async with asyncio.timeout(5):
        while not await valkey_ledger.unpublished(WallClock().now()):
            await asyncio.sleep(0.01)
    await alerter.dispatcher.stop()
    assert alerter.outcomes == []
    monkeypatch.setattr(alerter.publisher, "publish", working)
    await alerter.dispatcher.start()
    await until(lambda: alerter.outcomes == [Outcome.SENT])
    await alerter.dispatcher.stop()


async def test_restarted_alerter_publishes_at_once_what_it_left_behind(valkey_ledger: ValkeyDeliveryLedger) -> None:
    for number in range(3):
        await valkey_ledger.enqueue(told(an_alert(id=content_id(str(number)))), [HOOK], WallClock().now())
    claims = {
        owner: await valkey_ledger.claim_due(
            HOOK, owner=owner, limit=1, now=WallClock().now(), lease=timedelta(seconds=60)
        )
        for owner in ("a", "b", "c")
    }
    for owner in ("a", "b"):
        (dispatch,) = claims[owner]
        decision = Finish(Outcome.SENT)
        delivery = describe(dispatch, decision, WallClock().now(), WallClock().now())
        await valkey_ledger.record(dispatch, decision, delivery, owner=owner)
    async with running([], valkey_ledger, owner="a") as alerter:
        (delivery,) = alerter.publisher.on(DELIVERIES)
        assert delivery.idempotency_key == claims["a"][0].key
    await valkey_ledger.reclaim(WallClock().now(), "c")  # and killed before it could publish
    async with running([], valkey_ledger, owner="c") as alerter:
        (delivery,) = alerter.publisher.on(DELIVERIES)
        assert (delivery.idempotency_key, delivery.outcome) == (claims["c"][0].key, Outcome.UNKNOWN)
    assert len(await valkey_ledger.unpublished(WallClock().now())) == 1  # that of b, which may be about to publish it


async def test_lanes_are_exchanged_while_they_run() -> None:
    gate = asyncio.Event()
    busy, kept, added, spare = ScriptedChannel(gate), ScriptedChannel(), ScriptedChannel(), ScriptedChannel()
    lanes = [Lane("desk", name) for name in ("busy", "kept", "added")]
    ledger = InMemoryDeliveryLedger()
    async with running([OpenChannel(lanes[0], busy, QUICK), OpenChannel(lanes[1], kept, QUICK)], ledger) as alerter:
        await ledger.enqueue(told(), lanes, WallClock().now())
        alerter.dispatcher.wake(lanes)
        await until(lambda: busy.sent != [] and kept.sent != [])
        channels = [OpenChannel(lanes[1], spare, QUICK), OpenChannel(lanes[2], added, QUICK)]
        await alerter.dispatcher.take_over(channels, unchanged=lanes[:2])
        assert alerter.dispatcher.lanes == tuple(lanes[1:])
        await until(lambda: added.sent != [])
        assert (spare.closed, kept.closed, busy.closed) == (True, False, False)
        gate.set()  # what is under way in a lane that goes is not broken off
        await until(lambda: busy.closed)
        assert alerter.outcomes == [Outcome.SENT] * 3
        await ledger.enqueue(told(an_alert(id=content_id("2"))), lanes, WallClock().now())
        alerter.dispatcher.wake(lanes)
        await until(lambda: len(kept.sent) == len(added.sent) == 2)
        assert await ledger.waiting() == {lanes[0]: 1}  # kept until somebody moves it
    assert kept.closed
    assert added.closed


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
