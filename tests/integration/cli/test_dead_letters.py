"""A message that cannot be handled is kept, shown and can be put back."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.article import Article
from schemas.base import content_id
from schemas.codec import encode
from schemas.streams import ALERTS, ARTICLES, DEAD_LETTERS, STREAMS
from services import bootstrap
from services.runtime.archive import append, read_stream
from services.runtime.sqlite_log import SqliteLog
from services.settings import load_settings
from tests.integration.cli.conftest import Run


def article() -> Article:
    return Article(
        id=content_id("a"),
        revision=1,
        revision_id=content_id("r"),
        feed_id="f",
        outlet="O",
        title="South Korea sends artillery shells to Ukraine, Seoul says",
        text="South Korea will supply Ukraine with artillery shells, the defence ministry in Seoul said.",
        first_seen_at=datetime(2024, 11, 27, tzinfo=UTC),
    )


async def write(folder: Path, *values: bytes) -> None:
    log = SqliteLog(folder / "log.db")
    for stream in STREAMS:
        await log.create_stream(stream.name, stream.partitions, stream.retention)
    for value in values:
        await log.append(ARTICLES.name, 0, b"key", value)
    log.close()


async def run_until_letters(folder: Path, letters: int, alerts: int) -> None:
    settings = load_settings(overrides={"data_dir": folder, "log.level": "error"})
    broker = bootstrap.broker_config(settings.settings)
    stop = asyncio.Event()
    running = asyncio.create_task(bootstrap.run_services(settings, ("matcher", "tracker"), stop=stop))
    async with asyncio.timeout(30):
        while not running.done():
            found = [message async for message in read_stream(broker, DEAD_LETTERS)]
            told = [message async for message in read_stream(broker, ALERTS)]
            if len(found) >= letters and len(told) >= alerts:
                break
            await asyncio.sleep(0.05)
    stop.set()
    await running


@pytest.mark.slow
def test_an_undecodable_message_is_kept_whole_and_the_stream_goes_on(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data"
    asyncio.run(write(folder, b"\xff not an article", encode(article())))
    asyncio.run(run_until_letters(folder, letters=1, alerts=1))

    ran = run("dead-letters", "list", "--json")
    (letter,) = [json.loads(line) for line in ran.out.splitlines()]
    assert (letter["reason"], letter["service"], letter["origin_offset"]) == ("undecodable", "matcher", 0)
    assert "Article" in letter["error"]

    assert run("dead-letters", "retry", "feed").code == 2
    assert run("dead-letters", "retry", letter["id"][:8]).code == 0
    back = asyncio.run(last_article(folder))
    assert back == (b"key", b"\xff not an article")


async def last_article(folder: Path) -> tuple[bytes | None, bytes | None]:
    broker = bootstrap.broker_config(load_settings(overrides={"data_dir": folder}).settings)
    messages = [message async for message in read_stream(broker, ARTICLES)]
    return messages[-1].key, messages[-1].value


def test_there_are_no_dead_letters_before_the_first_start(run: Run) -> None:
    ran = run("dead-letters", "list")
    assert (ran.code, ran.out.strip()) == (0, "0 dead letters")


def test_putting_back_while_redline_runs_is_refused(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    asyncio.run(write(folder))
    log = SqliteLog(folder / "log.db")
    try:
        broker = bootstrap.broker_config(load_settings(overrides={"data_dir": folder}).settings)
        with pytest.raises(Exception, match="is in use by process"):
            asyncio.run(append(broker, ARTICLES.name, 0, None, b"x"))
    finally:
        log.close()
