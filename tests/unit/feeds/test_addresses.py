"""Addresses as people write them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.feeds.addresses import AddressError, AddressFault, address_key, feed_address, has_scheme


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://e.org/f?a=1&b=2", "https://e.org/f?a=1&b=2"),
        ("HTTP://E.org/F", "http://E.org/F"),
        ("e.org", "https://e.org"),
        ("www.e.org/f.xml", "https://www.e.org/f.xml"),
        ("feed.xml.org/f", "https://feed.xml.org/f"),
        ("localhost:8080/f", "https://localhost:8080/f"),
        ("127.0.0.1:99/f", "https://127.0.0.1:99/f"),
        ("[::1]:8/f", "https://[::1]:8/f"),
        ("пример.рф/rss", "https://пример.рф/rss"),
        ("//e.org/f", "https://e.org/f"),
        ("feed://e.org/f", "http://e.org/f"),
        ("feeds://e.org/f", "https://e.org/f"),
        ("feed:https://e.org/f", "https://e.org/f"),
        ("feed:e.org/f", "http://e.org/f"),
        ("rss://e.org/f", "http://e.org/f"),
        ("itpc://e.org/f", "http://e.org/f"),
        ("pcast://e.org/f", "http://e.org/f"),
        ("http://https://e.org/f", "https://e.org/f"),
        ("http:/e.org/f", "http://e.org/f"),
        ("https:///e.org/f", "https://e.org/f"),
        ("https:\\\\e.org/f", "https://e.org/f"),
        ("htp://e.org/f", "http://e.org/f"),
        ("ttps://e.org/f", "https://e.org/f"),
        ("http//e.org/f", "http://e.org/f"),
        ("http.cat/f", "https://http.cat/f"),
        (" <https://e.org/f> ", "https://e.org/f"),
        ("“https://e.org/f”", "https://e.org/f"),
        ("\ufeffhttps://e.org/\u200bf", "https://e.org/f"),
        ("https://e.org/a\n   b", "https://e.org/ab"),
        ("https://e.org/a b", "https://e.org/a%20b"),
        ("https://e.org/?a=1&amp;b=2", "https://e.org/?a=1&b=2"),
    ],
)
def test_what_is_meant(written: str, meant: str) -> None:
    assert feed_address(written) == meant


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("", AddressFault.MISSING),
        (' "" ', AddressFault.MISSING),
        ("ftp://e.org/f", AddressFault.NOT_HTTP),
        ("mailto:a@e.org", AddressFault.NOT_HTTP),
        ("javascript:void(0)", AddressFault.NOT_HTTP),
        ("file:///etc/passwd", AddressFault.NOT_HTTP),
        ("/feed.xml", AddressFault.RELATIVE),
        ("feed.xml", AddressFault.RELATIVE),
        ("a@e.org", AddressFault.RELATIVE),
        ("nothing", AddressFault.RELATIVE),
        ("https://", AddressFault.NO_HOST),
        ("http://:80/f", AddressFault.NO_HOST),
        ("https://e.org:99999/f", AddressFault.NO_HOST),
        ("https://[::1/f", AddressFault.NO_HOST),
        (f"https://e.org/{'f' * 2048}", AddressFault.TOO_LONG),
    ],
)
def test_what_no_feed_can_be_asked_at(written: str, fault: AddressFault) -> None:
    with pytest.raises(AddressError) as caught:
        feed_address(written)
    assert caught.value.fault is fault


@pytest.mark.parametrize(
    ("written", "site", "meant"),
    [
        ("/f.xml", "https://e.org/news/", "https://e.org/f.xml"),
        ("f.xml", "https://e.org/news/", "https://e.org/news/f.xml"),
        ("?feed=rss2", "e.org", "https://e.org?feed=rss2"),
        ("https://other.org/f", "https://e.org/", "https://other.org/f"),
    ],
)
def test_a_relative_address_belongs_to_its_site(written: str, site: str, meant: str) -> None:
    assert feed_address(written, site) == meant


def test_a_relative_address_of_a_site_that_is_none() -> None:
    with pytest.raises(AddressError, match="nor is its site's"):
        feed_address("/f.xml", "mailto:a@e.org")


@given(
    st.text(max_size=60) | st.text("htps:/.e@[]%?#0 \n&amp;feed", max_size=40), st.none() | st.just("https://e.org/")
)
@settings(max_examples=200)
def test_what_comes_back_is_an_address_and_stays_one(written: str, site: str | None) -> None:
    try:
        meant = feed_address(written, site)
    except AddressError:
        return
    assert meant.startswith(("http://", "https://"))
    assert feed_address(meant) == meant


def test_what_differs_only_in_how_it_is_written() -> None:
    assert address_key("https://E.org:443") == address_key("https://e.org/") == address_key("https://e.org/#top")
    different = ["https://e.org/", "http://e.org/", "https://e.org/a", "https://e.org/?a", "https://u:p@e.org/"]
    assert len({address_key(url) for url in different}) == len(different)


def test_whether_a_scheme_was_named() -> None:
    assert has_scheme("http://e.org")
    assert has_scheme(" https:/e.org")
    assert not has_scheme("e.org")
    assert not has_scheme("http.cat")
