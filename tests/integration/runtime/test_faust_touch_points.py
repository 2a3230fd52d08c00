"""What the transports use of Faust beyond its documented interface: a new version that changes it fails here.

One test a touch point; each says in its name what would break.
"""

import asyncio
import inspect
from importlib.metadata import version
from pathlib import Path

import faust
import pytest
from faust.app.base import App
from faust.tables.manager import TableManager
from faust.transport import base, by_url
from faust.transport.consumer import Consumer, Fetcher
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from yarl import URL

from services.runtime import kafka, sqlite_consumer, sqlite_transport
from services.runtime.apps import BrokerConfig, create_app
from services.runtime.strict_commit import StrictCommit
from tests.integration.runtime.harness import House, article, run


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_the_faust_these_tests_were_written_for_is_installed() -> None:
    assert version("faust-streaming") == "0.15.3"


def test_faust_finds_the_transport_by_its_url() -> None:
    assert by_url(URL("sqlite:///tmp/log.db")) is sqlite_transport.Transport


async def test_an_app_takes_the_transport_it_is_given(tmp_path: Path) -> None:
    embedded = create_app("matcher", BrokerConfig(f"sqlite://{tmp_path}/log.db"))
    cluster = create_app("matcher", BrokerConfig("kafka://127.0.0.1:9092"))
    assert type(embedded.transport) is sqlite_transport.Transport
    assert type(cluster.transport) is kafka.Transport
    assert type(cluster.producer) is kafka.Producer
    consumer = cluster.consumer
    assert isinstance(consumer, kafka.Consumer)
    assert consumer._thread.thread_loop is not None
    consumer._thread.thread_loop.close()  # made with the consumer, for a thread that is not started here


async def test_a_kafka_producer_takes_extra_settings() -> None:
    app = create_app("fetcher", BrokerConfig("kafka://127.0.0.1:9092"))
    assert isinstance(app.producer, driver.Producer)
    assert app.producer._settings_extra() == {"acks": "all", "enable_idempotence": True}
    assert "_settings_extra()" in inspect.getsource(driver.Producer._new_producer)


@pytest.mark.parametrize("consumer", [sqlite_consumer.Consumer, kafka.Consumer])
@pytest.mark.parametrize(
    "method",
    [
        "getmany",
        "_getmany",
        "_add_gap",
        "_filter_tps_with_pending_acks",
        "_new_offset",
        "wait_empty",
        "resume_flow",
        "seek_to_committed",
        "seek_wait",
        "seek",
        "on_partitions_revoked",
    ],
)
def test_strict_commit_overrides_a_method_that_faust_still_has(consumer: type, method: str) -> None:
    assert hasattr(Consumer, method)
    assert parameters(getattr(StrictCommit, method))[1:] == parameters(getattr(Consumer, method))[1:]
    assert consumer.__mro__.index(StrictCommit) < consumer.__mro__.index(Consumer)


def test_the_commit_still_goes_through_pending_acks_and_new_offset() -> None:
    assert "_filter_tps_with_pending_acks" in inspect.getsource(Consumer.force_commit)
    assert "_new_offset" in inspect.getsource(Consumer._filter_committable_offsets)


def test_the_stop_and_the_rebalance_still_wait_until_the_consumer_is_empty() -> None:
    assert "wait_empty" in inspect.getsource(App._consumer_wait_empty)
    assert "_consumer_wait_empty" in inspect.getsource(App._stop_consumer)
    assert "_consumer_wait_empty" in inspect.getsource(App._on_partitions_revoked)
    assert "wait_empty" in inspect.getsource(Consumer.on_stop)


def test_messages_are_still_drained_through_getmany() -> None:
    assert "self.getmany" in inspect.getsource(Consumer._drain_messages)
    assert "_drain_messages" in inspect.getsource(Fetcher)


async def test_an_app_counts_generations_and_rebalances(tmp_path: Path) -> None:
    app = create_app("matcher", BrokerConfig(f"sqlite://{tmp_path}/log.db"))
    assert app.consumer_generation_id == 0
    app.on_rebalance_start()
    assert app.rebalancing
    app.on_rebalance_end()
    assert not app.rebalancing


async def test_a_consumer_remembers_what_it_read_and_committed(tmp_path: Path) -> None:
    app = create_app("matcher", BrokerConfig(f"sqlite://{tmp_path}/log.db"))
    consumer = app.consumer
    assert isinstance(consumer, Consumer)
    assert consumer._read_offset[TP("any", 0)] is None
    assert consumer._committed_offset[TP("any", 0)] is None
    assert consumer._acked == {}
    assert consumer._acked_index == {}


async def test_the_table_manager_may_start_at_once(tmp_path: Path) -> None:
    assert "self.sleep(1.0)" in inspect.getsource(TableManager.on_start)
    assert "_update_channels" in inspect.getsource(TableManager.on_start)
    assert "recovery.start" in inspect.getsource(TableManager.on_start)


def test_the_only_thing_a_first_start_does_is_to_make_directories() -> None:
    body = inspect.getsource(App.on_first_start).split('"""')[-1].strip()
    assert body == "self._create_directories()"


def test_a_transport_names_its_consumer_and_producer() -> None:
    assert {"Consumer", "Producer", "Conductor", "Fetcher"} <= set(vars(base.Transport))
    assert parameters(base.Transport.__init__) == ["self", "url", "app", "loop"]


async def test_a_resubscription_keeps_positions_and_commits(tmp_path: Path) -> None:
    """Subscribing again is a rebalance: what was settled is committed, what was not is delivered again."""
    house = House(tmp_path)
    await house.send(map(article, range(20)))
    seen: list[str] = []
    stop = asyncio.Event()
    app = house.consumer(lambda given: _note(seen, given.title))

    async def resubscribe() -> None:
        while len(seen) < 20:
            await asyncio.sleep(0.005)
        await app.consumer.subscribe(["redline.articles.v1"])
        while app.consumer_generation_id < 2 or app.rebalancing:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.2)
        stop.set()

    await run([app], stop, background=[resubscribe])
    assert (len(seen), house.committed()) == (20, 20)


async def _note(seen: list[str], title: str) -> None:
    seen.append(title)


def test_faust_still_lets_an_app_consume_nothing() -> None:
    assert "producer_only" in inspect.getsource(faust.App.on_init_dependencies)
