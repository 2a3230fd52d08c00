"""What happens to a worker in a process of its own: kill -9, SIGTERM, a full disk."""

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from schemas.article import Article
from schemas.match import Match
from schemas.streams import ARTICLES, MATCHES
from services.runtime.sqlite_reader import LogReader
from tests.integration.runtime.harness import House, article

ROOT = Path(__file__).parents[3]


@contextmanager
def stage(house: House, mode: str, detail: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.integration.runtime.stage", str(house.path), mode, detail]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """Return the next lines of the worker's output."""
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(count)]


def articles(house: House) -> list[int]:
    """Return the numbers of the articles on the stream."""
    with LogReader(house.path) as reader:
        return [
            int(Article.model_validate_json(record.value or b"").title)
            for lane in reader.lanes()
            if lane.stream == ARTICLES.name
            for record in reader.read(lane, 0, 1 << 30, 1 << 40)
        ]


def matched(house: House) -> list[int]:
    """Return the numbers of the articles that were handed on."""
    with LogReader(house.path) as reader:
        return [
            int(Match.model_validate_json(record.value or b"").article.title)
            for lane in reader.lanes()
            if lane.stream == MATCHES.name
            for record in reader.read(lane, 0, 1 << 30, 1 << 40)
        ]


@pytest.mark.slow
def test_what_a_killed_worker_acknowledged_is_there(tmp_path: Path) -> None:
    house, random = House(tmp_path), Random(1)
    acknowledged: list[int] = []
    for _ in range(5):
        with stage(house, "feed", str(len(acknowledged))) as process:
            assert lines(process, 1) == ["ready"]
            wanted = random.randrange(1, 300)
            acknowledged += [int(line) for line in lines(process, wanted)]
            process.kill()
            rest, _ = process.communicate()
            acknowledged += [int(line) for line in rest.split("\n")[:-1]]
    kept = articles(house)
    assert set(acknowledged) <= set(kept)
    assert acknowledged == list(range(len(acknowledged)))


@pytest.mark.slow
async def test_every_message_is_handled_at_least_once_however_often_the_worker_is_killed(tmp_path: Path) -> None:
    house, random = House(tmp_path), Random(2)
    total = 3000
    await house.send(map(article, range(total)))
    for _ in range(6):
        with stage(house, "relay", "0") as process:
            assert "ready" in lines(process, random.randrange(1, 500)) or process.poll() is None
            process.kill()
    with stage(house, "relay", "0") as process:
        while len(set(matched(house))) < total:
            lines(process, 1)
        process.terminate()
        process.communicate(timeout=20)
    assert set(matched(house)) == set(range(total))
    assert house.committed() == total


def test_sigterm_stops_gracefully_and_commits_what_was_handled(tmp_path: Path) -> None:
    house = House(tmp_path)
    with stage(house, "feed", "0") as process:
        lines(process, 30)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert out.endswith("stopped\n")


@pytest.mark.slow
async def test_sigterm_leaves_the_message_being_handled_for_the_next_start(tmp_path: Path) -> None:
    """Fault 3: the handler takes longer than the grace period."""
    house = House(tmp_path)
    await house.send([article(0)])
    with stage(house, "relay", "60") as process:
        assert lines(process, 2)[1] == "began 0"
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0
    assert (house.committed(), matched(house)) == (0, [])
    with stage(house, "relay", "0.01") as process:
        assert lines(process, 3)[1:] == ["began 0", "0"]
        process.terminate()
        process.communicate(timeout=20)
    assert (house.committed(), matched(house)) == (1, [0])


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux to limit another process")
def test_a_disk_that_fills_up_ends_the_process_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    house = House(tmp_path)
    with stage(house, "feed", "0") as process:
        acknowledged = [int(line) for line in lines(process, 51)[1:]]
        # The log and its write-ahead log may grow no further: what a full disk looks like to a process.
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (200_000, 200_000))
        rest, err = process.communicate(timeout=30)
        acknowledged += [int(line) for line in rest.split()]
    assert process.returncode == 1
    assert f"redline-fetcher stopped: cannot write {house.path}" in err
    assert set(acknowledged) <= set(articles(house))
