"""Items are placed in the story of their event when they come, the same way each time."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.story import Novelty
from services.domain.stories.items import Placement, StoryItem, StoryRecord, StoryRecordError
from services.domain.stories.stories import StoryIndex
from tests.unit.stories.worlds import ACTORS, NOON, item

FERRY = "Ferry Aurelia runs aground off Skagen with 312 passengers"
LEAD = "The ferry Aurelia ran aground in fog off Skagen early on Wednesday; all 312 passengers were taken off by tugs."


def placed(items: Sequence[StoryItem], index: StoryIndex | None = None) -> list[Placement]:
    index = index or StoryIndex(ACTORS)
    return [index.place(each)[0] for each in items]


def test_the_same_event_in_other_words_is_one_story_and_other_events_are_not() -> None:
    first, same, other = placed(
        [
            item("1", FERRY),
            item("2", "Passengers leave stranded ferry Aurelia near Skagen", hours=1),
            item("3", "Tulip growers in Lisse expect a late season", hours=1),
        ]
    )
    assert same.story_id == first.story_id
    assert other.story_id != first.story_id
    assert (first.novelty, first.items, first.origin_id) == (Novelty.FIRST, 1, "1")
    assert (same.items, same.outlets) == (2, 2)
    assert "aurelia" in same.reasons[0]


def test_a_copy_is_known_and_has_the_origin_of_what_it_copies() -> None:
    first, copy, copy_of_copy = placed(
        [
            item("1", FERRY, LEAD),
            item("2", FERRY, LEAD.replace("early on", "on"), hours=1),
            item("3", FERRY + " (photos)", LEAD, hours=2),
        ]
    )
    assert copy.near_duplicate_of == copy_of_copy.near_duplicate_of == "1"
    assert {each.origin_id for each in (first, copy, copy_of_copy)} == {"1"}
    assert copy.novelty is Novelty.OUTLET
    assert copy.similarity >= 0.6


def test_a_copy_is_known_also_where_the_topic_was_silent_for_weeks_before() -> None:
    weeks = 24 * 21
    *_, first, copy = placed(
        [
            item("1", "Tulip growers in Lisse expect a late season"),
            item("2", "Wheat futures close at 612 cents", hours=2),
            item("3", FERRY, LEAD, hours=weeks),
            item("4", FERRY, LEAD, hours=weeks + 1),
        ]
    )
    assert (copy.near_duplicate_of, copy.origin_id) == ("3", first.origin_id)


def test_a_headline_of_every_day_with_another_number_is_no_copy() -> None:
    _, other = placed([item("1", "Wheat futures close at 612 cents"), item("2", "Wheat futures close at 587 cents")])
    assert other.near_duplicate_of is None


def test_actors_and_numbers_tie_languages() -> None:
    found = placed(
        [
            item("en", "Seoul to send 155 mm shells to Kyiv, Umerov says", lang="en"),
            item("ko", "정부, 우크라이나에 155mm 포탄 제공… 우메로우 장관 밝혀", lang="ko", hours=1),
            item("ru", "Сеул передаст Украине снаряды 155 мм, заявил Умеров", lang="ru", hours=2),
            item("uk", "Сеул передасть Україні снаряди 155 мм, каже Умєров", lang="uk", hours=3),
            item("uk2", "Сеул відкриває новий музей скла", lang="uk", hours=3),
        ]
    )
    assert len({each.story_id for each in found[:4]}) == 1
    assert found[4].story_id != found[0].story_id


def test_one_actor_does_not_tie_languages() -> None:
    one, other = placed(
        [item("1", "Kyiv opens a tram line", lang="en"), item("2", "우크라이나 밀 수출 감소", lang="ko", hours=1)]
    )
    assert one.story_id != other.story_id


def test_a_story_closes_after_silence() -> None:
    first, soon, late = placed(
        [item("1", FERRY), item("2", FERRY + " again", hours=71), item("3", FERRY + " once more", hours=71 + 73)]
    )
    assert soon.story_id == first.story_id
    assert late.story_id != first.story_id
    assert late.novelty is Novelty.FIRST


def test_a_story_that_never_falls_silent_is_begun_anew_after_a_fortnight() -> None:
    found = placed([item(str(day), FERRY, hours=24 * day) for day in range(17)])
    assert len({each.story_id for each in found}) == 2


def test_one_wrong_date_closes_no_story() -> None:
    first, _, same = placed(
        [item("1", FERRY), item("2", "A parade in May", hours=24 * 365 * 70), item("3", FERRY, hours=1)]
    )
    assert same.story_id == first.story_id


def test_items_out_of_order_by_hours_are_placed_all_the_same() -> None:
    later, earlier = placed([item("1", FERRY, hours=9), item("2", FERRY, LEAD, hours=2)])
    assert earlier.story_id == later.story_id


def test_memory_is_bounded_by_the_window() -> None:
    index = StoryIndex(ACTORS)
    for n in range(400):
        index.place(item(str(n), f"Headline {n} of village {n * 7} on subject {n * 13}", hours=n))
    assert len(index) <= 75
    assert index.open_stories <= 75


def test_outlets_that_cite_one_have_one_origin_and_its_article_is_it() -> None:
    citing = [
        item(f"c{n}", f"{FERRY}, {how}", outlet=f"Paper {n}")
        for n, how in enumerate(("Yonhap reported", "according to Yonhap News Agency", "сообщает Рёнхап"))
    ]
    found = placed([*citing, item("own", FERRY + ", all safe", "The harbour office said so.", outlet="Yonhap")])
    assert len({each.origin_id for each in found}) == 1
    assert found[0].origin_id not in {"c0", "c1", "c2"}


def test_the_origin_is_the_cited_outlets_article_where_it_came_first() -> None:
    _, citing = placed(
        [item("r", FERRY, LEAD, outlet="Reuters"), item("2", "Aurelia: Skagen ferry stuck, Reuters says", hours=1)]
    )
    assert citing.origin_id == "r"


def test_new_numbers_are_facts_and_the_same_outlet_again_adds_nothing() -> None:
    _, update, again = placed(
        [
            item("1", FERRY, outlet="A"),
            item("2", "Ferry Aurelia aground off Skagen: 27 passengers in hospital", outlet="B", hours=1),
            item("3", "Ferry Aurelia aground off Skagen: 27 passengers in hospital", outlet="B", hours=2),
        ]
    )
    assert update.novelty is Novelty.FACTS
    assert update.new_facts == ("number: 27 passengers",)
    assert (again.novelty, again.new_facts, again.near_duplicate_of) == (Novelty.NOTHING, (), "2")


WORDS = ["ferry", "Aurelia", "Skagen", "fog", "tug", "Kyiv", "Seoul", "155", "shells", "Umerov", "한국", "Сеул", "vote"]
titles = st.lists(st.sampled_from(WORDS), min_size=0, max_size=7).map(" ".join)
streams = st.lists(st.tuples(titles, st.integers(0, 90), st.sampled_from("ABC")), max_size=25)


def stream(drawn: list[tuple[str, int, str]]) -> list[StoryItem]:
    return [item(str(n), title, outlet=outlet, hours=hours) for n, (title, hours, outlet) in enumerate(drawn)]


@given(streams, st.integers(0, 25))
@settings(max_examples=25, deadline=None)
def test_a_restored_index_decides_as_the_one_that_made_the_records(drawn: list[tuple[str, int, str]], cut: int) -> None:
    items = stream(drawn)
    index = StoryIndex(ACTORS)
    records = [index.place(each)[1] for each in items[:cut]]
    restored = StoryIndex(ACTORS)
    restored.restore(StoryRecord.from_json(record.to_json()) for record in records)
    assert placed(items[cut:], restored) == placed(items[cut:], index)
    assert placed(items[cut:]) == placed(items[cut:], StoryIndex(ACTORS))


def test_restored_after_many_items_some_of_them_expired_and_folded() -> None:
    draw = random.Random(3)
    names = ["".join(draw.choices("abcdefgh", k=6)) for _ in range(120)]
    items = [
        item(str(n), " ".join(draw.sample(names[10 * (n % 9) : 10 * (n % 9) + 16], 4)), hours=n / 3) for n in range(500)
    ]
    index = StoryIndex(ACTORS)
    records = [index.place(each)[1] for each in items[:400]]
    assert any(record.folded for record in records)
    restored = StoryIndex(ACTORS)
    restored.restore(records)
    assert placed(items[400:], restored) == placed(items[400:], index)


@given(streams)
@settings(max_examples=15, deadline=None)
def test_the_same_item_again_changes_nothing(drawn: list[tuple[str, int, str]]) -> None:
    index, other = StoryIndex(ACTORS), StoryIndex(ACTORS)
    for each in stream([(title, 0, outlet) for title, _, outlet in drawn]):
        assert index.place(each) == index.place(each) == other.place(each)


@given(st.permutations(range(6)))
@settings(max_examples=20, deadline=None)
def test_any_order_of_simultaneous_items_keeps_two_events_apart(order: list[int]) -> None:
    items = [item(f"f{n}", f"{FERRY} part {n}") for n in range(3)]
    items += [item(f"t{n}", f"Tulip growers in Lisse expect a late season {n}") for n in range(3)]
    stories = {each.item_id: each.story_id for each in placed([items[n] for n in order])}
    assert not {stories[f"f{n}"] for n in range(3)} & {stories[f"t{n}"] for n in range(3)}


@example([("0\x1f", "")])
@given(st.lists(st.tuples(st.text(max_size=60), st.text(max_size=200)), max_size=6))
@settings(max_examples=20, deadline=None)
def test_any_text_is_placed(texts: list[tuple[str, str]]) -> None:
    assert len(placed([item(str(n), title, text) for n, (title, text) in enumerate(texts)])) == len(texts)


@pytest.mark.parametrize(
    "title", ["", "\x00" * 50, "🇰🇷🔥" * 40, "a" * 100_000, "1,2 " * 25_000, "«" * 100_000, "\ud800"]
)
def test_hostile_titles_are_placed_and_make_small_records(title: str) -> None:
    _, record = StoryIndex(ACTORS).place(item("1", title, title))
    assert len(record.to_json()) < 3000
    assert StoryRecord.from_json(record.to_json()) == record


def test_a_usual_record_is_small() -> None:
    _, record = StoryIndex(ACTORS).place(item("0" * 32, FERRY, LEAD))
    assert len(record.to_json()) < 1500


@pytest.mark.parametrize("line", ["", "{}", "[]", '{"v": 2}', '{"v":1,"at":"x"}', "nul"])
def test_what_is_no_record_says_so(line: str) -> None:
    with pytest.raises(StoryRecordError):
        StoryRecord.from_json(line)


def test_ids_are_made_of_the_first_item() -> None:
    (one,), (other,) = placed([item("1", FERRY)]), placed([replace(item("1", FERRY), at=NOON)])
    assert one.story_id == other.story_id
    assert len(one.story_id) == 32
