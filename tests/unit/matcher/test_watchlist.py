"""What the matcher makes of an article: a match a topic, whatever the article is made of."""

import asyncio
import time

import pytest

from schemas.streams import MATCHES
from services.matcher.handler import LONG_CHARS, MatcherHandler
from services.matcher.watchlist import Watchlist
from tests.fakes import RecordingPublisher
from tests.unit.matcher.watched import article, hits, rule, watched
from tests.volume import volume

CHARS = volume(1_000_000, 5_000_000)  # of an article; bounds on its time grow with it


async def test_an_article_gives_one_match_a_topic_with_every_rule_that_hit() -> None:
    publisher = RecordingPublisher()
    watchlist = Watchlist(watched(rule("b", "shells"), rule("a", "@seoul"), rule("c", "tanks")))
    await MatcherHandler(watchlist, publisher).handle(article("Seoul sends shells"))
    (match,) = publisher.on(MATCHES)
    assert [hit.rule_id for hit in match.hits] == ["a", "b"]
    assert match.watch_topic_title == "Arms"


def test_a_disabled_rule_does_not_match() -> None:
    assert hits(Watchlist(watched(rule("a", "tanks", enabled=False))), "tanks") == []


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("", ""),
        ("\0", "\0\0 \0"),
        ("\ud800", "ta\udfffnks \udc00"),
        ("tan\0ks", "shells"),
        ("\U0010ffff" * 1000, "\u0301" * 10_000),
    ],
)
async def test_an_article_that_holds_no_word_of_a_rule_matches_nothing_whatever_it_is_made_of(
    title: str, text: str
) -> None:
    publisher = RecordingPublisher()
    handler = MatcherHandler(Watchlist(watched(rule("a", "tanks AND shells"), rule("b", "@seoul"))), publisher)
    # Not even a contract keeps these characters out, once it is made without being checked.
    await handler.handle(article().model_copy(update={"title": title, "text": text}))
    assert publisher.sent == []


async def test_words_are_found_beside_characters_that_cannot_be_encoded() -> None:
    publisher = RecordingPublisher()
    broken = article("Seoul\0 sends\ud800 shells").model_copy(update={"text": "\udfff\0 tanks"})
    await MatcherHandler(Watchlist(watched(rule("a", "shells AND tanks"))), publisher).handle(broken)
    (match,) = publisher.on(MATCHES)
    assert [span.text for span in match.hits[0].evidence] == ["shells", "tanks"]


@pytest.mark.parametrize(
    "text",
    [
        "lorem ipsum dolor sit amet, " * (CHARS // 28),
        "x" * CHARS,
        "tank " * (CHARS // 5),
        "\u0301" * (CHARS // 2),
        " ".join(map(str, range(CHARS // 33))),
    ],
    ids=["prose", "one word", "one word repeated", "marks alone", "all words new"],
)
@pytest.mark.slow
async def test_an_article_of_megabytes_takes_seconds_and_hits_where_it_should(text: str) -> None:
    publisher = RecordingPublisher()
    handler = MatcherHandler(Watchlist(watched(rule("a", "shells NEAR/3 tanks"), rule("b", "@seoul"))), publisher)
    begun_at = time.process_time()
    await handler.handle(article(text=f"{text} Shells and tanks"))
    # The slowest, with no word twice, takes some three seconds a megabyte.
    assert time.process_time() - begun_at < 8 * len(text) / 1_000_000
    (match,) = publisher.on(MATCHES)
    assert [hit.rule_id for hit in match.hits] == ["a"]
    assert all(span.start >= len(text) - 20 for span in match.hits[0].evidence)


async def test_a_very_long_article_keeps_nothing_but_articles_waiting() -> None:
    publisher = RecordingPublisher()
    handler = MatcherHandler(Watchlist(watched(rule("a", "shells"))), publisher)
    long, short = article("Long", "lorem ipsum " * LONG_CHARS + "shells"), article("Shells")
    handling = asyncio.gather(handler.handle(long), handler.handle(short))
    turns = 0
    while not handling.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10
    assert [match.article.title for match in publisher.on(MATCHES)] == ["Long", "Shells"]
