"""What robots.txt allows us, and what its absence does."""

import asyncio
import time
from datetime import timedelta

import pytest

from services.fetcher.client import Failed, FailureReason, Fetched, FetchResult, Gone, NotModified, Validators
from services.fetcher.robots import Robots
from tests.fakes import FakeClock

PAGE = "https://bay.example.org/harbour/1"


class Site:
    """Answers with what it is told to, and keeps what it was asked for."""

    def __init__(self, answer: FetchResult | str = "") -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def fetch(self, url: str) -> FetchResult:
        self.asked.append(url)
        await asyncio.sleep(0)
        if isinstance(self.answer, str):
            return Fetched(url, self.answer.encode(), "text/plain", Validators())
        return self.answer


def failed(status: int | None = None, reason: FailureReason = FailureReason.HTTP_STATUS) -> Failed:
    return Failed(reason, f"answered {status}", status)


@pytest.mark.parametrize(
    ("text", "is_allowed"),
    [
        ("", True),
        ("<html><body>Not found</body></html>", True),
        ("User-agent: *\nDisallow: /harbour/", False),
        ("User-agent: *\nDisallow: /harbour/\nAllow: /harbour/1", True),
        ("User-agent: *\nDisallow: /*/1$", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: Redline\nDisallow:", True),
        ("User-agent: REDLINE/2.0\nDisallow: /", False),
        ("User-agent: Redline\nUser-agent: other\nDisallow: /", False),
        ("User-agent: other\nDisallow: /", True),
        ("User-agent: Redliner\nDisallow: /", True),
        ("User-agent: other\nUser-agent: *\nDisallow: /harbour", False),
        ("\ufeffUser-agent: *\r\nDisallow: /harbour # not for programs", False),
        ("User-agent: other\nAllow: /\nUser-agent: *\nDisallow: /", False),
    ],
)
async def test_rules(text: str, is_allowed: bool) -> None:
    refusal = await Robots(Site(text), FakeClock()).refusal(PAGE)
    assert (refusal is None) == is_allowed
    assert refusal is None or PAGE in refusal


@pytest.mark.parametrize(
    ("answer", "is_allowed"),
    [
        (failed(404, FailureReason.NOT_FOUND), True),
        (failed(403, FailureReason.FORBIDDEN), True),
        (failed(204), True),
        (Gone("gone"), True),
        (failed(None, FailureReason.TOO_MANY_REDIRECTS), True),
        (failed(500, FailureReason.SERVER_ERROR), False),
        (failed(429, FailureReason.RATE_LIMITED), False),
        (failed(None, FailureReason.TIMEOUT), False),
        (failed(None, FailureReason.HOST_NOT_FOUND), False),
        (failed(None, FailureReason.ADDRESS_REFUSED), False),
        (NotModified(Validators()), False),
    ],
)
async def test_no_rules_allow_everything_and_unknown_ones_nothing(answer: FetchResult, is_allowed: bool) -> None:
    refusal = await Robots(Site(answer), FakeClock()).refusal(PAGE)
    assert (refusal is None) == is_allowed


async def test_each_site_is_asked_once_a_day() -> None:
    site, clock = Site("User-agent: *\nDisallow: /x"), FakeClock()
    robots = Robots(site, clock)
    await asyncio.gather(*(robots.refusal(f"https://bay.example.org/{number}") for number in range(20)))
    clock.advance(timedelta(hours=23))
    await robots.refusal(PAGE)
    await robots.refusal("https://user@BAY.example.org/2")
    assert site.asked == ["https://bay.example.org/robots.txt"]
    await robots.refusal("http://bay.example.org/2")
    await robots.refusal("https://bay.example.org:8443/2")
    assert site.asked[1:] == ["http://bay.example.org/robots.txt", "https://bay.example.org:8443/robots.txt"]
    clock.advance(timedelta(hours=1))
    await robots.refusal(PAGE)
    assert len(site.asked) == 4


async def test_rules_that_are_known_hold_while_the_site_cannot_be_asked() -> None:
    site, clock = Site("User-agent: *\nDisallow: /x"), FakeClock()
    robots = Robots(site, clock)
    await robots.refusal(PAGE)
    site.answer = failed(503, FailureReason.SERVER_ERROR)
    clock.advance(timedelta(hours=25))
    assert await robots.refusal(PAGE) is None
    assert await robots.refusal("https://bay.example.org/x") is not None
    assert len(site.asked) == 2
    clock.advance(timedelta(minutes=15))
    await robots.refusal(PAGE)
    assert len(site.asked) == 3


async def test_a_site_that_could_not_be_asked_is_asked_again_soon() -> None:
    site, clock = Site(failed(503, FailureReason.SERVER_ERROR)), FakeClock()
    robots = Robots(site, clock)
    assert await robots.refusal(PAGE) is not None
    site.answer = ""
    assert await robots.refusal(PAGE) is not None
    clock.advance(timedelta(minutes=15))
    assert await robots.refusal(PAGE) is None


async def test_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    robots = Robots(Site(), FakeClock())
    first, second = (asyncio.create_task(robots.refusal(PAGE)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is None


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"User-agent: a{number}\n" for number in range(2_000)) + "Disallow: /x\n" * 2_000,
        "User-agent: *\n" + "".join(f"Disallow: /*{number}*\n" for number in range(10_000)),
    ],
    ids=["agents", "rules"],
)
async def test_a_hostile_file_takes_little_time(text: str) -> None:
    begun = time.process_time()
    await Robots(Site(text), FakeClock()).refusal(PAGE)
    assert time.process_time() - begun < 3


async def test_only_half_a_megabyte_counts() -> None:
    text = f"User-agent: *\nDisallow: /a\n#{'x' * 600_000}\nDisallow: /harbour"
    assert await Robots(Site(text), FakeClock()).refusal(PAGE) is None


async def test_the_pace_that_a_site_asks_for() -> None:
    rules = await Robots(Site("User-agent: *\nCrawl-delay: 7.5"), FakeClock()).rules(PAGE)
    assert rules.delay_seconds == 7.5
    assert (await Robots(Site(""), FakeClock()).rules(PAGE)).delay_seconds == 0
