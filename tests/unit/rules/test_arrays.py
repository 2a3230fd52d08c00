"""The arrays under the engine, against lists."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.rules.arrays import NO_INTS, WIDTH, IntArray, Rows, distinct, stretch
from services.domain.rules.postings import MIN_SORTED, Postings

ints = st.lists(st.integers(1, 30), max_size=40)


@given(st.lists(st.one_of(st.integers(0, 9), ints, ints.map(np.array)), max_size=20))
def test_an_int_array_holds_what_was_added(additions: list[object]) -> None:
    array, expected = IntArray(), list[int]()
    for added in additions:
        if isinstance(added, int):
            assert array.append(added) == len(expected)
            expected.append(added)
        elif isinstance(added, list):
            assert array.extend(added) == len(expected)
            expected += added
        elif isinstance(added, np.ndarray):
            array.extend_array(added.astype(np.int32))
            expected += added.tolist()
        seen = array.view
        assert len(array) == len(expected)
    assert array.view.tolist() == expected
    if additions:
        array.append(1)
        assert seen.tolist() == expected


def test_an_int_array_takes_more_than_it_keeps_in_a_list() -> None:
    array = IntArray()
    for number in range(10_000):
        assert array.append(number) == number
    assert array.view.tolist() == list(range(10_000))


rows_of = st.lists(st.lists(st.integers(1, 20), min_size=1, max_size=WIDTH), min_size=1, max_size=12)


@given(rows_of, st.sets(st.integers(1, 20)))
def test_rows_say_which_hold_something_true(rows: list[list[int]], true: set[int]) -> None:
    held, truth = Rows(), np.zeros(21, np.uint8)
    truth[sorted(true)] = 1
    heads = np.array([held.add(row) for row in rows], np.int32)
    assert held.view.heads.tolist() == heads.tolist()
    assert held.view.any_true(heads, truth).tolist() == [bool(true & set(row)) for row in rows]
    assert held.view.all_true(heads, truth).tolist() == [set(row) <= true for row in rows]


@given(rows_of, st.randoms())
def test_rows_in_another_order(rows: list[list[int]], chance: random.Random) -> None:
    """A view shows the order there was when it was taken."""
    held = Rows()
    heads = np.array([held.add(row) for row in rows], np.int32)
    first = chance.sample(range(len(rows) - 1), len(rows) - 1)
    before = held.view
    held.reorder(np.array(first, np.int32))
    for view, expected in ((before, rows), (held.view, [rows[number] for number in (*first, len(rows) - 1)])):
        values, owners = view.parts(view.heads)
        assert list(zip(owners.tolist(), values.tolist(), strict=True)) == [
            (number, value) for number, row in enumerate(expected) for value in row
        ]
        filled = [row + row[-1:] * (WIDTH - len(row)) for row in expected]
        assert view.full(view.heads).tolist() == filled
    assert len(held) == len(heads)


@pytest.mark.parametrize("size", [0, WIDTH + 1])
def test_a_row_has_room_for_some(size: int) -> None:
    with pytest.raises(ValueError, match=f"room for 1 to 8 integers, not for {size}"):
        Rows().add(range(1, size + 1))


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), max_size=10))
def test_stretches_in_a_row(stretches: list[tuple[int, int]]) -> None:
    starts, lengths = np.array([*stretches, (0, 0)], np.int32).T
    at, owners = stretch(starts, lengths)
    assert at.tolist() == [start + offset for start, length in stretches for offset in range(length)]
    assert owners.tolist() == [number for number, (_, length) in enumerate(stretches) for _ in range(length)]


@given(ints)
def test_distinct(values: list[int]) -> None:
    assert distinct(np.array(values, np.int32)).tolist() == sorted(set(values))


conditions = st.integers(1, 30)
posting = st.tuples(st.integers(0, 99), st.lists(conditions, min_size=1, max_size=4), st.none() | conditions)
postings_of = st.lists(posting, max_size=30)


@given(postings_of, st.sets(st.integers(1, 30)), st.integers(0, 30), st.booleans())
def test_postings_find_what_waits_for_a_condition(
    postings: list[tuple[int, list[int], int | None]], true: set[int], settled: int, sort_few: bool
) -> None:
    """Whether some were sorted before the rest was added, or all came one by one, is all the same."""
    held, truth = Postings(), np.zeros(31, np.uint8)
    truth[sorted(true)] = 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.domain.rules.postings.MIN_SORTED", 0 if sort_few else MIN_SORTED)
        for number, (item, conditions, guard) in enumerate(postings):
            if number == settled:
                held.replace(*held.all())
            held.post(item, conditions, guard)
    asked = np.array(sorted(true), np.int32)
    expected = sorted(
        (item, condition if guard is None else guard)
        for item, waits, guard in postings
        for condition in waits
        if condition in true
    )
    assert sorted(zip(*(each.tolist() for each in held.waiting(asked, truth)), strict=True)) == expected
    assert sorted(held.guarded(asked, truth).tolist()) == [item for item, guard in expected if guard in true]


def test_postings_made_while_others_are_sorted_are_kept() -> None:
    held, truth = Postings(), np.ones(3, np.uint8)
    held.post(7, (1,))
    snapshot = held.all()
    held.post(8, (2,))
    held.replace(*snapshot)
    assert sorted(held.guarded(np.array([1, 2], np.int32), truth).tolist()) == [7, 8]
    assert held.guarded(NO_INTS, np.zeros(3, np.uint8)).tolist() == []
