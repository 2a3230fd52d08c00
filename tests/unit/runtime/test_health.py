"""A consumer is stuck when messages wait and none is committed, and only then."""

import pytest
from faust.types import TP

from services.runtime.health import CommitWatch

A, B = TP("news", 0), TP("news", 1)


@pytest.fixture
def watch() -> CommitWatch:
    return CommitWatch(stuck_after_seconds=60)


def test_a_partition_that_commits_nothing_while_messages_wait_is_stuck(watch: CommitWatch) -> None:
    assert watch.stuck({A: 5}, {A: 9}, now=0) is None
    assert watch.stuck({A: 5}, {A: 9}, now=59) is None
    assert watch.stuck({A: 5}, {A: 12}, now=60) == (A, 60)


def test_every_commit_starts_the_time_again(watch: CommitWatch) -> None:
    watch.stuck({A: 5}, {A: 9}, now=0)
    watch.stuck({A: 6}, {A: 9}, now=59)
    assert watch.stuck({A: 6}, {A: 9}, now=118) is None
    assert watch.stuck({A: 6}, {A: 9}, now=119) == (A, 60)


def test_an_empty_partition_is_not_stuck_however_long_it_is_quiet(watch: CommitWatch) -> None:
    watch.stuck({A: 9}, {A: 9}, now=0)
    assert watch.stuck({A: 9}, {A: 9}, now=1000) is None
    assert watch.stuck({A: 9}, {A: 10}, now=1001) is None


def test_one_busy_partition_does_not_hide_a_stuck_one(watch: CommitWatch) -> None:
    watch.stuck({A: 5, B: 5}, {A: 9, B: 9}, now=0)
    assert watch.stuck({A: 8, B: 5}, {A: 9, B: 9}, now=60) == (B, 60)


def test_a_partition_that_is_taken_away_and_given_back_starts_again(watch: CommitWatch) -> None:
    watch.stuck({A: 5}, {A: 9}, now=0)
    watch.stuck({}, {}, now=30)
    assert watch.stuck({A: 5}, {A: 9}, now=61) is None
