"""The pictures of a position: what they show, and that no text breaks them."""

import re
from datetime import datetime, timedelta
from unicodedata import combining, east_asian_width
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.claim import Attribution, Modality
from schemas.ladder import Ladder, MappingRule, Rung
from schemas.position import PositionStep, Track
from schemas.shift import ShiftStatus
from services.domain.positions.timeline import Dot, Mark, Timeline, draw, timeline_of
from services.domain.positions.timeline_svg import FIGURE_CLASS, FIGURE_STYLE, figure, svg
from services.domain.positions.tracker import PositionTracker
from tests.unit.positions.worlds import ACTOR, DAY, START, TOPIC, claim, ladder, said

NS = "{http://www.w3.org/2000/svg}"
moments = st.integers(0, 1000).map(lambda hours: START + timedelta(hours=hours))
texts = st.text(max_size=60)


@st.composite
def timelines(draw_one: st.DrawFn) -> Timeline:
    rungs = tuple(f"r{n} {title}" for n, title in enumerate(draw_one(st.lists(texts, min_size=2, max_size=6))))
    index = st.integers(0, len(rungs) - 1)

    def steps() -> tuple[PositionStep, ...]:
        drawn = draw_one(st.lists(st.builds(PositionStep, at=moments, rung=index), max_size=8))
        return tuple(sorted(drawn, key=lambda step: step.at))

    dots = draw_one(st.lists(st.builds(Dot, moments, index, st.booleans(), texts), max_size=8))
    marks = st.builds(Mark, moments, index, index, st.sampled_from(Track), st.sampled_from(ShiftStatus))
    return Timeline(
        title=draw_one(texts),
        rungs=tuple("".join(c if c.isprintable() else " " for c in rung) for rung in rungs),
        declared=steps(),
        reported=steps(),
        dots=tuple(dots),
        marks=tuple(draw_one(st.lists(marks, max_size=5))),
        begin=START,
        end=START + timedelta(hours=1000),
    )


def columns(line: str) -> int:
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in line)


def shown(**policy: bool) -> Timeline:
    held = PositionTracker(ladder(**policy), TOPIC, ACTOR)
    held.add([*said(0, "refuse"), claim(18, "consider", Attribution.UNNAMED), *said(20, "consider")])
    held.add([claim(30, "deliver", modality=Modality.DENIED), *said(25, "deliver", 2, Attribution.NARRATOR)])
    return timeline_of(held.position(), held.claims(), ladder(), title="Desk", until=START + 40 * DAY)


def test_the_terminal_shows_steps_dots_and_shifts() -> None:
    title, deliver, consider, refuse, marks, axis = draw(shown(), 60)
    assert title == "Desk"
    assert deliver.strip("│ ") == "Deliver"  # what was denied, and what the article itself says, is no evidence for it
    assert "●" in consider
    assert consider.endswith("━")
    assert refuse.rstrip().endswith("┛")
    assert marks.strip() == "▲"
    assert marks.index("▲") == refuse.index("┛")
    assert axis.split() == ["2024-03-01", "2024-04-10"]


def test_where_reports_differ_there_is_a_second_line() -> None:
    lines = draw(shown(lone_reports=True), 100)
    assert any("╌" in line for line in lines)
    assert "△" in lines[-2]
    assert "▲" in lines[-2]


@settings(max_examples=60, deadline=None)
@given(timelines(), st.integers(0, 160))
def test_any_picture_fits_the_terminal(timeline: Timeline, width: int) -> None:
    lines = draw(timeline, width)
    assert len(lines) == len(timeline.rungs) + 3
    assert all(columns(line) <= max(width, 40) for line in lines[1:])


@settings(max_examples=60, deadline=None)
@given(timelines())
def test_any_picture_is_well_formed_and_can_be_read_aloud(timeline: Timeline) -> None:
    text = svg(timeline)
    root = ET.fromstring(text)
    labels = (root.get("aria-labelledby") or "").split()
    held = {element.get("id"): element for element in root.iter() if element.get("id")}
    assert root.get("role") == "img"
    assert [held[label].tag for label in labels] == [f"{NS}title", f"{NS}desc"]
    assert len(root.findall(f"{NS}circle")) == len(timeline.dots)
    assert "prefers-color-scheme:dark" in text
    assert not any(word in text for word in ("<script", "href", "url(", "@import"))
    assert svg(timeline) == text


@settings(max_examples=40, deadline=None)
@given(timelines(), st.integers(0, 1000))
def test_any_picture_keeps_to_its_width(timeline: Timeline, width: int) -> None:
    root = ET.fromstring(figure(timeline, width))
    whole = float(root.get("width", 0))
    assert whole == max(width, 300)
    for inner in [*root.iter(f"{NS}text")]:
        shift = next((group for group in root.iter(f"{NS}g") if inner in group), None)
        x = float(inner.get("x", 0)) + (float(shift.get("transform", "")[10:].split()[0]) if shift is not None else 0)
        needed = 6.6 * len(inner.text or "")
        begin = x - {"end": needed, "middle": needed / 2}.get(inner.get("text-anchor", ""), 0)
        assert begin >= 0
        assert begin + needed <= whole


def test_a_figure_takes_its_style_from_the_page_and_a_file_has_its_own() -> None:
    wide, narrow, alone = figure(shown(), 800), figure(shown(), 340), svg(shown())
    assert f'class="{FIGURE_CLASS}"' in wide
    assert "<style" not in wide
    assert not set(re.findall(' id="([^"]+)"', wide)) & set(re.findall(' id="([^"]+)"', narrow))
    assert "var(" not in alone  # programs that draw files know no variables
    assert set(re.findall(r"var\((--\w+)\)", FIGURE_STYLE)) == {f"--{name}" for name in COLOURS}


COLOURS = ("ink", "faint", "line", "ground", "own", "others")


def test_a_long_sentence_behind_a_dot_is_cut() -> None:
    timeline = shown()
    endless = Timeline(**{**vars(timeline), "dots": (Dot(START, 0, True, "word " * 1_000),)})
    assert len(svg(endless)) < len(svg(timeline)) + 400


def test_texts_stay_texts() -> None:
    timeline = shown()
    hostile = Timeline(**{**vars(timeline), "title": "</title><script>alert(1)</script>\x00\ud800"})
    root = ET.fromstring(svg(hostile).encode())
    assert root.findtext(f"{NS}title") == "</title><script>alert(1)</script>  "
    assert not list(root.iter(f"{NS}script"))


def test_the_description_tells_the_way() -> None:
    assert shown().summary() == (
        "Desk. declared: Refuse from 2024-03-01, then Consider from 2024-03-21; "
        "reported: Refuse from 2024-03-01, then Consider from 2024-03-21."
    )


def test_before_the_first_claim_there_is_an_empty_chart() -> None:
    empty = PositionTracker(ladder(), TOPIC, ACTOR)
    timeline = timeline_of(empty.position(), (), ladder(), title="Desk", until=START)
    assert "no position known" in timeline.summary()
    assert len(draw(timeline)) == 6
    ET.fromstring(svg(timeline))


def test_a_later_beginning_starts_where_the_actor_stood() -> None:
    held = PositionTracker(ladder(), TOPIC, ACTOR)
    held.add([*said(0, "refuse"), *said(20, "consider")])
    since: datetime = START + 10 * DAY
    timeline = timeline_of(held.position(), (), ladder(), title="Desk", until=START + 40 * DAY, since=since)
    assert timeline.declared[0] == PositionStep(at=since, rung=0)
    assert [step.rung for step in timeline.declared] == [0, 1]


def test_wide_letters_take_two_columns() -> None:
    rungs = (Rung(id="a", title="무기를 지원하지 않는다"), Rung(id="b", title="b"))
    wide = Ladder(actors=(ACTOR,), rungs=rungs, mapping=(MappingRule(rung="a"), MappingRule(rung="b")))
    held = PositionTracker(wide, TOPIC, ACTOR).position()
    lines = draw(timeline_of(held, (), wide, title="Desk", until=START), 60)
    ends = {columns(line.split("│")[0]) for line in lines[1:3]}
    assert len(ends) == 1
