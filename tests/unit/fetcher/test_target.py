"""One reading of an address, for all of the fetcher."""

import pytest

from services.fetcher.answers import Hop, moved_to
from services.fetcher.target import BadTargetError, read_target


def test_an_address_is_read_without_what_no_log_may_show() -> None:
    target = read_target("https://desk:p%40ss@news.example.org:8443/a?b=c#d")
    assert target.text == "https://news.example.org:8443/a?b=c"
    assert (target.origin, target.path) == ("https://news.example.org:8443", b"/a?b=c")
    assert (target.userinfo, target.authority) == ("desk:p@ss", b"news.example.org:8443")
    assert "ss" not in repr(target)


@pytest.mark.parametrize(
    ("url", "origin", "authority"),
    [
        ("http://EXAMPLE.org", "http://example.org:80", b"example.org"),
        ("https://example.org:443/", "https://example.org:443", b"example.org"),
        ("https://münchen.example/", "https://xn--mnchen-3ya.example:443", b"xn--mnchen-3ya.example"),
        ("http://[2606:4700::1111]:8080/", "http://[2606:4700::1111]:8080", b"[2606:4700::1111]:8080"),
    ],
)
def test_origins(url: str, origin: str, authority: bytes) -> None:
    target = read_target(url)
    assert (target.origin, target.authority) == (origin, authority)


@pytest.mark.parametrize(
    "url", ["", "feed.xml", "ftp://example.org/", "http://", "http://./", "http://a%62c/", "http://x:y/"]
)
def test_what_cannot_be_asked(url: str) -> None:
    with pytest.raises(BadTargetError):
        read_target(url)


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("/new#part", "https://example.org/new"),
        ("new", "https://example.org/a/new"),
        ("?page=2", "https://example.org/a/b?page=2"),
        ("//other.example/x", "https://other.example/x"),
        ("http://me:secret@other.example/x", "http://other.example/x"),
        ("/ü x", "https://example.org/%C3%BC%20x"),
    ],
)
def test_where_a_location_leads(location: str, text: str) -> None:
    target = read_target("https://example.org/a/b").joined(location)
    assert (target.text, target.userinfo) == (text, None)


@pytest.mark.parametrize(
    ("own", "other", "may"),
    [
        ("https://example.org/a", "https://example.org/b", True),
        ("https://example.org/", "https://EXAMPLE.org:443/", True),
        ("http://example.org/", "https://example.org/", True),
        ("https://example.org/", "http://example.org/", False),
        ("https://example.org/", "https://example.org:8443/", False),
        ("http://example.org:8080/", "https://example.org/", False),
        ("https://example.org/", "https://www.example.org/", False),
        ("https://example.org/", "https://example.org.evil.example/", False),
    ],
)
def test_who_is_told_secrets(own: str, other: str, may: bool) -> None:
    assert read_target(own).may_share_secrets_with(read_target(other)) is may


@pytest.mark.parametrize(
    ("hops", "target"),
    [
        ([("http://a/", 200)], None),
        ([("http://a/", 301), ("http://b/", 200)], "http://b/"),
        ([("http://a/", 308), ("http://b/", 301), ("http://c/", 304)], "http://c/"),
        ([("http://a/", 301), ("http://b/", 302), ("http://c/", 301), ("http://d/", 200)], "http://b/"),
        ([("http://a/", 302), ("http://b/", 301), ("http://c/", 200)], None),
        ([("http://a/", 301), ("https://a/", 200)], "https://a/"),
        ([("https://a/", 301), ("http://a/", 200)], None),
        ([("https://a/", 301), ("https://b/", 301), ("http://b/", 200)], "https://b/"),
    ],
)
def test_how_far_a_feed_has_moved(hops: list[tuple[str, int]], target: str | None) -> None:
    assert moved_to([Hop(url, status) for url, status in hops]) == target
