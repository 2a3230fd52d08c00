"""Stories of watch topics: placed once, kept before they are told, and the same after a restart."""

from datetime import datetime, timedelta
from functools import partial

import pytest

from schemas.article import Article
from schemas.base import content_id
from schemas.story import Novelty
from services.domain.stories.items import Placement
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


async def place(places: Stories, watch_topic: str, article: Article, given: str = "Seoul Kyiv") -> Placement:
    return await places.place(watch_topic, article, given)


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
    first = await place(places, "arms", article("a", SHELLS))
    copy = await place(places, "arms", article("b", COPY, outlet="Post"))
    other = await place(places, "arms", article("c", FLOOD))
    assert (first.novelty, copy.novelty, other.novelty) == (Novelty.FIRST, Novelty.OUTLET, Novelty.FIRST)
    assert first.story_id == copy.story_id != other.story_id
    assert (copy.items, copy.outlets) == (2, 2)


async def test_topics_have_stories_of_their_own() -> None:
    places = stories(InMemoryStoryStore())
    await place(places, "arms", article("a", SHELLS))
    elsewhere = await place(places, "relations", article("b", COPY, outlet="Post"))
    assert elsewhere.novelty is Novelty.FIRST


async def test_an_article_read_again_keeps_its_place_and_leaves_no_second_record() -> None:
    store = InMemoryStoryStore()
    places = stories(store)
    first = await place(places, "arms", article("a", SHELLS))
    edited = article("a", SHELLS + ", and more")
    assert await place(places, "arms", edited) == first
    assert await place(stories(store), "arms", edited) == first  # after a restart
    assert len((await store.load("arms")).records) == 1


async def test_another_tracker_goes_on_where_the_first_stopped_and_back() -> None:
    store = InMemoryStoryStore()
    one, other = stories(store), stories(store)
    first = await place(one, "arms", article("a", SHELLS))
    await place(other, "arms", article("b", COPY, outlet="Post"))
    third = await place(one, "arms", article("c", COPY, outlet="Daily"))
    assert (third.story_id, third.items, third.outlets) == (first.story_id, 3, 3)


@pytest.mark.parametrize("taken", [True, False])
async def test_a_store_that_fails_leaves_the_index_as_the_store_has_it(taken: bool) -> None:
    store = Unreachable(2, taken=taken)
    places = stories(store)
    await place(places, "arms", article("a", SHELLS))
    with pytest.raises(UnavailableError):
        await place(places, "arms", article("b", COPY, outlet="Post"))
    again = await place(places, "arms", article("b", COPY, outlet="Post"))
    assert (again.items, again.novelty) == (2, Novelty.OUTLET)
    assert len((await store.load("arms")).records) == 2


async def test_old_placements_are_forgotten() -> None:
    store = InMemoryStoryStore()
    places = stories(store)
    for number in range(3):
        await place(places, "arms", article(str(number), f"{FLOOD} {number}", at=EPOCH + timedelta(hours=number)))
    await place(places, "arms", article("late", SHELLS, at=EPOCH + KEEP_PLACEMENTS + timedelta(hours=1, minutes=30)))
    assert len((await store.load("arms")).records) == 2


async def test_a_record_that_cannot_be_read_costs_its_story_and_nothing_else() -> None:
    store = InMemoryStoryStore()
    await place(stories(store), "arms", article("a", SHELLS))
    kept = await store.load("arms")
    store._topics["arms"] = StoredStories((b"{}", *kept.records), kept.version)
    copy = await place(stories(store), "arms", article("b", COPY, outlet="Post"))
    assert copy.items == 2


# What a desk reads of one narrow topic in five days: every article names the same actors and the same matter.
WEEK = (
    ("not ruled out", 0, "W", "Seoul says it may send weapons to Ukraine if North Korean troops fight",
     "President Yoon said South Korea could supply arms to Kyiv step by step depending on Pyongyang."),
    ("not ruled out", 1, "P", "Yoon: arms for Ukraine possible, depending on North Korean troops",
     "South Korean President Yoon Suk-yeol said on Thursday that weapons for Ukraine were not ruled out."),
    ("warning", 30, "W", "Kremlin warns Seoul against arming Ukraine",
     "Moscow will respond to any South Korean weapons in Ukraine, a spokesman said."),
    ("visit", 50, "W", "Ukraine delegation to visit Seoul with list of weapons requests",
     "The defence minister will ask South Korea for air defence missiles and artillery."),
    ("impeachment", 54, "W", "South Korean opposition threatens to impeach minister over Ukraine arms",
     "Lawmakers in Seoul said sending weapons to Kyiv means joining the war."),
    ("talks", 70, "W", "Yoon meets Ukrainian envoy, no word on weapons",
     "The South Korean president received the Ukrainian envoy behind closed doors."),
    ("refusal", 90, "W", "South Korea refused to sell air defence systems to Ukraine, media report",
     "Seoul turned down a request for paid supplies, officials told a newspaper."),
    ("poll", 130, "W", "Most South Koreans oppose weapons for Ukraine",
     "Four of five people asked in Seoul are against sending arms to Kyiv, a survey shows."),
)  # fmt: skip
ASKED_FOR = (
    "Seoul South Korea South Korean Ukraine Ukrainian Kyiv weapons arms arming Moscow Kremlin warns refused requests"
)


async def test_what_a_topic_asks_for_does_not_make_its_articles_one_story() -> None:
    places, begun, novelties = stories(InMemoryStoryStore()), dict[str, str](), dict[str, Novelty]()
    for number, (event, hours, outlet, title, text) in enumerate(WEEK):
        read = article(str(number), title, outlet, EPOCH + timedelta(hours=hours))
        placed = await place(places, "arms", read.model_copy(update={"text": text}), ASKED_FOR)
        begun.setdefault(event, placed.story_id)
        novelties[event] = placed.novelty
    assert len(set(begun.values())) == len(begun)
    assert novelties.pop("not ruled out") is Novelty.FACTS
    assert set(novelties.values()) == {Novelty.FIRST}


async def test_what_a_topic_asks_for_is_known_after_a_restart() -> None:
    store = InMemoryStoryStore()
    first = article("a", "Seoul weighs shells for Kyiv")
    await place(stories(store), "arms", first, "Seoul Kyiv shells weighs")
    later = await place(stories(store), "arms", article("b", "Seoul, Kyiv: shells and a concert", "Post"), "Seoul")
    assert later.novelty is Novelty.FIRST
