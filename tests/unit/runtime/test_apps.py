"""Apps are made as Redline needs them, and a broker's URL that cannot work is refused with the reason."""

from pathlib import Path

import pytest
from yarl import URL

from schemas.streams import ARTICLES
from services.runtime.apps import BrokerConfig, create_app, topic
from services.runtime.faults import BrokerUnreachableError, BrokerUrlError
from services.runtime.kafka import addresses, check_broker
from services.runtime.sqlite_transport import parse_url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("amqp://localhost", "must begin with sqlite:/// or kafka://"),
        ("sqlite://relative.db", "must look like sqlite:///absolute/path/log.db"),
        ("sqlite:///", "must look like"),
        ("sqlite:///tmp/log.db?synchronous=off", "synchronous=off must be full or normal"),
        ("sqlite:///tmp/log.db?sync=full", "unknown option sync"),
    ],
)
def test_a_url_that_cannot_work_is_refused(url: str, message: str) -> None:
    with pytest.raises(BrokerUrlError, match=message.replace("?", r"\?")):
        create_app("matcher", BrokerConfig(url))


def test_a_log_is_written_through_to_the_disk_unless_told_otherwise() -> None:
    assert parse_url(URL("sqlite:///var/log.db")) == (Path("/var/log.db"), "full")
    assert parse_url(URL("sqlite:///var/log.db?synchronous=NORMAL")) == (Path("/var/log.db"), "normal")


def test_a_path_may_hold_any_character() -> None:
    assert parse_url(URL.build(scheme="sqlite", path="/a b/ü;,%.db"))[0] == Path("/a b/ü;,%.db")


def test_the_durability_of_the_settings_holds_where_the_url_says_nothing() -> None:
    plain = create_app("matcher", BrokerConfig("sqlite:///tmp/log.db", synchronous="normal"))
    said = create_app("matcher", BrokerConfig("sqlite:///tmp/log.db?synchronous=full", synchronous="normal"))
    assert plain.transport.url[0].query["synchronous"] == "normal"
    assert said.transport.url[0].query["synchronous"] == "full"


def test_several_kafka_brokers_may_be_named() -> None:
    assert addresses("kafka://a:9092,b:9093;kafka://c") == ["a:9092", "b:9093", "c:9092"]


@pytest.mark.parametrize("url", ["sqlite:///tmp/log.db", "kafka://127.0.0.1:9092"])
def test_every_app_has_the_settings_that_lose_nothing(url: str) -> None:
    conf = create_app("matcher", BrokerConfig(url)).conf
    assert conf.id == "redline-matcher"
    assert conf.broker_commit_interval == 0.5
    assert conf.stream_wait_empty
    assert conf.topic_disable_leader
    assert conf.consumer_auto_offset_reset == "earliest"
    assert "AT_LEAST_ONCE" in repr(conf.processing_guarantee)
    assert conf.value_serializer == "raw"
    assert not conf.web_enabled


def test_faust_cannot_be_reconfigured_by_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust's own environment variables would win over every setting."""
    monkeypatch.setenv("BROKER_COMMIT_INTERVAL", "99")
    monkeypatch.setenv("STREAM_WAIT_EMPTY", "0")
    conf = create_app("matcher", BrokerConfig("sqlite:///tmp/log.db")).conf
    assert (conf.broker_commit_interval, conf.stream_wait_empty) == (0.5, True)


def test_a_topic_is_the_stream_as_raw_bytes() -> None:
    app = create_app("matcher", BrokerConfig("sqlite:///tmp/log.db"))
    made = topic(app, ARTICLES)
    assert (made.get_topic_name(), made.partitions, made.value_type) == ("redline.articles.v1", 8, bytes)


async def test_a_broker_that_is_not_there_is_named_at_once() -> None:
    with pytest.raises(BrokerUnreachableError, match=r"no Kafka broker answers at 127\.0\.0\.1:1:"):
        await check_broker("kafka://127.0.0.1:1")
