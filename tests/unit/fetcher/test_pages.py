"""Completing articles from their pages: what is asked, at which pace, and why not."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from schemas.article import Arrival, Article
from schemas.base import content_id
from schemas.feed import Feed
from services.domain.feeds.page import Page, PageParseError
from services.fetcher.client import Failed, FailureReason, Fetched, FetchResult, Gone, Permit, Validators
from services.fetcher.pages import ArticlePages, PageBudget
from services.fetcher.parse_pool import ParseAbortedError
from services.fetcher.robots import Robots
from tests.fakes import EPOCH, FakeClock
from tests.unit.feeds.pages import PARAGRAPHS, TITLE

FEED = Feed(id="bay", url="https://bay.example.org/feed.xml", outlet="Bay Courier", full_text=True)
FULL = "\n".join(PARAGRAPHS)


class Web:
    """Sites whose robots.txt is `rules`; every other address answers with `answers`, or 200."""

    def __init__(self, clock: FakeClock, rules: str = "") -> None:
        self.clock = clock
        self.rules = rules
        self.answers: dict[str, FetchResult] = {}
        self.asked: list[tuple[str, float]] = []
        self.takes = self.rules_take = timedelta(0)
        self.rules_answer: FetchResult | None = None
        self.redirects: dict[str, str] = {}
        self.is_closed = False

    async def fetch(self, url: str, *, permit: Permit | None = None) -> FetchResult:
        if url.endswith("/robots.txt"):
            self.clock.advance(self.rules_take)
            return self.rules_answer or Fetched(url, self.rules.encode(), "text/plain", Validators())
        target = self.redirects.get(url, url)
        for hop in (url, target):
            if permit is not None and (refusal := await permit(hop)):
                return Failed(FailureReason.DISALLOWED, refusal)
        self.asked.append((target, (self.clock.now() - EPOCH).total_seconds()))
        self.clock.advance(self.takes)
        await asyncio.sleep(0)
        return self.answers.get(target, Fetched(target, b"page", "text/html", Validators()))

    async def aclose(self) -> None:
        self.is_closed = True


class Extractor:
    def __init__(self, page: Page | Exception) -> None:
        self.page = page
        self.is_closed = False

    async def read(self, body: bytes, *, content_type: str | None, url: str | None) -> Page:
        if isinstance(self.page, Exception):
            raise self.page
        return self.page

    async def aclose(self) -> None:
        self.is_closed = True


class Setting:
    def __init__(self, rules: str = "", page: Page | Exception | None = None, **budget: object) -> None:
        self.clock = FakeClock()
        self.web = Web(self.clock, rules)
        self.extractor = Extractor(page or Page(TITLE, FULL))
        self.pages = ArticlePages(
            client=self.web,
            robots=Robots(self.web, self.clock),
            extractor=self.extractor,
            clock=self.clock,
            budget=PageBudget(**budget),  # type: ignore[arg-type]
            sleep=self.clock.sleep,
        )

    async def complete(self, *articles: Article) -> tuple[Sequence[Article], list[tuple[str, int]]]:
        """Return the articles after, and why some stayed: (reason, how many)."""
        with capture_logs() as logs:
            completed = await self.pages.complete(FEED, articles)
        return completed, [(entry["reason"], entry["count"]) for entry in logs if entry["event"] == "pages_not_used"]


def article(number: int = 1, url: str | None = "", arrival: Arrival = Arrival.NEW) -> Article:
    return Article(
        id=content_id("article", str(number)),
        revision=1,
        revision_id=content_id("revision", str(number)),
        feed_id="bay",
        outlet="Bay Courier",
        title=TITLE,
        text=PARAGRAPHS[0],
        url=f"https://bay.example.org/{number}" if url == "" else url,
        arrival=arrival,
        first_seen_at=EPOCH,
    )


async def test_new_articles_get_their_pages_text_and_keep_their_ids_and_order() -> None:
    given = [article(1), article(2, arrival=Arrival.BACK_LIST), article(3)]
    completed, refused = await Setting().complete(*given)
    assert [item.text for item in completed] == [FULL, PARAGRAPHS[0], FULL]
    assert [(item.id, item.revision_id) for item in completed] == [(item.id, item.revision_id) for item in given]
    assert refused == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (None, "no_address"),
        ("ftp://bay.example.org/1", "no_address"),
        ("https://bay.example.org/report.PDF", "not_a_page"),
        ("https://bay.example.org/video.mp4?from=feed", "not_a_page"),
    ],
)
async def test_addresses_that_are_not_asked_for(url: str | None, reason: str) -> None:
    setting = Setting()
    (after,), refused = await setting.complete(article(url=url))
    assert (after.text, refused, setting.web.asked) == (PARAGRAPHS[0], [(reason, 1)], [])


@pytest.mark.parametrize(
    ("answer", "page", "reason"),
    [
        (Failed(FailureReason.NOT_FOUND, "404", 404), None, "failed"),
        (Gone("gone"), None, "failed"),
        (Failed(FailureReason.ADDRESS_REFUSED, "private"), None, "failed"),
        (None, PageParseError("a PDF"), "not_a_page"),
        (None, ParseAbortedError("too long"), "aborted"),
        (None, Page(TITLE, "Subscribe to read on."), "too_little"),
        (None, Page(TITLE, "We store cookies with our partners to show what you may like. " * 9), "another_matter"),
        (None, Page(TITLE, PARAGRAPHS[0] + FULL[:100]), "too_little"),
    ],
)
async def test_whatever_goes_wrong_the_summary_stays_with_a_reason(
    answer: FetchResult | None, page: Page | Exception | None, reason: str
) -> None:
    setting = Setting(page=page)
    if answer is not None:
        setting.web.answers["https://bay.example.org/1"] = answer
    (after,), refused = await setting.complete(article())
    assert (after, refused) == (article(), [(reason, 1)])


async def test_robots_txt_is_obeyed_and_told_once() -> None:
    setting = Setting("User-agent: *\nDisallow: /1")
    completed, refused = await setting.complete(article(1), article(10), article(2))
    assert [item.text == FULL for item in completed] == [False, False, True]
    assert refused == [("disallowed", 2)]
    assert [url for url, _ in setting.web.asked] == ["https://bay.example.org/2"]


async def test_what_is_not_asked_for_is_not_counted() -> None:
    setting = Setting("User-agent: *\nDisallow: /no", pages=1)
    urls = [None, "https://bay.example.org/no/1", "https://bay.example.org/no/2", "https://bay.example.org/yes"]
    completed, refused = await setting.complete(*(article(number, url) for number, url in enumerate(urls)))
    assert completed[-1].text == FULL
    assert sorted(refused) == [("disallowed", 2), ("no_address", 1)]


async def test_robots_txt_is_obeyed_where_a_redirect_leads() -> None:
    setting = Setting("User-agent: *\nDisallow: /private")
    setting.web.redirects["https://bay.example.org/1"] = "https://www.example.org/private/1"
    _, refused = await setting.complete(article(1))
    assert (refused, setting.web.asked) == ([("disallowed", 1)], [])


@pytest.mark.parametrize(("rules", "starts"), [("", [0, 1, 2]), ("User-agent: *\nCrawl-delay: 7", [0, 7, 14])])
async def test_a_host_is_asked_at_its_pace(rules: str, starts: list[float]) -> None:
    setting = Setting(rules)
    await setting.complete(article(1), article(2), article(3))
    assert [at for _, at in setting.web.asked] == starts


async def test_the_pace_holds_across_polls_and_not_across_hosts() -> None:
    setting = Setting(delay=timedelta(seconds=5))
    await setting.complete(article(1))
    await setting.complete(article(2), article(3, url="https://other.example.org/3"))
    assert [at for _, at in setting.web.asked] == [0, 5, 5]


async def test_a_host_is_asked_for_one_page_at_a_time_by_all_polls() -> None:
    setting = Setting(delay=timedelta(0))
    at_once, most = 0, 0
    fetch = setting.web.fetch

    async def watched(url: str, *, permit: Permit | None = None) -> FetchResult:
        nonlocal at_once, most
        at_once += not url.endswith("robots.txt")
        most = max(most, at_once)
        result = await fetch(url, permit=permit)
        at_once -= not url.endswith("robots.txt")
        return result

    setting.web.fetch = watched  # type: ignore[method-assign]
    await asyncio.gather(*(setting.pages.complete(FEED, [article(number)]) for number in range(5)))
    assert (len(setting.web.asked), most) == (5, 1)


async def test_a_poll_asks_for_so_many_pages_and_no_more() -> None:
    completed, refused = await Setting(pages=2).complete(*(article(number) for number in range(5)))
    assert [item.text == FULL for item in completed] == [True, True, False, False, False]
    assert refused == [("over_budget", 3)]


async def test_a_poll_takes_so_long_and_no_longer() -> None:
    setting = Setting(time=timedelta(seconds=30))
    setting.web.takes = timedelta(seconds=14)
    _, refused = await setting.complete(*(article(number) for number in range(5)))
    assert [at for _, at in setting.web.asked] == [0, 15]
    assert refused == [("over_budget", 3)]


async def test_sites_whose_robots_txt_takes_long_use_up_the_time_of_a_poll() -> None:
    setting = Setting(time=timedelta(seconds=60))
    setting.web.rules_take = timedelta(seconds=30)
    setting.web.rules_answer = Failed(FailureReason.TIMEOUT, "no complete answer within 30 s")
    _, refused = await setting.complete(*(article(n, f"https://site{n}.example.org/a") for n in range(9)))
    assert refused == [("disallowed", 2), ("over_budget", 7)]
    assert setting.clock.now() - EPOCH == timedelta(seconds=60)


async def test_a_pace_beyond_the_budget_is_not_waited_for() -> None:
    setting = Setting("User-agent: *\nCrawl-delay: 3600", time=timedelta(seconds=30))
    _, refused = await setting.complete(article(1), article(2))
    assert (refused, setting.clock.slept) == ([("over_budget", 1)], [])


async def test_a_host_that_asks_to_be_left_alone_is_left_alone() -> None:
    setting = Setting()
    limited = Failed(FailureReason.RATE_LIMITED, "429", 429, retry_after=timedelta(minutes=5))
    setting.web.answers["https://bay.example.org/1"] = limited
    _, refused = await setting.complete(article(1), article(2), article(3, url="https://other.example.org/3"))
    assert refused == [("failed", 1), ("host_rests", 1)]
    setting.clock.advance(timedelta(minutes=5))
    assert (await setting.complete(article(2)))[1] == []


async def test_a_host_that_fails_three_times_in_a_row_rests() -> None:
    setting = Setting()
    for number in (1, 3, 4, 5):
        setting.web.answers[f"https://bay.example.org/{number}"] = Failed(FailureReason.FORBIDDEN, "403", 403)
    _, refused = await setting.complete(*(article(number) for number in range(1, 7)))
    assert refused == [("failed", 4), ("host_rests", 1)]
    setting.clock.advance(timedelta(minutes=15))
    assert (await setting.complete(article(6)))[1] == []


async def test_pages_that_are_gone_do_not_make_a_host_rest() -> None:
    setting = Setting()
    for number in range(5):
        setting.web.answers[f"https://bay.example.org/{number}"] = Failed(FailureReason.NOT_FOUND, "404", 404)
    _, refused = await setting.complete(*(article(number) for number in range(6)))
    assert refused == [("failed", 5)]


async def test_everything_is_closed() -> None:
    setting = Setting()
    await setting.pages.aclose()
    assert setting.web.is_closed
    assert setting.extractor.is_closed
