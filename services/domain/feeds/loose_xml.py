"""RSS, RDF, Atom and CDF documents of every version and in every state of disrepair, by feedparser."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from services.domain.feeds.dates import parse_date
from services.domain.feeds.feedparser_bounds import parse_bounded
from services.domain.feeds.hints import read_hints
from services.domain.feeds.names import author_names
from services.domain.feeds.plain_text import escaped, one_line, plain_text, plain_title
from services.domain.feeds.received import Entry, FeedParseError, ParsedFeed, unique
from services.domain.feeds.urls import absolute_url, is_address

_CHARACTER_REFERENCE = re.compile(r"&#(x[0-9a-fA-F]+|[0-9]+);?")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# What feedparser and the SGML parser beneath it have been seen to raise on hostile documents.
_PARSER_FAULTS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, RuntimeError)


def read_loose_xml(text: str, base_url: str | None) -> ParsedFeed:
    """Return what the document says, a damaged one as far as it can be read, with `warnings`; else FeedParseError."""
    try:
        parsed = parse_bounded(_well_formed_characters(text), base_url)
    except FeedParseError:
        raise
    except _PARSER_FAULTS as error:
        raise FeedParseError(f"the feed is too damaged to read ({type(error).__name__}: {error})") from error
    if not parsed.version and not parsed.entries and not parsed.feed:
        raise FeedParseError("the document looks like a feed, but has neither a known format nor entries")
    warnings = (f"not well-formed: {parsed.get('bozo_exception', 'unknown fault')}",) if parsed.bozo else ()
    return _to_feed(parsed, text, base_url, warnings)


def _to_feed(parsed: Any, text: str, base_url: str | None, warnings: tuple[str, ...]) -> ParsedFeed:
    head, is_rss = parsed.feed, not parsed.version.startswith("atom")
    links = [link for link in _raw(head, "links") or () if link.get("href")]
    selves = [absolute_url(link["href"], base_url) for link in links if link.get("rel") == "self"]
    return ParsedFeed(
        title=_title(head, is_rss),
        link=absolute_url(_link(head), base_url),
        description=_description(head),
        language=_raw(head, "language") or None,
        feed_type=parsed.version or "unknown",
        entries=tuple(_to_entry(item, is_rss, base_url) for item in parsed.entries),
        hints=read_hints(head, text),
        warnings=warnings,
        id=(_raw(head, "id") or "").strip() or None,
        author=_author(head),
        authors=_authors(head),
        published_at=parse_date(_raw(head, "published")),
        updated_at=parse_date(_raw(head, "updated")),
        hubs=unique(absolute_url(link["href"], base_url) or "" for link in links if link.get("rel") == "hub"),
        self_url=next((address for address in selves if address), None),
    )


def _to_entry(item: Any, is_rss: bool, base_url: str | None) -> Entry:
    contents = _raw(item, "content") or ()
    # Where there is no summary, feedparser makes one of the content, but does not say of what type it is.
    summary_detail = _raw(item, "summary_detail") or next(iter(contents), None)
    return Entry(
        id=(_raw(item, "id") or "").strip() or None,
        link=absolute_url(_link(item), base_url),
        title=_title(item, is_rss),
        summary=_markup(summary_detail, _raw(item, "summary")),
        content="\n".join(unique(_markup(part, part.get("value")) for part in contents if _is_text(part))),
        author=_author(item),
        published_at=parse_date(_raw(item, "published")) or parse_date(_raw(item, "created")),
        updated_at=parse_date(_raw(item, "updated")),
        lang=(_raw(item, "title_detail") or {}).get("language") or None,
        categories=unique(one_line(tag.get("term") or "") for tag in _raw(item, "tags") or ()),
        authors=_authors(item),
        canonical_link=absolute_url(_raw(item, "feedburner_origlink"), base_url),
    )


def _raw(record: Any, key: str) -> Any:
    # feedparser's own get() answers for keys that are absent (updated from published) and warns about it.
    return dict.get(record, key)


def _link(record: Any) -> str | None:
    link: str | None = _raw(record, "link")
    if link and _raw(record, "guidislink") and not is_address(link.strip()):
        link = None  # a GUID that nobody called a permalink, and that is none
    if link:
        return link
    links: Iterable[Any] = _raw(record, "links") or ()
    return next((found["href"] for found in links if found.get("rel") == "alternate" and found.get("href")), None)


def _title(record: Any, is_rss: bool) -> str:
    """Return the title as plain text. RSS does not say whether a title is markup; Atom does."""
    title = _raw(record, "title") or ""
    detail = _raw(record, "title_detail") or {}
    if is_rss:
        return plain_title(title)
    return one_line(plain_text(title) if "html" in (detail.get("type") or "") else title)


def _description(head: Any) -> str:
    for name in ("subtitle", "summary", "info"):
        if text := plain_text(_markup(_raw(head, f"{name}_detail"), _raw(head, name))):
            return text
    return ""


def _author(record: Any) -> str | None:
    names = _authors(record)
    return ", ".join(names) if len(names) > 1 else plain_text(_raw(record, "author") or "") or None


def _authors(record: Any) -> tuple[str, ...]:
    people: Iterable[Any] = _raw(record, "authors") or ()
    named = unique(one_line(plain_text(person.get("name") or person.get("email") or "")) for person in people)
    return named or author_names(_raw(record, "author"))


def _markup(detail: Mapping[str, Any] | None, value: str | None) -> str:
    """Return a text construct as HTML; plain text is escaped, its blank lines becoming paragraphs."""
    if not value:
        return ""
    return escaped(value) if detail is not None and detail.get("type") == "text/plain" else value


def _is_text(part: Mapping[str, Any]) -> bool:
    kind = part.get("type") or "text/html"
    return kind.startswith("text/") or "html" in kind


def _well_formed_characters(text: str) -> str:
    """Return the document from its first tag on, without the characters that no XML parser accepts."""
    start = text.find("<")
    return _CHARACTER_REFERENCE.sub(_legal_reference, _NOT_XML.sub("", text[start:]))


def _legal_reference(found: re.Match[str]) -> str:
    digits = found.group(1)
    # More digits than any character has; and int() of a long run is slow.
    if len(digits) > 8:
        return "\ufffd"
    code = int(digits[1:], 16) if digits[0] == "x" else int(digits)
    if code > 0x10FFFF or _NOT_XML.match(chr(code)):
        return "\ufffd"
    return f"&#{digits};"
