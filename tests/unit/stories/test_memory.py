"""What an index holds: items in its window, and for seventeen days what they were."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.stories.items import StoryItem, numbers_of, packed
from services.domain.stories.postings import Postings
from services.domain.stories.stories import StoryIndex
from tests.unit.stories.worlds import ACTORS, item

DAY = 24.0


def _filled(index: StoryIndex, hours: float, until: float) -> None:
    """Let time pass, with an item every few hours."""
    while hours < until:
        index.place(item(f"at {hours}", f"Village {int(hours * 7)} counts {int(hours * 13)} storks", hours=hours))
        hours += 11


def test_an_item_is_known_again_for_seventeen_days_though_its_story_is_closed() -> None:
    index = StoryIndex(ACTORS)
    ferry = item("ferry", "Ferry Aurelia runs aground off Skagen")
    first = index.place(ferry)
    _filled(index, 1, 16.5 * DAY)
    assert len(index) < 10
    assert "ferry" in index
    assert index.place(ferry) == first
    _filled(index, 16.5 * DAY, 18 * DAY)
    assert "ferry" not in index


def test_restoring_knows_what_is_past_the_window_too() -> None:
    index, restored = StoryIndex(ACTORS), StoryIndex(ACTORS)
    items = [item(str(n), f"Ferry {n // 9} aground off Skagen with {n} cows", hours=8 * n) for n in range(40)]
    records = [index.place(each)[1] for each in items]
    restored.restore(records)
    assert all(each.id in restored for each in items)
    assert [restored.place(each) for each in items] == [index.place(each) for each in items]
    later = [item(f"later {n}", f"Ferry {n} aground off Skagen", hours=8 * (40 + n)) for n in range(20)]
    assert [restored.place(each)[0] for each in later] == [index.place(each)[0] for each in later]


def test_words_usual_last_week_tie_nothing_this_week() -> None:
    """After a quiet spell, the one word that every story of last week held is no sign of one event."""
    two = [
        item("one", "Skagen opens a bridge", hours=13 * DAY),
        item("other", "Skagen bakers strike", hours=13 * DAY + 1),
    ]
    knowing, new = StoryIndex(ACTORS), StoryIndex(ACTORS)
    for n in range(300):
        words = " ".join(_word(n + 1000 * place) for place in range(9))
        knowing.place(item(f"x{n}", f"Skagen {words}" if n % 3 == 0 else words, hours=n / 10))
    assert knowing.open_stories > 250
    for n in range(3):  # one alone would be taken for a wrong date
        knowing.place(item(f"again {n}", f"{_word(n + 70)} {_word(n + 80)}", hours=13 * DAY - 1))
    apart = [knowing.place(each)[0].story_id for each in two]
    assert len(knowing) < 6
    assert apart[0] != apart[1]
    together = [new.place(each)[0].story_id for each in two]
    assert together[0] == together[1]


def _word(n: int) -> str:
    return "".join("bcdfghklmnprstvz"[n // 16**place % 16] + "aeio"[n % 4] for place in range(4))


def test_what_only_the_texts_share_counts_less_than_what_titles_share() -> None:
    lead = "The harbour board met on the pier."

    def similarity(title: str, text: str) -> float:
        index = StoryIndex(ACTORS)
        index.place(item("1", "Cranes over Skagen", lead))
        return index.place(item("2", title, text))[0].similarity

    in_title = similarity("Skagen harbour votes", "Gulls watch trams.")
    in_text = similarity("Gulls watch trams", "Skagen harbour votes.")
    assert in_title > in_text


@pytest.mark.parametrize("numbers", [(), (0,), (1, 2**32 - 1)])
def test_packed_numbers_come_back(numbers: tuple[int, ...]) -> None:
    assert numbers_of(packed(numbers)) == numbers


changes = st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 4)), max_size=40)


@given(changes)
@settings(max_examples=60, deadline=None)
def test_postings_are_sets_of_stories(drawn: list[tuple[bool, int, int]]) -> None:
    postings = Postings()
    true: dict[int, set[int]] = {term: set() for term in range(4)}
    for added, term, story in drawn:
        if added:
            postings.add((term,), story)
            true[term].add(story)
        else:
            postings.remove((term,), story)
            true[term].discard(story)
        assert {each: set(postings.holders(each)) for each in true} == true
        assert {each: postings.count(each) for each in true} == {each: len(found) for each, found in true.items()}


def test_languages_that_the_lists_cover_are_not_tied_by_their_grammar() -> None:
    titles = [
        "Les ministres se retrouvent avec leurs homologues dans une ville du nord",
        "Une baleine dans le port avec son petit, selon les pêcheurs du lieu",
        "Le prix du beurre monte dans les magasins avec une hausse de la demande",
    ]
    index = StoryIndex(ACTORS)
    items: list[StoryItem] = [item(str(n), title, lang="fr") for n, title in enumerate(titles)]
    assert len({index.place(each)[0].story_id for each in items}) == len(items)
