"""HTML fragments to plain text, as a reader would see them: one line a paragraph."""

import re
import unicodedata
from html.parser import HTMLParser

# fmt: off
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "br", "caption", "center", "dd", "details", "div",
    "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5",
    "h6", "header", "hr", "legend", "li", "main", "menu", "nav", "ol", "option", "p", "pre",
    "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul",
})
# fmt: on
_CELLS = frozenset({"td", "th"})
_UNREAD = frozenset({"script", "style", "template", "noscript", "iframe", "object", "svg", "math", "head", "select"})
_VOID = frozenset({"br", "hr"})
_SPACES = re.compile(r"[^\S\n]+")
_BREAKS = re.compile(r" ?\n[ \n]*")
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
# Invisible, and in the way of every search: controls, soft hyphen, zero-width space, word joiner, byte order mark.
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u2060\ufeff]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def plain_text(markup: str) -> str:
    """Return what a reader would read: markup gone, entities decoded, one line a paragraph, composed (NFC)."""
    if "<" not in markup:
        # No markup, so blank lines are the only paragraphs there are.
        markup = _BLANK_LINE.sub("<p>", markup)
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return _tidy("".join(reader.pieces))


def one_line(text: str) -> str:
    """Return plain text (not markup) as one clean line."""
    return _tidy(text.replace("\n", " "))


def _tidy(text: str) -> str:
    text = _LONE_SURROGATE.sub("\ufffd", _INVISIBLE.sub("", text))
    text = _SPACES.sub(" ", text)
    return unicodedata.normalize("NFC", _BREAKS.sub("\n", text).strip())


class _Reader(HTMLParser):
    """Collects the text between tags; a newline at every block's edge."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._unread_inside: str | None = None
        self._unread_depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._unread_inside is not None:
            self._unread_depth += tag == self._unread_inside
        elif tag in _UNREAD:
            self._unread_inside, self._unread_depth = tag, 1
        elif tag in _BLOCKS:
            self.pieces.append("\n")
        elif tag in _CELLS:
            self.pieces.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._unread_inside is None and tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if self._unread_inside is not None:
            self._unread_depth -= tag == self._unread_inside
            if self._unread_depth == 0:
                self._unread_inside = None
        elif tag in _BLOCKS and tag not in _VOID:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if self._unread_inside is None:
            # Line breaks in markup are spaces; only tags make paragraphs.
            self.pieces.append(data.replace("\n", " ").replace("\r", " "))
