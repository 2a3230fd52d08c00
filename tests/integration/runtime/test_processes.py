"""What happens to a worker in a process of its own: kill -9, SIGTERM, a full disk."""

import resource
from pathlib import Path
from random import Random

import pytest

from schemas.article import Article
from schemas.match import Match
from schemas.streams import ARTICLES, MATCHES
from services.runtime.sqlite_reader import LogReader
from tests.integration.runtime.child import Child
from tests.integration.runtime.harness import House, article


def stage(house: House, mode: str, detail: str) -> Child:
    return Child("tests.integration.runtime.stage", str(house.path), mode, detail)


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
        with stage(house, "feed", str(len(acknowledged))) as worker:
            assert worker.line() == "ready"
            acknowledged += map(int, worker.lines(random.randrange(1, 300)) + worker.kill())
    kept = articles(house)
    assert set(acknowledged) <= set(kept)
    assert acknowledged == list(range(len(acknowledged)))


@pytest.mark.slow
async def test_every_message_is_handled_at_least_once_however_often_the_worker_is_killed(tmp_path: Path) -> None:
    house, random = House(tmp_path), Random(2)
    total = 3000
    await house.send(map(article, range(total)))
    for _ in range(6):
        with stage(house, "relay", "0") as worker:
            assert worker.line() == "ready"
            assert all(worker.lines(random.randrange(1, 500)))
            worker.kill()
    missing = set(range(total)).difference(matched(house))
    assert missing, "the last worker has nothing to do"
    with stage(house, "relay", "0") as worker:
        assert worker.line() == "ready"
        while missing and (line := worker.line()):
            missing.discard(int(line))
        worker.terminate()
    assert set(matched(house)) == set(range(total))
    assert house.committed() == total


def test_sigterm_stops_gracefully_and_commits_what_was_handled(tmp_path: Path) -> None:
    house = House(tmp_path)
    with stage(house, "feed", "0") as worker:
        worker.lines(30)
        said = worker.terminate()
        assert (worker.process.returncode, worker.errors()) == (0, "")
    assert said[-1] == "stopped"


@pytest.mark.slow
async def test_sigterm_leaves_the_message_being_handled_for_the_next_start(tmp_path: Path) -> None:
    """Fault 3: the handler takes longer than the grace period."""
    house = House(tmp_path)
    await house.send([article(0)])
    with stage(house, "relay", "60") as worker:
        assert worker.lines(2) == ["ready", "began 0"]
        worker.terminate()
        assert worker.process.returncode == 0
    assert (house.committed(), matched(house)) == (0, [])
    with stage(house, "relay", "0.01") as worker:
        assert worker.lines(3) == ["ready", "began 0", "0"]
        worker.terminate()
    assert (house.committed(), matched(house)) == (1, [0])


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux to limit another process")
def test_a_disk_that_fills_up_ends_the_process_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    house = House(tmp_path)
    with stage(house, "feed", "0") as worker:
        assert worker.line() == "ready"
        acknowledged = worker.lines(50)
        # The log and its write-ahead log may grow no further: what a full disk looks like to a process.
        resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, (200_000, 200_000))
        acknowledged += worker.rest()
        assert worker.process.returncode == 1
        assert f"redline-fetcher stopped: cannot write {house.path}" in worker.errors()
    assert {int(number) for number in acknowledged} <= set(articles(house))
