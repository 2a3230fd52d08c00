"""Where a document says its hubs and its own address are: in the Link header (RFC 8288), or in HTML <link> tags.

Free of pydantic, because the worker process that parses feeds runs it and should stay small.
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

# More hubs than this is no publisher's need, and each is one that a feed could have us call.
MAX_HUBS = 4
MAX_URL_CHARS = 2048
_HEAD_CHARS = 64 * 1024

_ABSOLUTE = re.compile(r"https?://", re.IGNORECASE)
_TARGET = re.compile(r"<([^<>]*)>")
# A parameter's value is a token or a quoted string, in which a backslash escapes.
_PARAMETER = re.compile(r"\s*;\s*([^\s=;,\"<>]*)\s*(?:=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,\"]*)))?", re.DOTALL)
_NEXT_VALUE = re.compile(r",\s*(?=<)")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_BODY = re.compile(r"<body[\s>]", re.IGNORECASE)
_LINK_TAG = re.compile(r"<link\s([^<>]{1,4096})>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"(?<![a-z-])([a-z-]{1,32})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Links:
    """The hubs that push a document's changes, in its order of preference, and the address it is known by there."""

    hubs: tuple[str, ...] = ()
    self_url: str | None = None

    def or_else(self, other: "Links") -> "Links":
        """Return these links, and those of `other` for what is not said here."""
        return Links(self.hubs or other.hubs, self.self_url or other.self_url)


def parse_link_header(value: str, base_url: str) -> Links:
    """Return what the Link header of the answer from `base_url` says; what is damaged is passed over.

    A header that came more than once is joined with commas.
    """
    return _collect(_header_links(value, base_url), base_url)


def links_in_html(text: str, base_url: str) -> Links:
    """Return what the <link> tags in the head of an HTML page say; comments do not count."""
    head = _COMMENT.sub("", text[:_HEAD_CHARS])
    body = _BODY.search(head)
    tags = _LINK_TAG.finditer(head, 0, body.start() if body else len(head))
    attributes = (_attributes(tag.group(1)) for tag in tags)
    return _collect(((each.get("rel", ""), each.get("href", "")) for each in attributes), base_url)


def absolute_http_url(target: str, base_url: str) -> str | None:
    """Return the target as an absolute http(s) address, or None if it is none that could be asked.

    One that is absolute stays as it is, letter for letter: hubs compare names, not what they lead to.
    """
    target = target.strip()
    try:
        url = target if _ABSOLUTE.match(target) else urljoin(base_url, target)
        parts = urlsplit(url)
    except ValueError:
        return None
    is_usable = parts.scheme in {"http", "https"} and parts.hostname and len(url) <= MAX_URL_CHARS
    return url if is_usable and url.isprintable() and " " not in url else None


def _collect(links: Iterable[tuple[str, str]], base_url: str) -> Links:
    """Return the hubs and the first self among (relations, target) pairs."""
    hubs: dict[str, None] = {}
    self_url: str | None = None
    for relations, target in links:
        rels = relations.lower().split()
        url = absolute_http_url(target, base_url) if target and ("hub" in rels or "self" in rels) else None
        if url is None:
            continue
        if "hub" in rels and len(hubs) < MAX_HUBS:
            hubs[url] = None
        if "self" in rels and self_url is None:
            self_url = url
    return Links(tuple(hubs), self_url)


def _header_links(value: str, base_url: str) -> Iterator[tuple[str, str]]:
    position = max(value.find("<"), 0)
    while found := _TARGET.match(value, position):
        position = found.end()
        parameters: dict[str, str] = {}
        while (parameter := _PARAMETER.match(value, position)) and parameter.end() > position:
            name, quoted, token = parameter.groups()
            # Of a parameter that is given twice the first counts (RFC 8288, 3.3).
            parameters.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else token or "")
            position = parameter.end()
        # With an anchor, the link is from another document than this one.
        if absolute_http_url(parameters.get("anchor", ""), base_url) == absolute_http_url("", base_url):
            yield parameters.get("rel", ""), found.group(1)
        following = _NEXT_VALUE.search(value, position)
        if following is None:
            return
        position = following.end()


def _attributes(tag: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(tag):
        found.setdefault(name.lower(), html.unescape(double or single or bare))
    return found
