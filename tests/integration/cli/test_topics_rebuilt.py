"""Positions through the real services on the embedded log, and again from the log when the store has lost them."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.alert import Alert, AlertKind
from schemas.article import Article
from schemas.base import content_id
from schemas.codec import decode, encode
from schemas.shift import PositionState
from schemas.streams import ALERTS, ARTICLES, STREAMS
from services import bootstrap
from services.runtime.archive import read_stream
from services.runtime.sqlite_log import SqliteLog
from services.settings import LoadedSettings, load_settings
from services.tracker.position_store import ValkeyPositionStore
from tests.integration.cli.conftest import Run

TOPIC = "arms-supply-ukraine"
SAID = (
    (80, "Han River Daily", "South Korea has agreed to supply weapons to Ukraine, President Yoon said."),
    (76, "Bukchon Post", "South Korea agreed to send howitzers to Ukraine, the defence ministry said."),
    (9, "Han River Daily", "South Korea will not send weapons to Ukraine, President Yoon said."),
    (5, "Bukchon Post", "South Korea refuses to supply arms to Ukraine, the defence ministry said."),
)


def articles() -> list[Article]:
    now = datetime.now(UTC)
    return [
        Article(
            id=content_id("article", text),
            revision=1,
            revision_id=content_id("revision", text),
            feed_id="f",
            outlet=outlet,
            title="",
            text=text,
            lang="en",
            published_at=now - timedelta(hours=hours),
            first_seen_at=now - timedelta(hours=hours),
        )
        for hours, outlet, text in SAID
    ]


async def write(folder: Path) -> None:
    log = SqliteLog(folder / "log.db")
    for stream in STREAMS:
        await log.create_stream(stream.name, stream.partitions, stream.retention)
    for article in articles():
        await log.append(ARTICLES.name, 0, b"key", encode(article))
    log.close()


async def told(loaded: LoadedSettings) -> list[Alert]:
    broker = bootstrap.broker_config(loaded.settings)
    alerts = [decode(Alert, message.value) async for message in read_stream(broker, ALERTS)]
    return [alert for alert in alerts if alert.kind is AlertKind.SHIFT]


async def run_until_told(loaded: LoadedSettings, *, at_least: float = 0.0) -> list[Alert]:
    stop = asyncio.Event()
    running = asyncio.create_task(bootstrap.run_services(loaded, ("matcher", "tracker"), stop=stop))
    async with asyncio.timeout(60):
        while not running.done() and not await told(loaded):
            await asyncio.sleep(0.1)
        await asyncio.sleep(at_least)
    stop.set()
    await running
    return await told(loaded)


async def states(loaded: LoadedSettings, *, lose: bool = False) -> tuple[PositionState, ...]:
    async with bootstrap.open_valkey(loaded.settings) as valkey:
        found = await ValkeyPositionStore(valkey).states(TOPIC)
        if lose:
            await valkey.delete(*[key async for key in valkey.scan_iter("redline:positions:*")])
        return found


def claims(found: tuple[PositionState, ...]) -> Any:
    return {state.actor: state.claims for state in found}


@pytest.mark.slow
def test_what_the_services_found_is_found_again_in_the_log(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    loaded = load_settings(overrides={"data_dir": folder, "log.level": "error"})
    asyncio.run(write(folder))
    (shift,) = asyncio.run(run_until_told(loaded))
    assert shift.title == "South Korea (declared): from “Agrees to supply weapons” to “Refuses to supply weapons”"
    before = asyncio.run(states(loaded, lose=True))
    assert before
    assert asyncio.run(states(loaded)) == ()
    ran = run("topics", "rebuild", TOPIC)
    assert ran.code == 0, ran.err
    assert re.search(r"4 articles heard again: (\d+) claims, \1 new or changed, 0 withdrawn", ran.out)
    assert claims(asyncio.run(states(loaded))) == claims(before)
    assert "0 new or changed, 0 withdrawn" in run("topics", "rebuild", TOPIC).out
    again = asyncio.run(run_until_told(loaded, at_least=1.0))
    assert {alert.id for alert in again} == {shift.id}, "told under its id, which the alerter knows"


def test_a_topic_without_a_ladder_cannot_be_rebuilt(run: Run) -> None:
    ran = run("topics", "rebuild", "arms-supply-ukrain")
    assert ran.code == 2
    assert (
        "no watch topic with a ladder has the id 'arms-supply-ukrain' (did you mean 'arms-supply-ukraine'?)" in ran.err
    )
