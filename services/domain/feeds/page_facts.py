"""What a page says of the article in it: title, author, time, language, its own address. Structured data come first."""

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape
from itertools import chain
from typing import Any
from urllib.parse import urljoin

from lxml.html import HtmlElement

from services.domain.feeds.plain_text import one_line, plain_text
from services.domain.feeds.urls import canonical_url
from services.domain.text.language import language_code

_MAX_AUTHOR_CHARS = 200
_FIRST_YEAR = 1990  # there were no pages before; 0001 and 1970 are what programs say that do not know
_MAX_VALUES = 10_000  # of structured data: a page has hundreds
_ARTICLE_TYPE = re.compile(r"(?:article|blogposting|liveblogposting|report)$", re.IGNORECASE)
_COMMENT_AROUND = re.compile(r"^\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[)|(?:-->|//\s*\]\]>|\]\]>)\s*$")
_TITLE_META = ("og:title", "twitter:title", "dc.title", "headline")
_AUTHOR_META = (
    "author",
    "article:author",
    "og:article:author",
    "parsely-author",
    "sailthru.author",
    "byl",
    "dc.creator",
)
_TIME_META = (
    "article:published_time", "og:article:published_time", "og:published_time", "datepublished", "article.published",
    "parsely-pub-date", "sailthru.date", "pubdate", "publishdate", "publish-date", "publication_date", "pub_date",
    "article_date_original", "dc.date.issued", "dcterms.created", "dcterms.issued", "dc.date", "date",
)  # fmt: skip
_LANG_META = ("og:locale", "content-language", "dc.language", "language")
_BYLINE = re.compile(r"^(?:by|von|par|por|автор|автори?|기자)\s*[:：]?\s+", re.IGNORECASE)
_DIGIT = re.compile(r"\d")  # of the time beside the name
_SITE_SEPARATORS = (" | ", " - ", " – ", " — ", " :: ", " : ", " · ", " » ", " « ")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a page says of its article; `stated_body` is the text that its structured data hold, if any."""

    title: str
    author: str | None
    published_at: datetime | None
    lang: str | None
    canonical_url: str | None
    stated_body: str


def page_facts(tree: HtmlElement, url: str | None) -> Facts:
    """Return what the page says of its article, and what follows for sure; never guesses from its running text."""
    meta = _meta(tree)
    article = _structured_article(tree)
    return Facts(
        title=_title(tree, meta, article),
        author=_author(tree, meta, article),
        published_at=_published_at(tree, meta, article),
        lang=_lang(tree, meta, article),
        canonical_url=_canonical_url(tree, meta, url),
        stated_body=plain_text(_string(article.get("articleBody"))),
    )


def _meta(tree: HtmlElement) -> dict[str, str]:
    """Return the page's named statements by name in lower case; the first of a name counts."""
    said: dict[str, str] = {}
    for element in tree.iter("meta"):
        name = element.get("property") or element.get("name") or element.get("itemprop") or element.get("http-equiv")
        content = one_line(element.get("content") or "")
        if name and content:
            said.setdefault(name.strip().lower(), content)
    return said


def _structured_article(tree: HtmlElement) -> dict[str, Any]:
    """Return the object that describes the article (schema.org as JSON-LD); empty if there is none."""
    scripts = (element.text or "" for element in tree.iter("script") if _is_json_ld(element))
    objects = chain.from_iterable(_objects(_json(script)) for script in scripts)
    return next(filter(_is_article, objects), {})


def _is_json_ld(element: HtmlElement) -> bool:
    return (element.get("type") or "").partition(";")[0].strip().lower() == "application/ld+json"


def _json(script: str) -> Any:
    text = _COMMENT_AROUND.sub("", script)
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects, outer before inner."""
    waiting = deque([value])
    for _ in range(_MAX_VALUES):
        if not waiting:
            return
        here = waiting.popleft()
        if isinstance(here, dict):
            yield here
            waiting.extend(here.values())
        elif isinstance(here, list):
            waiting.extend(here)


def _is_article(found: dict[str, Any]) -> bool:
    kinds = found.get("@type")
    return any(isinstance(kind, str) and _ARTICLE_TYPE.search(kind) for kind in _listed(kinds))


def _title(tree: HtmlElement, meta: dict[str, str], article: dict[str, Any]) -> str:
    headings = [text for element in tree.iter("h1") if (text := one_line(element.text_content()))]
    heading = headings[0] if len(headings) == 1 else ""
    headline = one_line(unescape(_string(article.get("headline"))))
    tag = next((one_line(element.text_content()) for element in tree.iter("title")), "")
    site = meta.get("og:site_name", "")
    stated = (headline, *(meta[name] for name in _TITLE_META if name in meta), heading, tag)
    best = next((without for text in stated if (without := _without_site(text, site)) not in {"", site}), tag)
    # Some cut their headline to what a search engine shows.
    beginning = best.rstrip(" .…")
    return heading if beginning and heading.startswith(beginning) else best


def _without_site(title: str, site: str) -> str:
    """Return the title without the site's name behind it."""
    for separator in _SITE_SEPARATORS:
        head, _, tail = title.rpartition(separator)
        if head and site and tail.casefold() in {site.casefold(), site.casefold().removeprefix("www.")}:
            return head.rstrip()
    return title


def _author(tree: HtmlElement, meta: dict[str, str], article: dict[str, Any]) -> str | None:
    candidates = chain(
        [", ".join(dict.fromkeys(_names(article.get("author"))))],
        (meta[name] for name in _AUTHOR_META if name in meta),
        (text for element in _bylines(tree) if not _DIGIT.search(text := element.text_content())),
    )
    return next((name for candidate in candidates if (name := _name(candidate))), None)


def _bylines(tree: HtmlElement) -> Iterator[HtmlElement]:
    yield from tree.iterfind(".//a[@rel='author']")
    yield from tree.iterfind(".//*[@itemprop='author']")


def _names(author: Any) -> Iterator[str]:
    for one in _listed(author):
        name = one.get("name") if isinstance(one, dict) else one
        yield from (part for part in map(_name, map(_string, _listed(name))) if part)


def _name(text: str) -> str:
    """Return a person's or an agency's name, or nothing where it is an address."""
    name = _BYLINE.sub("", one_line(unescape(text)))
    return "" if "://" in name or "@" in name or len(name) > _MAX_AUTHOR_CHARS else name


def _published_at(tree: HtmlElement, meta: dict[str, str], article: dict[str, Any]) -> datetime | None:
    stated = chain(
        [_string(article.get("datePublished")), _string(article.get("dateCreated"))],
        (meta[name] for name in _TIME_META if name in meta),
        (element.get("datetime") or element.get("content") or "" for element in _dated(tree)),
    )
    return next((moment for text in stated if (moment := parse_moment(text))), None)


def _dated(tree: HtmlElement) -> Iterable[HtmlElement]:
    """Return the elements that say when the page was published; a time that nothing marks as such counts if alone."""
    marked = [*tree.iterfind(".//*[@itemprop='datePublished']"), *tree.iterfind(".//time[@pubdate]")]
    times = list(tree.iterfind(".//time[@datetime]"))
    return marked or (times if len({element.get("datetime") for element in times}) == 1 else [])


def parse_moment(text: str) -> datetime | None:
    """Return the time that a page states, in UTC; a time without a zone is taken for UTC."""
    text = text.strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        return None
    return moment if moment.year >= _FIRST_YEAR else None


def _lang(tree: HtmlElement, meta: dict[str, str], article: dict[str, Any]) -> str | None:
    language = article.get("inLanguage")
    named = language.get("alternateName") if isinstance(language, dict) else language
    stated = [_string(named), tree.get("lang") or "", *(meta[name] for name in _LANG_META if name in meta)]
    return next((code for text in stated if text and (code := language_code(text))), None)


def _canonical_url(tree: HtmlElement, meta: dict[str, str], url: str | None) -> str | None:
    links = (link.get("href") or "" for link in tree.iter("link") if "canonical" in (link.get("rel") or "").lower())
    for stated in chain(links, [meta.get("og:url", "")]):
        if stated.strip() and (found := canonical_url(_resolved(url, stated.strip()))):
            return found
    return canonical_url(url)


def _resolved(base: str | None, address: str) -> str | None:
    try:
        return urljoin(base or "", address)
    except ValueError:
        return None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
