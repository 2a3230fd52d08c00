"""The text of an article's page, without what stands around it. Slow to import: 0.5 s, 30 MB."""

import logging
from collections import defaultdict
from collections.abc import Iterator

from lxml import etree
from lxml.html import HtmlElement
from trafilatura.core import bare_extraction
from trafilatura.settings import Document

from services.domain.feeds.page_lines import without_prompts, without_title
from services.domain.feeds.plain_text import one_line

# What trafilatura has to say of a page goes to nobody's log: a page without text is an outcome, not a fault.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)

_BLOCKS = frozenset({"ab", "code", "div", "head", "item", "lb", "list", "p", "quote", "row", "table"})
# Shown when the mouse is over a name, or only read aloud: in the middle of sentences, where they are no text.
_HIDDEN_WORDS = ("hovercard", "popover", "rollover-block", "screen-reader", "sr-only", "tooltip", "visually-hidden")
_HIDDEN = etree.XPath(
    " | ".join(f"//*[contains(concat(' ', normalize-space(@class)), '{word}')]" for word in _HIDDEN_WORDS)
)
_UNREAD = ("script", "style", "svg", "template")  # nothing for a reader, and most of many pages
_LONG_PARAGRAPH = 80
_PARTS_OF_A_BODY = 2
# A precise reading that keeps less than this of the generous one lost the article.
_LOST_SHARE = 0.3
_STRUCTURED_SHARE = 0.6


def page_text(tree: HtmlElement, *, title: str, stated_body: str = "") -> str:
    """Return the article's text, one line a paragraph; empty if there is none. Changes the tree.

    `stated_body` is what the page's structured data call the article's body: read where the page shows far less.
    """
    for element in (*tree.iter(*_UNREAD), *_HIDDEN(tree)):
        _remove(element)
    _join_parts(tree)
    text = "\n".join(without_prompts(without_title(_lines(tree), title)))
    return stated_body if len(text) < _STRUCTURED_SHARE * len(stated_body) else text


def _lines(tree: HtmlElement) -> list[str]:
    precise = _extracted(tree, is_precise=True)
    size = _size(precise)
    if size >= 500:
        return precise
    generous = _extracted(tree, is_precise=False)
    return generous if size < _LOST_SHARE * _size(generous) else precise


def _size(lines: list[str]) -> int:
    return sum(map(len, lines))


def _extracted(tree: HtmlElement, *, is_precise: bool) -> list[str]:
    document = bare_extraction(tree, favor_precision=is_precise, include_comments=False, include_tables=True)
    return list(_body_lines(document.body)) if isinstance(document, Document) else []


def _body_lines(body: etree._Element) -> Iterator[str]:
    pieces: list[str] = []
    for event, element in etree.iterwalk(body, events=("start", "end")):
        is_block = element.tag in _BLOCKS
        if is_block:
            pieces.append("\n")
        elif element.tag == "cell":
            pieces.append(" ")
        if event == "start":
            pieces.append((element.text or "").replace("\n", " "))
        else:
            pieces.append((element.tail or "").replace("\n", " "))
    for line in "".join(pieces).split("\n"):
        if clean := one_line(line):
            yield clean


def _join_parts(tree: HtmlElement) -> None:
    """Move the later parts of a body that is cut into equal containers, as for advertisements between, to the first."""
    parts: defaultdict[tuple[object, ...], list[HtmlElement]] = defaultdict(list)
    for element in tree.iter("div", "section"):
        if element.get("class") and _long_paragraphs(element):
            parts[_kind_and_place(element)].append(element)
    for first, *others in parts.values():
        if sum(_long_paragraphs(part) for part in (first, *others)) < _PARTS_OF_A_BODY * (len(others) + 1):
            continue  # teasers, with one paragraph each
        for part in others:
            for child in list(part):
                first.append(child)


def _long_paragraphs(element: HtmlElement) -> int:
    return sum(len(child.text_content()) >= _LONG_PARAGRAPH for child in element if child.tag == "p")


def _kind_and_place(element: HtmlElement) -> tuple[object, ...]:
    """Return what the parts of one body have in common: tag and class, their parent's, and the same grandparent."""
    parent = element.getparent()
    if parent is None:
        return (element,)
    grandparent = parent.getparent()
    return element.tag, element.get("class"), parent.tag, parent.get("class"), grandparent


def _remove(element: HtmlElement) -> None:
    if element.getparent() is not None:
        element.drop_tree()
