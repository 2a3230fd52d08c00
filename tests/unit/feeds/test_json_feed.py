"""JSON Feed: what its fields become, and how much it may get wrong."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.feeds.normalize import read_feed
from services.domain.feeds.parser import Entry, FeedParseError, ParsedFeed, parse_feed

VERSION = "https://jsonfeed.org/version/1.1"


def parse(document: Any) -> ParsedFeed:
    return parse_feed(json.dumps(document).encode(), base_url="https://news.example/feed.json")


def item(**fields: Any) -> Entry:
    return parse({"version": VERSION, "items": [fields]}).entries[0]


def test_a_whole_feed() -> None:
    feed = parse({
        "version": VERSION, "title": " Example\nNews ", "home_page_url": "/", "description": "All < none",
        "feed_url": "https://own.example/feed.json", "language": "uk", "authors": [{"name": "Ann"}, {"name": "Bo"}],
        "hubs": [{"type": "rssCloud", "url": "https://cloud.example"}, {"type": "WebSub", "url": "https://hub.example/"}],
        "items": [{
            "id": "1", "url": "../a", "title": "3 < 4", "content_html": "<p>Whole</p>", "summary": "A & B",
            "date_published": "2024-11-27T18:00:00+09:00", "date_modified": "2024-11-27T10:00:00Z",
            "tags": ["War", "War", 7], "language": "ru", "author": {"name": "Old Style"},
        }],
    })  # fmt: skip
    assert (feed.title, feed.link, feed.description, feed.feed_type) == (
        "Example News",
        "https://news.example/",
        "All < none",
        "json_1.1",
    )
    assert (feed.language, feed.authors, feed.author) == ("uk", ("Ann", "Bo"), "Ann, Bo")
    assert (feed.hubs, feed.self_url) == (("https://hub.example/",), "https://own.example/feed.json")
    assert feed.entries == (
        Entry(
            id="1",
            link="https://news.example/a",
            title="3 < 4",
            summary="A &amp; B",
            content="<p>Whole</p>",
            author="Old Style",
            published_at=datetime(2024, 11, 27, 9, tzinfo=UTC),
            updated_at=datetime(2024, 11, 27, 10, tzinfo=UTC),
            lang="ru",
            categories=("War",),
            authors=("Old Style",),
        ),
    )


def test_text_is_text() -> None:
    (draft,) = read_feed(
        json.dumps({"version": VERSION, "items": [{"id": "1", "content_text": "5 < 6\n\nSecond & last"}]}).encode()
    ).drafts
    assert draft.text == "5 < 6\nSecond & last"


def test_version_1_0_and_ids_that_are_numbers() -> None:
    feed = parse({"version": "https://jsonfeed.org/version/1", "items": [{"id": 7}, {"id": True}]})
    assert (feed.feed_type, [entry.id for entry in feed.entries]) == ("json_1.0", ["7", None])


def test_the_id_is_the_link_where_it_is_an_address_and_there_is_no_other() -> None:
    assert item(id="https://e.org/1").link == "https://e.org/1"
    assert item(id="https://e.org/1", external_url="https://f.org/").link == "https://f.org/"
    assert item(id="tag:1").link is None


def test_an_author_without_a_name_is_known_by_e_mail() -> None:
    assert item(id="1", authors=[{"url": "mailto:ann@example.org"}, "x", {"name": []}]).authors == ("ann@example.org",)


def test_what_is_no_item_is_skipped_and_said() -> None:
    feed = parse({"version": VERSION, "items": [{"id": "1"}, "x", None]})
    assert len(feed.entries) == 1
    assert feed.warnings == ("2 of 3 items are no objects; they were skipped",)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("[1]", "this is JSON, but no JSON Feed: it is a list, not an object"),
        ('{"items": []}', 'this is JSON, but no JSON Feed: its "version" is no JSON Feed version'),
        (f'{{"version": "{VERSION}"}}', 'this is JSON, but no JSON Feed: "items" is no list'),
        ('{"version":\n nonsense}', "this is broken JSON: line 2, column 2: Expecting value"),
    ],
)
def test_the_refusal_says_what_is_wrong(body: str, reason: str) -> None:
    with pytest.raises(FeedParseError) as error:
        parse_feed(body.encode())
    assert str(error.value) == reason


def test_half_a_character_does_no_harm() -> None:
    entry = item(id="a\ud800", title="b\ud800", content_text="c\ud800")
    assert (entry.id, entry.title, entry.content) == ("a?", "b?", "c?")


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "url", "type"]), inner),
    max_leaves=5,
)
names = ["id", "url", "title", "content_html", "content_text", "summary", "date_published", "tags", "authors", "author"]


@given(st.dictionaries(st.sampled_from(names), values), st.dictionaries(st.sampled_from(["title", "hubs"]), values))
def test_any_field_may_be_of_any_type(fields: dict[str, Any], head: dict[str, Any]) -> None:
    with suppress(FeedParseError):
        reading = read_feed(json.dumps({**head, "version": VERSION, "items": [fields]}).encode())
        assert len(reading.feed.entries) == 1
        for draft in reading.drafts:
            f"{draft.title}{draft.text}{draft.guid}{draft.author}".encode()
