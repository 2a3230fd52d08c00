"""The commit goes exactly as far as the unbroken run of settled messages."""

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.strict_commit import PartitionProgress


def delivered(*offsets: int) -> PartitionProgress:
    progress = PartitionProgress()
    for offset in offsets:
        progress.deliver(offset)
    return progress


def test_nothing_is_committed_before_something_is_settled() -> None:
    progress = delivered(4, 5)
    assert progress.begin(4)
    assert progress.committable is None


def test_a_settled_message_holds_until_the_ones_before_it_are_settled() -> None:
    progress = delivered(4, 5, 6)
    assert all(progress.begin(offset) for offset in (4, 5, 6))
    progress.settle(6)
    progress.settle(5)
    assert progress.committable is None
    progress.settle(4)
    assert progress.committable == 7


def test_a_message_that_was_left_holds_the_commit_back() -> None:
    progress = delivered(4, 5)
    assert progress.begin(4)
    assert progress.begin(5)
    progress.leave(4)
    progress.settle(5)
    assert (progress.committable, progress.outstanding) == (None, 2)


def test_offsets_that_the_log_does_not_have_are_not_waited_for() -> None:
    progress = delivered(4, 9)
    for offset in (4, 9):
        assert progress.begin(offset)
        progress.settle(offset)
    assert progress.committable == 10


def test_only_the_oldest_message_may_begin() -> None:
    progress = delivered(4, 5)
    assert not progress.begin(5)
    assert progress.begin(4)
    assert not progress.begin(4)
    assert progress.begin(5)


def test_a_message_delivered_again_is_counted_once() -> None:
    progress = delivered(4, 5, 4, 5)
    assert progress.outstanding == 2


def test_settling_what_was_not_begun_changes_nothing() -> None:
    progress = delivered(4)
    progress.settle(4)
    progress.settle(99)
    assert (progress.committable, progress.outstanding) == (None, 1)


steps = st.lists(st.tuples(st.sampled_from(["begin", "settle", "leave"]), st.integers(0, 11)), max_size=60)


@given(st.sets(st.integers(0, 11)), steps)
def test_committable_is_the_oldest_unsettled_message(offsets: set[int], moves: list[tuple[str, int]]) -> None:
    ordered = sorted(offsets)
    progress = delivered(*ordered)
    waiting, running, settled = list(ordered), set[int](), set[int]()
    for move, offset in moves:
        if move == "begin":
            expected = bool(waiting) and waiting[0] == offset
            assert progress.begin(offset) is expected
            if expected:
                running.add(waiting.pop(0))
        elif move == "settle":
            progress.settle(offset)
            settled |= {offset} & running
            running.discard(offset)
        else:
            progress.leave(offset)
            running.discard(offset)
        prefix = []
        for it in ordered:
            if it not in settled:
                break
            prefix.append(it)
        assert progress.committable == (prefix[-1] + 1 if prefix else None)
        assert (progress.outstanding, progress.running) == (len(ordered) - len(prefix), len(running))
