"""Stories of watch topics: placed once, kept before they are told, and the same after a restart."""

from datetime import datetime, timedelta
from functools import partial

import pytest

from schemas.article import Article
from schemas.base import content_id
from schemas.story import Novelty
from services.domain.stories.stories import StoryIndex
from services.runtime.faults import UnavailableError
from services.tracker.stories import KEEP_PLACEMENTS, Stories
from services.tracker.story_store import InMemoryStoryStore, StoredStories
from tests.fakes import EPOCH

SHELLS = "Seoul will send 50,000 shells to Kyiv, defence ministry says"
COPY = "Seoul will send 50,000 shells to Kyiv, the defence ministry says"
FLOOD = "Floods in Bavaria leave villages without power for a third day"


def article(name: str, title: str, outlet: str = "Wire", at: datetime = EPOCH) -> Article:
    return Article(
        id=content_id(name),
        revision=1,
        revision_id=content_id(name, title),
        feed_id="f",
        outlet=outlet,
        title=title,
        published_at=at,
        first_seen_at=at,
    )


def no_actors(text: str) -> tuple[str, ...]:
    return ()


def stories(store: InMemoryStoryStore) -> Stories:
    return Stories(store, partial(StoryIndex, no_actors))


class Unreachable(InMemoryStoryStore):
    """A store that takes the nth placement and cannot say so."""

    def __init__(self, failing: int, *, taken: bool) -> None:
        super().__init__()
        self._left = failing
        self._taken = taken

    async def append(self, watch_topic: str, record: bytes, *, expected: int, drop: int = 0) -> int | None:
        self._left -= 1
        if self._left == 0:
            if self._taken:
                await super().append(watch_topic, record, expected=expected, drop=drop)
            raise UnavailableError("the store went away")
        return await super().append(watch_topic, record, expected=expected, drop=drop)


async def test_a_copy_joins_the_story_and_an_unrelated_article_begins_one() -> None:
    places = stories(InMemoryStoryStore())
    first = await places.place("arms", article("a", SHELLS))
    copy = await places.place("arms", article("b", COPY, outlet="Post"))
    other = await places.place("arms", article("c", FLOOD))
    assert (first.novelty, copy.novelty, other.novelty) == (Novelty.FIRST, Novelty.OUTLET, Novelty.FIRST)
    assert first.story_id == copy.story_id != other.story_id
    assert (copy.items, copy.outlets) == (2, 2)


async def test_topics_have_stories_of_their_own() -> None:
    places = stories(InMemoryStoryStore())
    await places.place("arms", article("a", SHELLS))
    elsewhere = await places.place("relations", article("b", COPY, outlet="Post"))
    assert elsewhere.novelty is Novelty.FIRST


async def test_an_article_read_again_keeps_its_place_and_leaves_no_second_record() -> None:
    store = InMemoryStoryStore()
    places = stories(store)
    first = await places.place("arms", article("a", SHELLS))
    edited = article("a", SHELLS + ", and more")
    assert await places.place("arms", edited) == first
    assert await stories(store).place("arms", edited) == first  # after a restart
    assert len((await store.load("arms")).records) == 1


async def test_another_tracker_goes_on_where_the_first_stopped_and_back() -> None:
    store = InMemoryStoryStore()
    one, other = stories(store), stories(store)
    first = await one.place("arms", article("a", SHELLS))
    await other.place("arms", article("b", COPY, outlet="Post"))
    third = await one.place("arms", article("c", COPY, outlet="Daily"))
    assert (third.story_id, third.items, third.outlets) == (first.story_id, 3, 3)


@pytest.mark.parametrize("taken", [True, False])
async def test_a_store_that_fails_leaves_the_index_as_the_store_has_it(taken: bool) -> None:
    store = Unreachable(2, taken=taken)
    places = stories(store)
    await places.place("arms", article("a", SHELLS))
    with pytest.raises(UnavailableError):
        await places.place("arms", article("b", COPY, outlet="Post"))
    again = await places.place("arms", article("b", COPY, outlet="Post"))
    assert (again.items, again.novelty) == (2, Novelty.OUTLET)
    assert len((await store.load("arms")).records) == 2


async def test_old_placements_are_forgotten() -> None:
    store = InMemoryStoryStore()
    places = stories(store)
    for number in range(3):
        await places.place("arms", article(str(number), f"{FLOOD} {number}", at=EPOCH + timedelta(hours=number)))
    await places.place("arms", article("late", SHELLS, at=EPOCH + KEEP_PLACEMENTS + timedelta(hours=1, minutes=30)))
    assert len((await store.load("arms")).records) == 2


async def test_a_record_that_cannot_be_read_costs_its_story_and_nothing_else() -> None:
    store = InMemoryStoryStore()
    await stories(store).place("arms", article("a", SHELLS))
    kept = await store.load("arms")
    store._topics["arms"] = StoredStories((b"{}", *kept.records), kept.version)
    copy = await stories(store).place("arms", article("b", COPY, outlet="Post"))
    assert copy.items == 2
