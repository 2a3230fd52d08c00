"""What the story bench counts."""

import pytest

from bench.stories import b_cubed, made_items


def test_b_cubed_by_hand() -> None:
    # Items a a b | b b: precision (2/3 + 2/3 + 1/3 + 1 + 1) / 5, recall (1 + 1 + 1/3 + 2/3 + 2/3) / 5.
    result = b_cubed([1, 1, 1, 2, 2], ["a", "a", "b", "b", "b"])
    assert result.precision == pytest.approx(11 / 15)
    assert result.recall == pytest.approx(11 / 15)
    assert result.f1 == pytest.approx(11 / 15)


def test_all_apart_is_precise_and_all_in_one_is_complete() -> None:
    assert b_cubed([1, 2, 3, 4], list("aabb")).precision == 1
    assert b_cubed([1, 2, 3, 4], list("aabb")).recall == 0.5
    assert b_cubed([1, 1, 1, 1], list("aabb")).precision == 0.5
    assert b_cubed([1, 1, 1, 1], list("aabb")).recall == 1


def test_unrelated_items_cost_precision_and_are_not_counted() -> None:
    result = b_cubed([1, 1, 1, 2], ["a", "a", "~1", "~2"])
    assert result.precision == pytest.approx(2 / 3)
    assert result.recall == 1


def test_made_items_are_the_same_each_time() -> None:
    assert made_items(50) == made_items(50)
