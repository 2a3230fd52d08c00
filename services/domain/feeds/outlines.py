"""The `<outline>` elements of an OPML document, found also where it is not well-formed.

Half of the lists that people exchange are not XML: titles hold bare `&`, `<` and `"`, files end in the middle. A parser
that recovers drops the attributes behind such a character, the address among them. So elements are found by their own
tag, and in a damaged one a quote ends a value only where another known attribute or the end of the tag follows.
"""

import bisect
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(r"<!--|<!\[CDATA\[|<(/?)(?:[\w-]+:)?outline(?=[\s/>\"']|$)", re.IGNORECASE)
_CLOSED_BY = {"<!--": "-->", "<![CDATA[": "]]>"}
_WELL_FORMED = re.compile(r"((?:\s++[\w:.-]++\s*+=\s*+(?:\"[^\"<]*+\"|'[^'<]*+'))*+)\s*+(/?)>")
_ATTRIBUTE = re.compile(r"([\w:.-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
# Where a damaged element ends at the latest: the next one, or the end of the list.
_NEXT = re.compile(r"<(?:/?(?:[\w-]+:)?outline(?=[\s/>\"'])|/(?:body|opml)\b)|(?<=>)\s*<!--", re.IGNORECASE)
_NAMES = (
    r"(?:text|title|description|xmlUrl|feedUrl|rssUrl|htmlUrl|url|type|version|language|category|created|isComment"
    r"|isBreakpoint|\w+:\w+)"
)
_START_OF_VALUE = re.compile(r"(?<![\w:.-])([\w:.-]++)\s*+=\s*+([\"']?)")
_END_OF_VALUE = re.compile(rf"\s*+(?:/?>?\s*+$|{_NAMES}\s*+=\s*+[\"'“”„«\w/])", re.IGNORECASE)
_SWALLOWED = re.compile(rf"[\"'<>]|\s+{_NAMES}\s*=", re.IGNORECASE)  # what no address holds
_END_OF_UNQUOTED = re.compile(r"[\s>\"']")
_ADDRESS = re.compile(r"xmlUrl\s*=\s*[\"'“”„«]*\s*([^\s\"'“”»<>]+)(?=[\s\"'“”»<>])", re.IGNORECASE)
# Only with its semicolon: in an address, `&copy=1` is a parameter, not a sign.
_REFERENCE = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});")
_BARE_AMPERSAND = re.compile(rf"&(?!{_REFERENCE.pattern[1:]})")
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Outline:
    """One element: attribute names in lower case, values unescaped. `depth` counts the elements it stands in."""

    line: int
    depth: int
    attributes: Mapping[str, str]
    is_well_formed: bool = True
    is_cut_off: bool = False


def find_outlines(text: str) -> Iterator[Outline]:
    """Yield every outline in document order, in time linear in the text; those in comments are not meant."""
    line_starts = [0, *(found.end() for found in _LINE_END.finditer(text))]
    last_close = {opening: text.rfind(closing) for opening, closing in _CLOSED_BY.items()}
    position, depth = 0, 0
    while token := _TOKEN.search(text, position):
        opening = token.group().upper()
        position = token.end()
        if opening in _CLOSED_BY:
            if position <= last_close[opening]:
                position = text.index(_CLOSED_BY[opening], position)
        elif token.group(1):
            depth = max(depth - 1, 0)
        else:
            outline, position, is_open = _read(text, position, bisect.bisect(line_starts, token.start()), depth)
            depth += is_open
            yield outline


def unescape(value: str) -> str:
    """Return a value with its character references replaced; what only looks like one stays."""
    return _REFERENCE.sub(lambda found: html.unescape(found.group()), value)


def _read(text: str, start: int, line: int, depth: int) -> tuple[Outline, int, bool]:
    """Return the outline whose attributes begin at `start`, where to go on, and whether it is left open."""
    if found := _WELL_FORMED.match(text, start):
        pairs = _ATTRIBUTE.finditer(found.group(1))
        attributes = _first_of_each((pair.group(1), pair.group(2) or pair.group(3) or "") for pair in pairs)
        is_well_formed = not _BARE_AMPERSAND.search(found.group(1))
        return Outline(line, depth, attributes, is_well_formed), found.end(), not found.group(2)
    following = _NEXT.search(text, start)
    end = following.start() if following else len(text)
    segment = text[start:end].rstrip()
    is_cut_off = following is None and not segment.endswith(">")
    attributes = _first_of_each(_damaged_pairs(segment, is_cut_off=is_cut_off))
    # A quote left open swallows what follows it; the address is what matters.
    if not attributes.get("xmlurl") and (address := _ADDRESS.search(segment)):
        attributes["xmlurl"] = unescape(address.group(1))
    outline = Outline(line, depth, attributes, is_well_formed=False, is_cut_off=is_cut_off)
    return outline, end, not segment.endswith("/>")


def _first_of_each(pairs: Iterator[tuple[str, str]]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name, value in pairs:
        attributes.setdefault(name.lower(), unescape(value))
    return attributes


def _damaged_pairs(segment: str, *, is_cut_off: bool) -> Iterator[tuple[str, str]]:
    position = 0
    while start := _START_OF_VALUE.search(segment, position):
        name, quote = start.groups()
        end = _end_of_value(segment, start.end(), quote)
        is_complete = end is not None and not (is_cut_off and end == len(segment))
        position = len(segment) if end is None else end + 1
        if is_complete or not is_cut_off:
            value = segment[start.end() : end] if end is not None else segment[start.end() :].rstrip("/> \t\r\n")
            yield name, _SWALLOWED.split(value)[0] if name.lower() == "xmlurl" else value


def _end_of_value(segment: str, start: int, quote: str) -> int | None:
    if not quote:
        return found.start() if (found := _END_OF_UNQUOTED.search(segment, start)) else len(segment)
    end = segment.find(quote, start)
    while end >= 0 and not _END_OF_VALUE.match(segment, end + 1):
        end = segment.find(quote, end + 1)
    return end if end >= 0 else None
