"""Worker processes: limits hold, and nobody is left behind."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.domain.feeds.normalize import Reading
from services.domain.feeds.page import PageParseError
from services.domain.feeds.parser import FeedParseError
from services.fetcher.parse_pool import PagePool, ParseAbortedError, ParsePool
from tests.integration.fetcher.server import rss
from tests.unit.feeds.pages import PARAGRAPHS, TITLE, page

# feedparser's regular expressions take time quadratic in the number of unclosed tags.
ENDLESS = b"<rss version='2.0'><channel><item><description>" + b"&lt;a " * 1_000_000


@pytest.fixture
async def pool() -> AsyncIterator[ParsePool]:
    running = ParsePool(seconds=1.0)
    yield running
    await running.aclose()


async def read(pool: ParsePool, body: bytes = rss("a|Title|Text")) -> Reading:
    return await pool.read(body, content_type=None, base_url=None)


def children() -> set[int]:
    listing = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()
    commands = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in listing.split()}
    return {pid for pid, command in commands.items() if b"parse_worker" in command}


async def test_reads_in_one_process_that_is_started_when_needed(pool: ParsePool) -> None:
    before = children()
    titles = [(await read(pool)).drafts[0].title for _ in range(3)]
    assert titles == ["Title"] * 3
    assert len(children() - before) == 1
    await pool.aclose()
    assert children() == before


async def test_a_fault_of_the_document_is_raised_here(pool: ParsePool) -> None:
    with pytest.raises(FeedParseError, match="HTML page"):
        await read(pool, b"<html>")
    assert (await read(pool)).drafts


async def test_a_document_that_hangs_is_given_up_and_the_next_one_read(pool: ParsePool) -> None:
    with pytest.raises(ParseAbortedError, match="within 1 s"):
        await read(pool, ENDLESS)
    assert (await read(pool)).drafts


async def test_a_worker_that_was_killed_is_replaced(pool: ParsePool) -> None:
    before = children()
    await read(pool)
    for pid in children() - before:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(ParseAbortedError):
        await read(pool)
    assert (await read(pool)).drafts


async def test_a_reader_that_gives_up_leaves_no_answer_for_the_next(pool: ParsePool) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await read(pool, ENDLESS)
    assert (await read(pool)).drafts[0].title == "Title"


async def test_a_worker_is_let_go_after_a_large_document() -> None:
    before = children()
    pool = ParsePool(seconds=30)
    assert (await read(pool, rss("a|Title|Text") + b"<!--" + b" " * 5_000_000 + b"-->")).drafts
    assert children() == before


async def test_what_goes_through_the_pipe_is_the_drafts_and_not_the_entries_too(pool: ParsePool) -> None:
    reading = await read(pool)
    assert (len(reading.drafts), reading.feed.entries) == (1, ())


# Elements enough to keep what reads a page busy for minutes.
ENDLESS_PAGE = b"<html><body>" + b"<a href=x>y z</a> " * 400_000


async def test_pages_are_read_by_workers_of_their_own_that_are_let_go_when_idle() -> None:
    before = children()
    pool = PagePool(seconds=20, idle_seconds=0.2)
    found = await pool.read(page().encode(), content_type="text/html", url="https://bay.example.org/1")
    assert (found.title, found.text) == (TITLE, "\n".join(PARAGRAPHS))
    with pytest.raises(PageParseError, match="empty"):
        await pool.read(b"", content_type=None, url=None)
    assert len(children() - before) == 1
    async with asyncio.timeout(5):
        while children() != before:
            await asyncio.sleep(0.02)
    assert (await pool.read(page().encode(), content_type=None, url=None)).title == TITLE
    await pool.aclose()
    assert children() == before


async def test_a_page_that_hangs_is_given_up_and_the_next_one_read() -> None:
    pool = PagePool(seconds=1.5)
    with pytest.raises(ParseAbortedError, match=r"the page could not be read within 1\.5 s"):
        await pool.read(ENDLESS_PAGE, content_type=None, url=None)
    assert (await pool.read(page().encode(), content_type=None, url=None)).title == TITLE
    await pool.aclose()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_workers_end_with_a_parent_that_is_killed_even_in_a_document() -> None:
    script = (
        "import asyncio\nfrom services.fetcher.parse_pool import ParsePool\n"
        "from tests.integration.fetcher.test_parse_pool import ENDLESS, children, read\n"
        "async def main():\n pool = ParsePool(seconds=1.0)\n await read(pool)\n"
        " print(*children(), flush=True)\n await read(pool, ENDLESS)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    line = await parent.stdout.readline()
    while not line.strip().isdigit():  # the log may come first
        line = await parent.stdout.readline()
    worker = Path(f"/proc/{line.decode().strip()}")
    assert worker.exists()
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    async with asyncio.timeout(5):
        while worker.exists():
            await asyncio.sleep(0.02)
