"""What becomes of the feeds of a list."""

import pytest

from schemas.feed import Feed
from services.domain.feeds.feed_ids import IdPool, id_from_title, id_from_url
from services.domain.feeds.import_plan import ImportPlan, ListedFeed, Verdict

HELD = Feed(id="held", url="https://held.example.org/rss", outlet="Held")


def listed(url: str, **fields: object) -> ListedFeed:
    return ListedFeed("list", 1, {"url": url, **fields})


def test_a_new_feed_is_added_with_what_is_known_of_it() -> None:
    verdict = ImportPlan([HELD]).judge(listed("https://e.org/f", title="BBC News - World", lang="en"))
    assert verdict.verdict is Verdict.ADDED
    assert verdict.feed == Feed(
        id="bbc-news-world", url="https://e.org/f", outlet="BBC News - World", title="BBC News - World", lang="en"
    )


def test_a_feed_that_is_there_is_not_added_however_its_address_is_written() -> None:
    verdict = ImportPlan([HELD]).judge(listed("https://HELD.example.org:443/rss"))
    assert (verdict.verdict, verdict.feed) == (Verdict.PRESENT, None)
    assert "held has this address already" in verdict.message


def test_a_feed_that_is_listed_twice_is_added_once() -> None:
    plan = ImportPlan([])
    verdicts = [plan.judge(listed("https://e.org/f", title=title)).verdict for title in ("One", "Two")]
    assert verdicts == [Verdict.ADDED, Verdict.REPEATED]


def test_ids_are_unlike_each_other_and_those_that_are_there() -> None:
    plan = ImportPlan([HELD])
    found = [plan.judge(listed(f"https://e.org/{number}", title="Held")).feed for number in range(3)]
    assert [feed.id for feed in found if feed] == ["held-2", "held-3", "held-4"]


def test_an_id_that_the_list_gives_but_another_has() -> None:
    verdict = ImportPlan([HELD]).judge(listed("https://e.org/f", id="held", outlet="Other"))
    assert verdict.feed
    assert (verdict.feed.id, verdict.message) == ("held-2", "the id held is taken")


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"lang": "English"}, "lang: "), ({"id": "No Good"}, "id: "), ({"interval": "soon"}, "interval: ")],
)
def test_fields_that_cannot_be_meant_are_told(fields: dict[str, object], words: str) -> None:
    verdict = ImportPlan([]).judge(listed("https://e.org/f", **fields))
    assert verdict.verdict is Verdict.UNUSABLE
    assert words in verdict.message


def test_thousands_of_one_name() -> None:
    pool = IdPool(["rss"])
    assert len({pool.take("rss") for _ in range(20_000)}) == 20_000


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Café & Brûlée", "cafe-brulee"),
        ("Українська правда", "e-org-a"),
        ("연합뉴스 EN", "e-org-a"),
        ("NYT > World News", "nyt-world-news"),
        ("!!", "e-org-a"),
        ("x" * 200, "x" * 64),
    ],
)
def test_ids_of_titles(title: str, expected: str) -> None:
    assert id_from_title(title, "https://www.e.org/a/feed.xml") == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.e.org/rss.xml", "e-org"),
        ("https://en.yna.co.kr/RSS/nk.xml", "en-yna-co-kr-rss-nk"),
        ("https://пример.рф/", "feed"),
    ],
)
def test_ids_of_addresses(url: str, expected: str) -> None:
    assert id_from_url(url) == expected
