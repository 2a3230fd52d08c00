"""Polls that take long leave the fast lane, up to a limit."""

import asyncio
from datetime import timedelta

from services.fetcher.lanes import Lanes


def task() -> "asyncio.Task[None]":
    return asyncio.create_task(asyncio.sleep(0))


async def test_slow_polls_make_room_and_only_as_many_as_the_lane_is_wide() -> None:
    lanes = Lanes(2, timedelta(seconds=2))
    tasks = [task() for _ in range(5)]
    lanes.enter(tasks[0], 0.0)
    lanes.enter(tasks[1], 1.0)
    assert lanes.room(1.5) == 0
    assert lanes.room(2.5) == 1
    lanes.enter(tasks[2], 2.5)
    assert lanes.room(3.5) == 1
    lanes.enter(tasks[3], 3.5)
    assert lanes.room(100.0) == 0  # both lanes are full
    lanes.leave(tasks[1])
    assert lanes.room(100.0) == 1
    await asyncio.gather(*tasks)


async def test_those_that_end_leave_whichever_lane_they_are_in() -> None:
    lanes = Lanes(1, timedelta(seconds=2))
    fast, slow = task(), task()
    lanes.enter(slow, 0.0)
    assert lanes.room(9.0) == 1
    lanes.enter(fast, 9.0)
    lanes.leave(slow)
    lanes.leave(fast)
    lanes.leave(fast)
    assert lanes.room(9.0) == 1
    await asyncio.gather(fast, slow)
