"""When a page's text takes the place of what the feed said."""

from datetime import UTC, datetime

import pytest

from schemas.article import Article
from schemas.base import content_id
from services.domain.feeds.full_text import TextChoice, choose_text, with_page
from services.domain.feeds.page import Page
from tests.unit.feeds.pages import PARAGRAPHS, TITLE

NOW = datetime(2024, 11, 27, 12, tzinfo=UTC)
FULL = "\n".join(PARAGRAPHS)


def article(text: str = "", title: str = TITLE, author: str | None = None) -> Article:
    return Article(
        id=content_id("article", "a"),
        revision=1,
        revision_id=content_id("revision", "a"),
        feed_id="bay",
        outlet="Bay Courier",
        title=title,
        text=text,
        first_seen_at=NOW,
        author=author,
    )


@pytest.mark.parametrize(
    ("known", "text", "choice"),
    [
        ("", FULL, TextChoice.PAGE),
        (PARAGRAPHS[0], FULL, TextChoice.PAGE),
        ("A vote closed the grain pier of Ostrava Bay to ships.", FULL, TextChoice.PAGE),
        (FULL, FULL, TextChoice.NOT_MORE),
        (FULL, FULL + " One more sentence about the pier.", TextChoice.NOT_MORE),
        (FULL + FULL, FULL, TextChoice.NOT_MORE),
        (PARAGRAPHS[0], "Subscribe to read the rest.", TextChoice.TOO_LITTLE),
        (
            PARAGRAPHS[0],
            "We and our partners store cookies to show you what you like. " * 20,
            TextChoice.ANOTHER_MATTER,
        ),
    ],
)
def test_the_text_that_is_clearly_more_of_the_same(known: str, text: str, choice: TextChoice) -> None:
    assert choose_text(article(known), Page(TITLE, text)) is choice


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("위원회, 곡물 부두 폐쇄하기로", "항만 위원회는 화요일 낡은 곡물 부두를 폐쇄하기로 의결했다. " * 20),
        ("Совет закрыл зерновой причал", "Члены совета гавани закрывают зерновые причалы на время ремонта. " * 20),
    ],
)
def test_words_are_the_same_in_other_forms_too(title: str, text: str) -> None:
    assert choose_text(article(title=title), Page("", text)) is TextChoice.PAGE


def test_ids_stay_and_nothing_the_feed_said_is_lost() -> None:
    before = article("A vote, and its reasons.", author="Mira Holt")
    after = with_page(before, Page("Another title", FULL, author="Somebody", published_at=NOW), NOW)
    assert (after.id, after.revision_id, after.revision) == (before.id, before.revision_id, before.revision)
    assert (after.title, after.author, after.published_at) == (TITLE, "Mira Holt", NOW)
    assert after.text == f"A vote, and its reasons.\n{FULL}"


def test_a_summary_that_the_page_repeats_is_not_said_twice() -> None:
    assert with_page(article(PARAGRAPHS[0][:60] + " […]"), Page("", FULL), NOW).text == FULL
    assert with_page(article(), Page("", FULL), NOW).text == FULL


def test_a_page_of_the_future_is_from_now() -> None:
    late = Page("", FULL, published_at=datetime(2030, 1, 1, tzinfo=UTC))
    assert with_page(article(), late, NOW).published_at == NOW
