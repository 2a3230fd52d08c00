"""Well-formed RSS and Atom 1.0 as nearly everybody writes them, in a fraction of feedparser's time.

Reads by feedparser's rules, and leaves every document in which they might say something else to feedparser: what this
module does not know, it does not guess. Tests compare the two readers.
"""

import re
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from xml.etree.ElementTree import Element, ParseError, fromstring

from feedparser.html import _cp1252
from feedparser.mixin import _FeedParserMixin

from services.domain.feeds.dates import parse_date
from services.domain.feeds.hints import read_hints
from services.domain.feeds.names import author_names
from services.domain.feeds.plain_text import escaped, one_line, plain_text, plain_title
from services.domain.feeds.received import Entry, ParsedFeed, unique
from services.domain.feeds.urls import absolute_url, is_address

_ATOM = "{http://www.w3.org/2005/Atom}"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_PREFIXES = {address.lower().rstrip("/"): prefix for address, prefix in _FeedParserMixin.namespaces.items()}
# Those that some element read by feedparser, or by us, begins with.
_READ_PREFIXES = frozenset(
    name.split("_")[2] for name in dir(_FeedParserMixin) if name.startswith(("_start_", "_end_"))
) | {"sy"}
_DECLARED = re.compile(r"""xmlns:([\w.-]+)\s*=\s*["']([^"']*)""")
_RSS_VERSIONS = {"0.91": "rss091u", "0.92": "rss092", "0.93": "rss093", "0.94": "rss094"}
# What makes the meaning of an element depend on what is declared far from it.
_INTRICATE = ("<!DOCTYPE", "<!ENTITY", "xml:base")
# feedparser mends these; seldom enough to leave them to it.
_ODD_LINK = re.compile(r"&\w+;|:///|[?#]$")
_CONTROLS = re.compile("[\x80-\x9f]")

# The names by which feedparser knows what is read here: those a channel, a feed, an item or an entry has one of, ...
_SYNDICATION = frozenset({"sy_updateperiod", "sy_updatefrequency", "ttl"})
_ITUNES = frozenset({"itunes_summary", "itunes_subtitle"})
_ITEM = frozenset({"title", "updated", "feedburner_origlink"})
_ONCE = {
    "channel": _SYNDICATION | _ITUNES | {"title", "description", "language", "pubdate", "updated"},
    "item": _ITEM | _ITUNES | {"description", "content_encoded", "language", "guid", "pubdate"},
    "feed": _SYNDICATION | {"title", "subtitle", "id", "published", "updated"},
    "entry": _ITEM | {"summary", "content", "id", "published"},
}
# ... and the others.
_MEDIA = frozenset({"media_group", "media_description", "media_title"})
_OFTEN = {
    "channel": _MEDIA | {"link", "category", "author", "item"},
    "item": _MEDIA | {"link", "category", "author"},
    "feed": _MEDIA | {"link", "category", "author", "entry"},
    "entry": _MEDIA | {"link", "category", "author"},
}
_NONE = frozenset[str]()
_ATTRIBUTES = {("rss", "guid"): frozenset({"isPermaLink"})} | {
    ("atom", name): frozenset({"type"}) for name in ("title", "subtitle", "summary", "content")
}
_SAME = {
    "rss": {
        "dc_creator": "author", "managingeditor": "author", "itunes_author": "author",
        "dc_subject": "category", "media_category": "category",
        "dc_date": "updated", "lastbuilddate": "updated", "dc_language": "language",
    },
    "atom": {"media_category": "category"},
}  # fmt: skip
# What feedparser reads too, with all that is in it, but nobody asks for here.
_SKIPPED = frozenset({
    "image", "textinput", "cloud", "generator", "copyright", "rights", "dc_rights", "webmaster", "dc_publisher",
    "contributor", "dc_contributor", "source", "enclosure", "georss_point", "georss_box", "georss_where",
    "media_content", "media_thumbnail", "media_credit", "media_rating", "media_player", "media_license",
    "media_restriction", "creativecommons_license", "cc_license", "itunes_image", "itunes_owner", "itunes_category",
    "itunes_keywords", "itunes_explicit", "itunes_block", "itunes_link", "media_keywords",
})  # fmt: skip
_HTML, _TEXT = frozenset({"html", "text/html"}), frozenset({"text", "text/plain", ""})
_PAGE_TYPES = frozenset({"", "text/html", "html", "application/xhtml+xml", "xhtml"})


_Fields = dict[str, list[Element]]


class _DoubtError(Exception):
    """feedparser might read this otherwise."""


def read_strict_xml(text: str, base_url: str | None) -> ParsedFeed | None:
    """Return what `read_loose_xml` would say of the document, or None if only that can say it."""
    if any(mark in text for mark in _INTRICATE) or not _prefixes_are_usual(text):
        return None
    try:
        root = fromstring(text[text.find("<") :])  # noqa: S314 - no entities, and expat's own limits
        if root.tag == f"{_ATOM}feed":
            return _Reader("atom", base_url, root.get(_LANG)).atom(root, text)
        return _Reader("rss", base_url, None).rss(root, text) if root.tag == "rss" else None
    except (ParseError, _DoubtError, ValueError):
        return None


def _prefixes_are_usual(text: str) -> bool:
    """Say whether no prefix that feedparser knows stands for an address it does not know: it reads by either."""
    return all(
        _prefix(address) is not None or prefix.lower() not in _READ_PREFIXES
        for prefix, address in set(_DECLARED.findall(text))
    )


def _prefix(address: str) -> str | None:
    """Return the usual prefix of a namespace, however its address is spelt."""
    return _PREFIXES.get(address.lower().rstrip("/").replace("https://", "http://", 1))


@lru_cache(maxsize=1024)
def _name(tag: str) -> str:
    """Return feedparser's name of an element: dc_creator, title; that of one in an unknown namespace has a colon."""
    address, _, local = tag.rpartition("}")
    if not address:
        return local.lower()
    prefix = _prefix(address[1:])
    if prefix is None:
        return f":{local.lower()}"
    return f"{prefix}_{local}".lower() if prefix else local.lower()


@lru_cache(maxsize=1024)
def _means_something(name: str) -> bool:
    return hasattr(_FeedParserMixin, f"_start_{name}") or hasattr(_FeedParserMixin, f"_end_{name}")


class _Reader:
    """Reads one document, of one of the two kinds."""

    def __init__(self, kind: str, base_url: str | None, lang: str | None) -> None:
        self._kind, self._base_url = kind, base_url
        self._lang = lang.replace("_", "-") if lang else None

    def rss(self, root: Element, text: str) -> ParsedFeed:
        version = root.get("version", "")
        if len(root) != 1 or root[0].tag != "channel" or set(root.attrib) - {"version"} or root[0].attrib:
            raise _DoubtError
        head = self._fields(root[0])
        feed_type = _RSS_VERSIONS.get(version) or ("rss20" if version.startswith("2.") else "rss")
        title = plain_title(_text(head, "title"))
        about = _text(head, "description") or _text(head, "itunes_summary") or _text(head, "itunes_subtitle")
        entries = tuple(self._rss_entry(item) for item in head.get("item", ()))
        feed = self._feed(head, text, feed_type)
        return replace(feed, title=title, description=plain_text(about), entries=entries)

    def atom(self, root: Element, text: str) -> ParsedFeed:
        if set(root.attrib) - {_LANG}:
            raise _DoubtError
        head = self._fields(root)
        title, description = self._atom_title(head), plain_text(_construct(head, "subtitle"))
        entries = tuple(self._atom_entry(entry) for entry in head.get("entry", ()))
        feed = self._feed(head, text, "atom10")
        return replace(feed, title=title, description=description, entries=entries)

    def _feed(self, head: _Fields, text: str, feed_type: str) -> ParsedFeed:
        author, authors = self._authors(head)
        hubs = (absolute_url(link.get("href"), self._base_url) or "" for link in _links(head, "hub"))
        selves = (absolute_url(link.get("href"), self._base_url) for link in _links(head, "self"))
        return ParsedFeed(
            title="",
            link=self._link(head),
            description="",
            language=_text(head, "language") or self._lang,
            feed_type=feed_type,
            entries=(),
            hints=read_hints({name: _text(head, name) for name in _SYNDICATION if name in head}, text),
            id=_text(head, "id") or None,
            author=author,
            authors=authors,
            published_at=parse_date(_text(head, "pubdate") or _text(head, "published")),
            updated_at=parse_date(_text(head, "updated")),
            hubs=unique(hubs),
            self_url=next((address for address in selves if address), None),
        )

    def _rss_entry(self, item: Element) -> Entry:
        if item.attrib:
            raise _DoubtError
        fields = self._fields(item)
        content, summary = _text(fields, "content_encoded"), _text(fields, "itunes_summary")
        if "description" in fields:
            long, summary = summary, _text(fields, "description")
            content = content or (long if long != summary else "")
        author, authors = self._authors(fields)
        return Entry(
            id=_text(fields, "guid") or None,
            link=self._link(fields),
            title=plain_title(_text(fields, "title")),
            summary=summary or content or _caption(fields),
            content=content,
            author=author,
            published_at=parse_date(_text(fields, "pubdate")),
            updated_at=parse_date(_text(fields, "updated")),
            categories=_categories(fields),
            authors=authors,
            canonical_link=absolute_url(_text(fields, "feedburner_origlink"), self._base_url),
        )

    def _atom_entry(self, entry: Element) -> Entry:
        if any(name in {_LANG, "lang", "base"} for name in entry.attrib):
            raise _DoubtError
        fields = self._fields(entry)
        content = _construct(fields, "content")
        summary = _construct(fields, "summary") if "summary" in fields else content or escaped(_caption(fields))
        author, authors = self._authors(fields)
        return Entry(
            id=_text(fields, "id") or None,
            link=self._link(fields),
            title=self._atom_title(fields),
            summary=summary,
            content=content,
            author=author,
            published_at=parse_date(_text(fields, "published")),
            updated_at=parse_date(_text(fields, "updated")),
            lang=self._lang if "title" in fields else None,
            categories=_categories(fields),
            authors=authors,
            canonical_link=absolute_url(_text(fields, "feedburner_origlink"), self._base_url),
        )

    def _fields(self, parent: Element) -> _Fields:
        """Return the elements that are read, by name; raise if one of the others means something to feedparser."""
        kind, same = _name(parent.tag), _SAME[self._kind]
        once, often = _ONCE[kind], _OFTEN[kind]
        found: _Fields = {}
        for child in parent:
            name = _name(child.tag)
            name = same.get(name, name)
            if name in once:
                if name in found or len(child) or set(child.attrib) - _ATTRIBUTES.get((self._kind, name), _NONE):
                    raise _DoubtError
                found[name] = [child]
            elif name in often:
                found.setdefault(name, []).append(child)
            elif name not in _SKIPPED and any(_means_something(_name(part.tag)) for part in child.iter()):
                raise _DoubtError
        if "media_title" in found and "title" not in found:
            raise _DoubtError
        return found

    def _atom_title(self, fields: _Fields) -> str:
        is_text = "title" in fields and fields["title"][0].get("type", "").strip().lower() in _TEXT
        return one_line(_text(fields, "title") if is_text else plain_text(_construct(fields, "title")))

    def _link(self, fields: _Fields) -> str | None:
        link = self._atom_link(fields) if self._kind == "atom" else self._rss_link(fields)
        if link and _ODD_LINK.search(link):
            raise _DoubtError
        return absolute_url(link, self._base_url)

    def _rss_link(self, fields: _Fields) -> str | None:
        links = unique(_repaired((link.text or "").strip()) for link in fields.get("link", ()) if not link.attrib)
        if len(links) > 1 or any(True for _ in _links(fields, "alternate")):
            raise _DoubtError
        if links:
            return links[0]
        guid = _text(fields, "guid")
        is_link = bool(guid) and fields["guid"][0].get("isPermaLink", "true") == "true" and is_address(guid)
        return guid if is_link else None

    def _atom_link(self, fields: _Fields) -> str | None:
        if any(not link.attrib for link in fields.get("link", ())):
            raise _DoubtError
        pages: list[str] = []
        others: list[str] = []
        for link in _links(fields, "alternate"):
            is_page = link.get("type", "").strip().lower() in _PAGE_TYPES
            (pages if is_page else others).append(link.get("href") or "")
        guid = _text(fields, "id")
        if pages:
            return pages[-1]
        return guid if is_address(guid) else next(iter(others), None)

    def _authors(self, fields: _Fields) -> tuple[str | None, tuple[str, ...]]:
        """Return the author's line, and the names."""
        found = fields.get("author", ())
        if any(person.attrib or (len(person) > 0) != (self._kind == "atom") for person in found):
            raise _DoubtError
        people = [_person(person) for person in found]
        names = unique(name for _, names in people for name in names)
        if len(names) > 1:
            return ", ".join(names), names
        return (plain_text(people[-1][0]) or None) if people else None, names


def _categories(fields: _Fields) -> tuple[str, ...]:
    tags = fields.get("category", ())
    if any(len(tag) or (tag.get("term") and (tag.text or "").strip()) for tag in tags):
        raise _DoubtError
    return unique(one_line(tag.get("term") or _repaired((tag.text or "").strip())) for tag in tags)


def _person(person: Element) -> tuple[str, tuple[str, ...]]:
    if not len(person):
        line = _repaired((person.text or "").strip())
        return line, author_names(line)
    parts = {_name(part.tag): _repaired((part.text or "").strip()) for part in person}
    name, email = parts.get("name", ""), parts.get("email", "")
    line = f"{name} ({email})" if name and email else name or email
    return line, unique([one_line(plain_text(name or email))])


def _links(fields: _Fields, rel: str) -> list[Element]:
    """Return the links by attribute of one relation; raise for a link that says where to neither way."""
    found = []
    for link in fields.get("link", ()):
        if not link.attrib:
            continue
        if not link.get("href") or (link.text or "").strip() or len(link):
            raise _DoubtError
        if link.get("rel", "alternate").strip().lower() == rel:
            found.append(link)
    return found


def _construct(fields: _Fields, name: str) -> str:
    """Return an Atom text construct as HTML."""
    if name not in fields:
        return ""
    element = fields[name][0]
    kind = element.get("type", "").strip().lower()
    if kind not in _HTML | _TEXT:
        raise _DoubtError
    return _text(fields, name) if kind in _HTML else escaped(_text(fields, name))


def _caption(fields: _Fields) -> str:
    """Return the description of an item's picture or film, which is all that some items say."""
    parts = [*fields.get("media_description", ()), *(part for group in fields.get("media_group", ()) for part in group)]
    return next((_repaired((part.text or "").strip()) for part in parts if _name(part.tag) == "media_description"), "")


def _text(fields: _Fields, name: str) -> str:
    return _repaired((fields[name][0].text or "").strip()) if name in fields else ""


def _repaired(text: str) -> str:
    """Return the text with two common mistakes undone: UTF-8 taken for Latin-1, and Windows characters for controls."""
    if text.isascii():
        return text
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode()
    return text.translate(_cp1252) if _CONTROLS.search(text) else text
