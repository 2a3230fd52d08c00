from datetime import UTC, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings

from alerts.card import reader_zone
from alerts.charts import LINE_CELLS, MAX_PLATEAUS, MAX_ROWS, StepChart, step_chart
from schemas.position import PositionChange, PositionStep
from tests.unit.alerts.messages import RUNGS, a_change, changes_of_position, days

DECIDED_AT = days(27)


def drawn(**changes: object) -> StepChart:
    chart = step_chart(a_change(**changes), DECIDED_AT, UTC)
    assert chart is not None
    return chart


def test_the_way_to_a_shift_is_drawn_with_the_shift_in_heavy_lines() -> None:
    assert drawn().lines() == (
        "supplies        |              ┌────────┐",
        "considers       |              │        └──────┓",
        "not ruled out   |       ┌──────┘               ┃",
        "non-lethal only |───────┘                      ┃",
        "refuses         |                              ┗━━━━━━━━━━━",
        "                 1 Nov 2024                    27 Nov 2024",
    )


def test_cells_say_where_the_line_runs_and_rises() -> None:
    rows = dict(drawn().rows())
    assert [cell.level for cell in rows["supplies"]] == [False, False, True, False, False]
    assert [cell.rise for cell in rows["not ruled out"]] == [False, False, True, False, True]
    assert [cell.rise for cell in rows["refuses"]] == [False, False, False, False, True]
    assert [cell.shifted for cell in rows["refuses"]] == [False] * 4 + [True]
    assert rows["refuses"][-1].level


def test_where_only_the_position_before_is_known_that_is_drawn() -> None:
    assert drawn(steps=()).lines()[:2] == (
        "considers |──────────────────────────────────┓",
        "refuses   |                                  ┗━━━━━━━",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": (), "from_rung": None},
        {"steps": (), "since": None},
        {"steps": (PositionStep(at=days(0), rung=0),)},
        {"to_rung": 9},
        {"steps": (PositionStep(at=days(0), rung=9),), "from_rung": None, "since": None},
    ],
    ids=["nothing before", "not since when", "no other rung", "off the ladder", "only steps off the ladder"],
)
def test_there_is_no_chart_of_what_is_not_known(changes: dict[str, object]) -> None:
    assert step_chart(a_change(**changes), DECIDED_AT, UTC) is None


def test_days_are_those_of_the_reader() -> None:
    steps = (PositionStep(at=days(0) + timedelta(hours=10), rung=1), PositionStep(at=days(26), rung=0))
    chart = step_chart(a_change(steps=steps), DECIDED_AT, reader_zone("Asia/Seoul"))
    assert chart is not None
    assert (chart.began, chart.shifted) == ("2 Nov 2024", "27 Nov 2024")


def test_hundreds_of_steps_are_thinned_and_counted_but_the_shift_stays() -> None:
    steps = [PositionStep(at=days(number / 10), rung=1 + number % 4) for number in range(250)]
    chart = drawn(steps=(*steps, PositionStep(at=days(26), rung=0)))
    assert len(chart.plateaus) <= MAX_PLATEAUS
    assert chart.left_out == 251 - len(chart.plateaus)
    assert chart.labels[chart.plateaus[-1].row] == "refuses"
    assert (chart.began, chart.shifted) == ("1 Nov 2024", "27 Nov 2024")


def test_a_long_stay_is_long_and_a_short_one_can_be_seen() -> None:
    steps = ((0, 1), (20, 2), (20.01, 4), (26.9, 0))
    cells = [one.cells for one in drawn(steps=tuple(PositionStep(at=days(at), rung=to) for at, to in steps)).plateaus]
    assert cells[0] > 2 * cells[2] > 2 * cells[1] >= 4


def test_wide_characters_keep_the_columns() -> None:
    lines = drawn(rungs=("거부", *RUNGS[1:4], "무기 지원 시행 중인 단계에 있음을 공식적으로 확인함")).lines()
    assert lines[0].startswith("무기 지원 시행 중인 단… |")  # 24 columns: two for each letter, one for a space
    assert lines[-2].startswith("거부                    |")


@given(changes_of_position())
@settings(max_examples=30, deadline=None)
def test_whatever_the_history_the_chart_is_whole(change: PositionChange) -> None:
    chart = step_chart(change, DECIDED_AT, UTC)
    if chart is None:
        return
    assert 2 <= len(chart.plateaus) <= MAX_PLATEAUS
    assert 2 <= len(chart.labels) <= MAX_ROWS
    assert chart.cells == LINE_CELLS
    assert chart.wide <= 72
    assert all(one.cells >= 2 and 0 <= one.row < len(chart.labels) for one in chart.plateaus)
    assert all(one.row != after.row and one.since <= after.since for one, after in pairwise(chart.plateaus))
    for row in chart.rows():
        assert sum(cell.cells for cell in row[1]) == LINE_CELLS
    # Each plateau runs along one row, and each change of rows is joined by as many risers as there are rows between.
    columns = list(zip(*(cells for _, cells in chart.rows()), strict=True))
    assert [[cell.level for cell in column].index(True) for column in columns] == [one.row for one in chart.plateaus]
    assert all(sum(cell.level for cell in column) == 1 for column in columns)
    risers = [sum(cell.rise for cell in column) for column in columns]
    assert risers == [0, *(abs(one.row - after.row) for one, after in pairwise(chart.plateaus))]
    assert len(chart.lines()) == len(chart.labels) + 1
    assert not any("\n" in line or "\r" in line for line in chart.lines())


@given(changes_of_position())
@settings(max_examples=25, deadline=None)
def test_the_order_of_steps_makes_no_difference(change: PositionChange) -> None:
    turned = change.model_copy(update={"steps": change.steps[::-1]})
    assert step_chart(turned, DECIDED_AT, UTC) == step_chart(change, DECIDED_AT, UTC)


def test_a_drawn_row_has_more_room_for_its_rung_than_a_line_of_text() -> None:
    long = "arms through third countries, case by case"
    chart = drawn(rungs=(*RUNGS[:4], long))
    assert chart.labels[0] == "arms through third countr…"
    assert [title for title, _ in chart.rows()] == [long, *RUNGS[3::-1]]


def test_the_rungs_of_the_example_are_all_there() -> None:
    assert drawn().labels == RUNGS[::-1]
