"""What in a poll is new: by the set of seen ids, never by dates."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.article import Arrival, Article
from schemas.feed import Feed
from services.domain.feeds.articles import identify
from services.domain.feeds.changes import (
    MAX_REVISIONS,
    MIN_SEEN,
    Changes,
    Seen,
    find_changes,
    has_overflow,
    overflow,
)
from services.domain.feeds.normalize import Draft

NOW = datetime(2024, 11, 27, 9, 0, tzinfo=UTC)
FEED = Feed(id="one", url="https://example.org/feed", outlet="Example Times", lang="ko", country="KOR")


def draft(guid: str | None = "a", title: str = "Title", **facts: object) -> Draft:
    return Draft(**{"guid": guid, "url": f"https://example.org/{guid}", "title": title, "text": "", **facts})  # type: ignore[arg-type]


def days_ago(number: int) -> datetime:
    return NOW - timedelta(days=number)


def found_in(drafts: Sequence[Draft], seen: Mapping[str, Seen], now: datetime = NOW, **facts: Any) -> Changes:
    return find_changes(identify(FEED.id, drafts), seen, FEED, now, **({"is_first_poll": False} | facts))


class Follower:
    """A feed followed over several polls."""

    def __init__(self, feed: Feed = FEED) -> None:
        self.feed = feed
        self.seen: dict[str, Seen] = {}
        self.now = NOW
        self._is_first = True

    def poll(self, *drafts: Draft) -> tuple[Article, ...]:
        found = find_changes(
            identify(self.feed.id, drafts), self.seen, self.feed, self.now, is_first_poll=self._is_first
        )
        self.seen, self._is_first = found.applied_to(self.seen), False
        self.now += timedelta(hours=1)
        return found.articles


def test_everything_at_the_first_poll_is_back_list() -> None:
    found = Follower().poll(draft("a"), draft("b", published_at=NOW), draft("c", published_at=days_ago(9)))
    assert {article.arrival for article in found} == {Arrival.BACK_LIST}


def test_since_tells_news_from_back_list_at_the_first_poll_only() -> None:
    feed = FEED.model_copy(update={"since": days_ago(2)})
    follower = Follower(feed)
    dated = {"new": days_ago(1), "on the day": days_ago(2), "old": days_ago(3), "undated": None}
    first = follower.poll(*(draft(name, published_at=at) for name, at in dated.items()))
    arrivals = {article.url: article.arrival for article in first}
    assert arrivals == {
        "https://example.org/new": Arrival.NEW,
        "https://example.org/on the day": Arrival.NEW,
        "https://example.org/old": Arrival.BACK_LIST,
        "https://example.org/undated": Arrival.BACK_LIST,
    }
    (late,) = follower.poll(draft("late", published_at=days_ago(30)))
    assert late.arrival is Arrival.NEW


def test_an_edit_is_a_new_revision_of_the_same_article() -> None:
    follower = Follower()
    (first,) = follower.poll(draft(title="Seoul will send aid"))
    assert follower.poll(draft(title="Seoul  will\nsend aid")) == ()
    (second,) = follower.poll(draft(title="Seoul will not send aid"))
    assert (second.id, second.revision, second.arrival) == (first.id, 2, Arrival.NEW)
    assert second.revision_id != first.revision_id
    assert second.first_seen_at == first.first_seen_at == NOW


def test_an_old_copy_from_a_cache_is_not_a_new_revision() -> None:
    follower = Follower()
    follower.poll(draft(title="one"))
    follower.poll(draft(title="two"))
    assert follower.poll(draft(title="one")) == ()
    assert follower.poll(draft(title="two")) == ()


def test_an_item_that_left_the_feed_and_comes_back_is_known() -> None:
    follower = Follower()
    follower.poll(draft("a"), draft("b"))
    follower.poll(draft("b"))
    assert follower.poll(draft("a")) == ()


def test_published_in_the_future_is_published_now_and_absent_stays_absent() -> None:
    found = Follower().poll(draft("a", published_at=NOW + timedelta(days=1)), draft("b"))
    assert {article.published_at for article in found} == {NOW, None}


def test_oldest_first_and_the_last_of_undated_items_is_the_oldest() -> None:
    dated = Follower().poll(
        draft("b", published_at=days_ago(1)), draft("c", published_at=NOW), draft("a", published_at=days_ago(2))
    )
    assert [article.url[-1] for article in dated if article.url] == ["a", "b", "c"]
    undated = Follower().poll(draft("c"), draft("b"), draft("a"))
    assert [article.url[-1] for article in undated if article.url] == ["a", "b", "c"]


def test_a_guid_on_every_item_identifies_none() -> None:
    follower = Follower()
    same = [draft("0", f"News {number}", url=f"https://example.org/{number}") for number in range(30)]
    assert len({article.id for article in follower.poll(*same)}) == 30
    assert follower.poll(*same) == ()


def test_without_a_guid_the_address_and_without_that_the_content_identifies() -> None:
    follower = Follower()
    follower.poll(draft(None, "Title", url="https://example.org/1"), draft(None, "No address", url=None))
    (edited,) = follower.poll(draft(None, "Changed", url="https://example.org/1"), draft(None, "No address", url=None))
    assert edited.revision == 2


def test_a_guid_counts_within_its_feed_only() -> None:
    other = Follower(FEED.model_copy(update={"id": "two"}))
    assert Follower().poll(draft("a"))[0].id != other.poll(draft("a"))[0].id


def test_the_feed_lends_outlet_country_and_language() -> None:
    (article,) = Follower().poll(draft(author="A. Reporter"))
    assert (article.outlet, article.country, article.lang, article.author) == (
        "Example Times",
        "KOR",
        "ko",
        "A. Reporter",
    )


def remembered(count: int, last_seen_at: datetime = NOW) -> dict[str, Seen]:
    return {f"{number:032x}": Seen(1, ("x",), last_seen_at, last_seen_at) for number in range(count)}


def test_forgets_those_longest_gone_and_never_one_that_is_there() -> None:
    old = remembered(MIN_SEEN - 10, days_ago(2)) | {f"{number:032x}": Seen(1, ("x",), NOW, NOW) for number in range(8)}
    listed = identify(FEED.id, [draft("here")])
    here = {listed[0][0]: Seen(1, ("x",), days_ago(90), days_ago(90))}
    oldest = {"f" * 32: Seen(1, ("x",), days_ago(90), days_ago(89))}
    more = {f"{number:032x}": Seen(1, ("x",), NOW, days_ago(1)) for number in range(10**6, 10**6 + 12)}
    forgotten = overflow(old | here | oldest | more, listed)
    assert len(forgotten) == 4
    assert oldest.keys() < forgotten
    assert not forgotten & (here.keys() | more.keys())


def test_forgetting_waits_until_a_tenth_is_too_much() -> None:
    listed = identify(FEED.id, [draft("here")])
    assert not has_overflow(MIN_SEEN + MIN_SEEN // 10, listed)
    assert has_overflow(MIN_SEEN + MIN_SEEN // 10 + 1, listed)
    assert len(overflow(remembered(MIN_SEEN + MIN_SEEN // 10 + 1), listed)) == MIN_SEEN // 10 + 1
    assert not overflow(remembered(MIN_SEEN), listed)


def test_a_quiet_poll_writes_nothing_until_a_day_has_passed() -> None:
    follower = Follower()
    follower.poll(draft())
    assert found_in([draft()], follower.seen, NOW + timedelta(hours=5)) == Changes()
    (refreshed,) = found_in([draft()], follower.seen, NOW + timedelta(days=1)).remembered.values()
    assert (refreshed.last_seen_at, refreshed.first_seen_at) == (NOW + timedelta(days=1), NOW)


def test_a_feed_that_resumes_tells_what_came_since_and_nothing_of_before() -> None:
    follower = Follower()
    follower.poll(draft("a", published_at=days_ago(5)))
    after = [
        draft("a under another id", published_at=days_ago(5)),
        draft("while it was gone", published_at=days_ago(1)),
        draft("undated"),
        draft("a", title="Edited", published_at=days_ago(5)),
    ]
    found = found_in(after, follower.seen, resumed_from=days_ago(3))
    arrivals = {article.title if article.revision > 1 else article.url: article.arrival for article in found.articles}
    assert arrivals == {
        "https://example.org/a under another id": Arrival.BACK_LIST,
        "https://example.org/while it was gone": Arrival.NEW,
        "https://example.org/undated": Arrival.NEW,
        "Edited": Arrival.NEW,
    }


def test_a_feed_whose_state_was_lost_tells_only_what_is_dated_after_its_last_sighting() -> None:
    drafts = [draft("old", published_at=days_ago(5)), draft("new", published_at=days_ago(1)), draft("undated")]
    found = found_in(drafts, {}, is_first_poll=True, resumed_from=days_ago(3))
    arrivals = {article.url: article.arrival for article in found.articles}
    assert arrivals == {
        "https://example.org/old": Arrival.BACK_LIST,
        "https://example.org/new": Arrival.NEW,
        "https://example.org/undated": Arrival.BACK_LIST,
    }


items = st.builds(draft, st.sampled_from("abcd"), st.sampled_from(["one", "two", "three"]))
documents = st.lists(st.lists(items, max_size=6), max_size=12)


@settings(max_examples=60)
@given(documents, st.randoms(use_true_random=False))
def test_each_revision_is_told_exactly_once_in_any_order_and_however_often(
    polls: list[list[Draft]], random: object
) -> None:
    follower = Follower()
    shuffled = polls + polls
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    told = [article for poll in shuffled for article in follower.poll(*poll)]
    counts = Counter((article.id, article.revision_id) for article in told)
    assert set(counts.values()) <= {1}
    assert len(counts) == len({(item.guid, item.title) for poll in polls for item in poll})
    for article_id in {article.id for article in told}:
        revisions = [article.revision for article in told if article.id == article_id]
        assert revisions == list(range(1, len(revisions) + 1))
    assert all(len(known.revision_ids) <= MAX_REVISIONS for known in follower.seen.values())
