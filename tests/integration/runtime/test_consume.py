"""Every message ends handled, as a dead letter, or delivered again: nothing is lost, nothing holds up the rest."""

import asyncio
from pathlib import Path
from typing import cast

import pytest
from redis import exceptions as redis
from structlog.testing import capture_logs

from schemas.article import Article
from schemas.base import content_id
from schemas.dead_letter import RejectReason
from schemas.streams import ARTICLES
from services.runtime.consume import HandlerPolicy
from services.runtime.faults import RejectError, UnavailableError
from services.runtime.publisher import StreamPublisher
from services.runtime.strict_commit import PARTITION_FULL, StrictCommit
from services.runtime.worker import WorkerPolicy
from tests.integration.runtime.harness import House, article, run, same_partition


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


class Recorder:
    """A handler that keeps what it was given, and does what it is told to do with some titles."""

    def __init__(self, **faults: Exception | float) -> None:
        self.seen: list[str] = []
        self._faults = faults

    async def __call__(self, given: Article) -> None:
        self.seen.append(given.title)
        fault = self._faults.get(f"t{given.title}")
        if isinstance(fault, Exception):
            raise fault
        if fault is not None:
            await asyncio.sleep(fault)


async def test_two_apps_talk_through_the_log(house: House) -> None:
    consumed = Recorder()
    producer, stop = house.producer(), asyncio.Event()
    publisher = StreamPublisher(producer)

    async def publish() -> None:
        for number in range(20):
            await publisher.publish(ARTICLES, article(number))
        while len(consumed.seen) < 20:
            await asyncio.sleep(0.005)
        stop.set()

    await run([producer, house.consumer(consumed)], stop, background=[publish])
    assert sorted(map(int, consumed.seen)) == list(range(20))
    assert house.committed() == 20


async def test_messages_of_a_partition_stay_in_order(house: House) -> None:
    sent = same_partition(50)
    await house.send(sent)
    recorder = Recorder()
    await house.consume(recorder, lambda: len(recorder.seen) == 50)
    assert recorder.seen == [each.title for each in sent]


async def test_what_was_committed_is_not_delivered_again(house: House) -> None:
    first, second = Recorder(), Recorder()
    await house.send(map(article, range(10)))
    await house.consume(first, lambda: len(first.seen) == 10)
    await house.send(map(article, range(10, 13)))
    await house.consume(second, lambda: len(second.seen) == 3)
    assert sorted(second.seen) == ["10", "11", "12"]


async def test_a_partition_that_waits_holds_up_no_other(house: House) -> None:
    slow, others = same_partition(PARTITION_FULL + 50), same_partition(300, partition=3)
    await house.send([*slow, *others])
    recorder = Recorder(**{f"t{slow[0].title}": 60.0})
    patient = HandlerPolicy(timeout_seconds=60)
    await house.consume(recorder, lambda: len(recorder.seen) == 301, patient, grace_seconds=0.3)
    assert house.committed() == 300


async def test_a_partition_that_waits_fills_no_more_memory_than_its_share(house: House) -> None:
    await house.send(same_partition(4 * PARTITION_FULL))
    recorder = Recorder(**{f"t{each.title}": 60.0 for each in same_partition(1)})
    app, stop = house.consumer(recorder, HandlerPolicy(timeout_seconds=60)), asyncio.Event()
    held: list[int] = []

    async def look() -> None:
        await asyncio.sleep(0.5)
        consumer = cast("StrictCommit", app.consumer)
        held.append(sum(progress.outstanding for progress in consumer._progress.values()))
        stop.set()

    await run([app], stop, background=[look], policy=WorkerPolicy(grace_seconds=0.2))
    assert PARTITION_FULL <= held[0] < 2 * PARTITION_FULL


# -- fault 1: the commit must not pass a message in flight ------------------------------------------------------------


async def test_the_commit_never_passes_a_message_in_flight(house: House) -> None:
    sent = same_partition(30)
    await house.send(sent)
    stuck = sent[10].title
    recorder = Recorder(**{f"t{stuck}": 60.0})
    patient = HandlerPolicy(timeout_seconds=60)
    await house.consume(recorder, lambda: stuck in recorder.seen, patient, grace_seconds=0.3)
    assert house.committed() == 10
    again = Recorder()
    await house.consume(again, lambda: len(again.seen) == 20)
    assert again.seen == [each.title for each in sent[10:]]


# -- fault 2: an exception must not acknowledge -----------------------------------------------------------------------


async def test_an_exception_makes_a_dead_letter_and_the_rest_goes_on(house: House) -> None:
    await house.send(map(article, range(5)))
    recorder = Recorder(t2=ValueError("no such actor"))
    await house.consume(recorder, lambda: len(recorder.seen) == 5)
    (letter,) = house.letters()
    assert (letter.reason, letter.error) == (RejectReason.HANDLER_FAILED, "ValueError: no such actor")
    assert (letter.origin_stream, letter.service) == (ARTICLES.name, "matcher")
    assert Article.model_validate_json(letter.value or b"") == article(2)
    assert letter.key == article(2).id.encode()
    assert house.committed() == 5


async def test_a_failing_handler_is_logged_with_its_traceback(house: House) -> None:
    await house.send([article(0)])
    recorder = Recorder(t0=ValueError("no such actor"))
    with capture_logs() as events:
        await house.consume(recorder, lambda: bool(recorder.seen))
    (failed,) = [event for event in events if event["event"] == "handler_failed"]
    assert failed["exc_info"]
    assert failed["service"] == "redline-matcher"


async def test_a_refused_message_makes_a_dead_letter_with_the_handlers_words(house: House) -> None:
    await house.send([article(0)])
    recorder = Recorder(t0=RejectError("outlet is blocked"))
    await house.consume(recorder, lambda: bool(recorder.seen))
    (letter,) = house.letters()
    assert (letter.reason, letter.error) == (RejectReason.REFUSED, "outlet is blocked")


# -- fault 3: stopping must not commit what was not handled -----------------------------------------------------------


async def test_a_message_cut_off_by_the_stop_is_delivered_again(house: House) -> None:
    await house.send([article(0)])
    recorder = Recorder(t0=60.0)
    patient = HandlerPolicy(timeout_seconds=60)
    await house.consume(recorder, lambda: bool(recorder.seen), patient, grace_seconds=0.3)
    assert house.committed() == 0
    again = Recorder()
    await house.consume(again, lambda: bool(again.seen))
    assert (again.seen, house.committed(), house.letters()) == (["0"], 1, [])


async def test_a_message_being_handled_may_end_before_the_stop(house: House) -> None:
    await house.send([article(0)])
    ended: list[str] = []
    started = asyncio.Event()

    async def handle(given: Article) -> None:
        started.set()
        await asyncio.sleep(0.2)
        ended.append(given.title)

    await house.consume(handle, started.is_set)
    assert (ended, house.committed()) == (["0"], 1)


# -- fault 4: an undecodable value must not break the stream ----------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (b"\xff not json", "Article: value: Invalid JSON"),
        (b'{"schema_version": 2}', "schema_version"),
        (None, "the message has no value"),
    ],
)
async def test_an_undecodable_message_makes_a_dead_letter(house: House, value: bytes | None, error: str) -> None:
    await house.send_raw(value)
    await house.send([article(0)])
    recorder = Recorder()
    await house.consume(recorder, lambda: bool(recorder.seen) and bool(house.letters()))
    (letter,) = house.letters()
    assert (letter.reason, letter.value) == (RejectReason.UNDECODABLE, value)
    assert error in letter.error
    assert house.committed() == 2


async def test_a_message_rejected_again_is_the_same_letter(house: House) -> None:
    await house.send([article(0)])
    for service in ("matcher", "tracker"):
        recorder = Recorder(t0=ValueError("no"))
        stop = asyncio.Event()

        async def wait(recorder: Recorder = recorder, stop: asyncio.Event = stop) -> None:
            while not recorder.seen:
                await asyncio.sleep(0.005)
            stop.set()

        await run([house.consumer(recorder, service=service)], stop, background=[wait])
    first, other = house.letters()
    origin = (ARTICLES.name, str(first.origin_partition), str(first.origin_offset))
    assert first.id == content_id("dead_letter", *origin, "matcher")
    assert other.id == content_id("dead_letter", *origin, "tracker")


# -- timeouts ---------------------------------------------------------------------------------------------------------


async def test_a_handler_that_never_ends_is_tried_again_then_given_up(house: House) -> None:
    await house.send([article(0)])
    recorder = Recorder(t0=60.0)
    await house.consume(recorder, lambda: bool(house.letters()), HandlerPolicy(0.05, 3, 0.01, 0.01))
    (letter,) = house.letters()
    assert letter.reason == RejectReason.HANDLER_TIMED_OUT
    assert letter.error == "no end within 0.05 s, 3 times"
    assert (recorder.seen, house.committed()) == (["0"] * 3, 1)


async def test_a_handlers_own_timeout_error_is_a_failure_not_a_timeout(house: House) -> None:
    await house.send([article(0)])
    recorder = Recorder(t0=TimeoutError("socket"))
    await house.consume(recorder, lambda: bool(house.letters()))
    assert (house.letters()[0].reason, recorder.seen) == (RejectReason.HANDLER_FAILED, ["0"])


# -- outages: the message is not at fault -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outage",
    [
        UnavailableError("no"),
        redis.ConnectionError("no"),
        redis.TimeoutError("no"),
        redis.BusyLoadingError("no"),
    ],
)
async def test_a_message_waits_until_its_dependency_is_back(house: House, outage: Exception) -> None:
    await house.send([article(0)])
    attempts = 0

    async def handle(_: Article) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 8:
            raise outage

    with capture_logs() as events:
        await house.consume(handle, lambda: attempts == 8)
    names = [event["event"] for event in events if event["event"].startswith("dependency_")]
    assert names == ["dependency_unavailable", "dependency_available"]
    assert (house.committed(), house.letters()) == (1, [])


async def test_a_message_that_waits_is_left_when_the_worker_stops(house: House) -> None:
    await house.send([article(0)])
    attempts = 0

    async def handle(_: Article) -> None:
        nonlocal attempts
        attempts += 1
        raise UnavailableError("still no store")

    slow = HandlerPolicy(retry_first_seconds=60, retry_most_seconds=60)
    started = asyncio.get_running_loop().time()
    await house.consume(handle, lambda: attempts == 1, slow)
    assert asyncio.get_running_loop().time() - started < 5
    assert (house.committed(), house.letters()) == (0, [])


async def test_revisions_of_an_article_stay_together_and_in_order(house: House) -> None:
    await house.send([article(7), article(7, "revised"), article(7, "again")])
    texts: list[str] = []

    async def handle(given: Article) -> None:
        texts.append(given.text)

    await house.consume(handle, lambda: len(texts) == 3)
    assert texts == ["text", "revised", "again"]
