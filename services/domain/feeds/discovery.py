"""Where a site may have its feeds: what its pages, its robots.txt and custom say, the likeliest first."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from urllib.parse import urljoin, urlsplit

import lxml.etree
import lxml.html

from services.domain.feeds.addresses import address_key
from services.domain.feeds.encoding import decode_document

MAX_PAGE_CHARS = 4 * 1024 * 1024
MAX_LINKS_READ = 5000
MAX_CANDIDATES = 200  # a page of feeds lists a hundred; nobody reads more

_FEED_TYPES = frozenset({
    "application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json",
    "application/x-rss+xml", "application/json", "application/xml", "text/xml", "text/rss+xml", "text/rss", "text/atom",
})  # fmt: skip
# Customs of the widespread programs, each where most of its sites have it.
_CUSTOMS = (
    "/feed", "/rss", "/rss.xml", "/feed.xml", "/atom.xml", "/index.xml", "/feeds/posts/default", "/feed.json",
    "/feed/atom", "/rss/all.xml", "/rss/news.xml", "/news/rss", "/news/feed", "/blog/feed", "/index.rdf", "/?feed=rss2",
)  # fmt: skip
_SECTION_CUSTOMS = ("feed", "rss", "rss.xml", "index.xml")
_FEED_PATH = re.compile(
    r"(?:^|[/_.-])(?:feeds?|rss\d?|atom|rdf|newsfeeds?)(?:[/._-]|$)|\.(?:rss|atom|rdf|xml)$|rss(?:feeds?)?$",
    re.IGNORECASE,
)
_FEED_QUERY = re.compile(r"(?:^|&)(?:feed|format|type|output|alt)=(?:rss\d?|atom|feed|xml)(?:&|$)", re.IGNORECASE)
_FEED_WORD = re.compile(r"\b(?:rss|atom feeds?|xml feeds?|feeds?)\b", re.IGNORECASE)
_NO_PAGE = re.compile(r"\.(?:css|js|png|jpe?g|gif|svg|webp|ico|pdf|mp[34]|zip|woff2?)$", re.IGNORECASE)
_OEMBED = re.compile(r"oembed|wp-json", re.IGNORECASE)
_COMMENTS_TITLE = re.compile(
    r"\b(?:comments|comments? feed|kommentar\w*|commentaires|comentarios|commenti|reacties)\b|комментари|коментар|댓글",
    re.IGNORECASE,
)
_COMMENTS_PATH = re.compile(r"(?:^|[/=_-])(?:comments|replies)(?:[/._-]|$)", re.IGNORECASE)
_SITEMAP_LINE = re.compile(r"^[ \t]*sitemap[ \t]*:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)
_NEWS = re.compile(r"news|latest|recent|google", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_HEAD_BYTES = 4096


class Lead(StrEnum):
    """Why an address may be a feed; the likeliest first."""

    GIVEN = "given"  # by the user
    ADVERTISED = "advertised"  # the page says that it is one
    LINKED = "linked"  # the page links to what looks like one
    CUSTOM = "custom"  # sites often have one there
    SITEMAP = "sitemap"  # robots.txt names it; a news sitemap lists articles as a feed does


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address where a feed may be, and what is said of it."""

    url: str
    lead: Lead
    title: str = ""

    @property
    def is_comments(self) -> bool:
        """Whether it seems to be a feed of readers' comments."""
        return is_comments_feed(self.url, self.title)


def is_comments_feed(url: str, title: str) -> bool:
    """Say whether a feed seems to be one of readers' comments, by its address or title."""
    parts = urlsplit(url)
    return bool(_COMMENTS_TITLE.search(title) or _COMMENTS_PATH.search(f"{parts.path}?{parts.query}"))


def page_candidates(body: bytes, content_type: str | None, url: str) -> tuple[Candidate, ...]:
    """Return the feeds that an HTML page advertises, then those it seems to link to; comments last of each.

    The page may be damaged; what is no HTML at all gives nothing.
    """
    root = _tree(body, content_type)
    if root is None:
        return ()
    base = _base(root, url)
    advertised = _comments_last(_advertised(root, base))
    linked = _comments_last(_linked(root, base, url))
    return _unique([*advertised, *linked], {address_key(url)})[:MAX_CANDIDATES]


def sitemap_candidates(robots: str, url: str) -> tuple[Candidate, ...]:
    """Return the sitemaps that a robots.txt names, those of news first."""
    addresses = (urljoin(url, found) for found in _SITEMAP_LINE.findall(robots))
    return news_first(address for address in addresses if _is_http(address))


def news_first(addresses: Iterable[str]) -> tuple[Candidate, ...]:
    """Return sitemaps as candidates, those whose names speak of news first, else in their order."""
    candidates = _unique(Candidate(address, Lead.SITEMAP) for address in addresses)
    return tuple(sorted(candidates, key=lambda candidate: not speaks_of_news(candidate.url)))


def speaks_of_news(url: str) -> bool:
    """Say whether a sitemap's name suggests that it lists recent articles."""
    return bool(_NEWS.search(urlsplit(url).path))


def custom_candidates(url: str) -> tuple[Candidate, ...]:
    """Return where sites often have a feed: below the page's own path first, then at the root."""
    section = urlsplit(url).path.rstrip("/")
    own = (
        [f"{section}/{name}" for name in _SECTION_CUSTOMS] if section and "." not in section.rpartition("/")[2] else []
    )
    return _unique(Candidate(urljoin(url, path), Lead.CUSTOM) for path in (*own, *_CUSTOMS))


def _tree(body: bytes, content_type: str | None) -> lxml.html.HtmlElement | None:
    if "charset" not in (content_type or "").lower() and (found := _META_CHARSET.search(body, 0, _HEAD_BYTES)):
        content_type = f"text/html; charset={found.group(1).decode()}"
    text, _ = decode_document(body, content_type)
    parser = lxml.html.HTMLParser(encoding="utf-8", recover=True)
    readable = text[:MAX_PAGE_CHARS].replace("\0", "").encode("utf-8", "replace")
    try:
        root = lxml.html.document_fromstring(readable, parser=parser)
    except (lxml.etree.LxmlError, ValueError, AssertionError):
        return None
    return root


def _base(root: lxml.html.HtmlElement, url: str) -> str:
    for element in root.iter("base"):
        if href := (element.get("href") or "").strip():
            return _joined(url, href) or url
    return url


def _advertised(root: lxml.html.HtmlElement, base: str) -> Iterator[Candidate]:
    for element in islice(root.iter("link", "a"), MAX_LINKS_READ):
        words = (element.get("rel") or "").lower().split()
        kind = (element.get("type") or "").partition(";")[0].strip().lower()
        address = _joined(base, element.get("href"))
        if address is None or _OEMBED.search(address):
            continue
        is_typed = "alternate" in words and kind in _FEED_TYPES
        if is_typed or "feed" in words:
            yield Candidate(address, Lead.ADVERTISED, _one_line(element.get("title")))


def _linked(root: lxml.html.HtmlElement, base: str, url: str) -> list[Candidate]:
    """Return what looks like a feed by its address or by what the link says; own and plainer addresses first."""
    own = _site(url)
    ranked = []
    for element in islice(root.iter("a", "area", "link"), MAX_LINKS_READ):
        address = _joined(base, element.get("href"))
        if address is None:
            continue
        said = _one_line(element.text_content() if element.tag == "a" else "") or _one_line(element.get("title"))
        rank = _likeness(address, said, is_link=element.tag == "link")
        if rank is not None:
            ranked.append((_site(address) != own, rank, Candidate(address, Lead.LINKED, said[:200])))
    return [candidate for *_, candidate in sorted(ranked, key=lambda entry: entry[:2])]


def _likeness(address: str, said: str, *, is_link: bool) -> int | None:
    """Return how little an address looks like a feed, 0 the likeliest, None for not at all."""
    parts = urlsplit(address)
    if _NO_PAGE.search(parts.path) or _OEMBED.search(address) or "sitemap" in parts.path.lower():
        return None
    if _FEED_PATH.search(parts.path) or _FEED_QUERY.search(parts.query) or parts.hostname == "feeds.feedburner.com":
        return 0
    if is_link:
        return None  # style sheets and the like
    return 1 if len(said) <= 60 and _FEED_WORD.search(said) else None


def _site(url: str) -> str:
    return ".".join((urlsplit(url).hostname or "").removeprefix("www.").split(".")[-2:])


def _joined(base: str, href: str | None) -> str | None:
    """Return the absolute http(s) address of a link, None where it leads elsewhere."""
    written = (href or "").strip()
    if not written or written.startswith("#"):
        return None
    scheme, _, rest = written.partition(":")
    if scheme.lower() == "feed":
        written = rest if "://" in rest else f"http:{rest}"
    try:
        address = urljoin(base, "".join(written.split()))
    except ValueError:
        return None
    return address.partition("#")[0] if _is_http(address) else None


def _is_http(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _comments_last(candidates: Iterable[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda candidate: candidate.is_comments)


def _unique(candidates: Iterable[Candidate], seen: set[str] | None = None) -> tuple[Candidate, ...]:
    keys = set(seen or ())
    kept = []
    for candidate in candidates:
        key = address_key(candidate.url)
        if key not in keys:
            keys.add(key)
            kept.append(candidate)
    return tuple(kept)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
