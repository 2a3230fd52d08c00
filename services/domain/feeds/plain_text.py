"""HTML fragments to plain text, as a reader would see them: one line a paragraph."""

import html
import re
import unicodedata

# A tag ends at the first > outside a quoted value. Possessive throughout, so that no text is tried twice.
_REST = r"""(?![\w:-])(?:[^<>"']++|(?<==)"[^"]*+"|(?<==)'[^']*+'|["'])*+>"""
_TAG = re.compile(rf"<(?:/?[A-Za-z][\w:-]*+{_REST}|!\[CDATA\[|[!?/][^<>]*>)")
_BLOCK = re.compile(
    r"</?(?:address|article|aside|blockquote|br|caption|center|d[dlt]|details|div|fieldset|figcaption|figure|footer"
    r"|form|h[1-6]|header|hr|legend|li|main|menu|nav|ol|option|p|pre|section|summary|table|tbody|tfoot|thead|tr|ul)"
    + _REST,
    re.IGNORECASE,
)
_CELL = re.compile(r"<t[dh]" + _REST, re.IGNORECASE)
_UNREAD = re.compile(r"<(/?)(template|noscript|iframe|object|svg|head|select)" + _REST, re.IGNORECASE)
# Ends with its end, or never.
_HIDDEN = re.compile(
    r"<!--(?:.*?--!?>|.*)|<(script|style)" + _REST + r"(?:.*?</\1\b[^<>]*>?|.*)", re.IGNORECASE | re.DOTALL
)
_ESCAPED_END = re.compile(r"&lt;/(?:p|div|a|b|i|em|strong|span|li|ul|h[1-6])&gt;", re.IGNORECASE)
_EDGE = "\x00"
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
# Invisible, and in the way of every search: controls, soft hyphen, zero-width space, word joiner, byte order mark.
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u2060\ufeff]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_INLINE_TAG = re.compile(r"</?(?:b|i|u|em|strong|span|font|br|p|a|sup|sub|small|mark|img)\b[^<>]*>", re.IGNORECASE)


def plain_text(markup: str) -> str:
    """Return what a reader would read: markup gone, entities decoded, one line a paragraph, composed (NFC)."""
    if "<" not in markup and "&lt;/" in markup and _ESCAPED_END.search(markup):
        markup = html.unescape(markup)  # escaped once more than its format asks
    if "<" not in markup:
        # No markup, so blank lines are the only paragraphs there are.
        text = _BLANK_LINE.sub(_EDGE, markup).replace("\n", " ").replace(_EDGE, "\n")
    else:
        text = _without_tags(markup)
    return _tidy(html.unescape(text) if "&" in text else text)


def one_line(text: str) -> str:
    """Return plain text (not markup) as one clean line."""
    return _tidy(text.replace("\n", " "))


def plain_title(text: str) -> str:
    """Return a title as one clean line, whether it is text or markup: RSS does not say which.

    It is markup only where it plainly is, so that « 1 < 2 » and « the <script> tag » stay what they are.
    """
    if _INLINE_TAG.search(text):
        return one_line(plain_text(text))
    return one_line(html.unescape(text) if "&" in text else text)


def escaped(text: str) -> str:
    """Return plain text as HTML, its blank lines becoming paragraphs."""
    return _BLANK_LINE.sub("<p>", html.escape(text, quote=False))


def _tidy(text: str) -> str:
    if not text.isprintable():
        text = _LONE_SURROGATE.sub("\ufffd", _INVISIBLE.sub("", text))
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def _without_tags(markup: str) -> str:
    """Return the text between the tags, a newline at every block's edge; in linear time, whatever it is given."""
    text = _HIDDEN.sub("", markup)
    if _UNREAD.search(text):
        text = _without_unread(text)
    text = _CELL.sub(" ", _BLOCK.sub("\n", text.replace("\n", " ")))
    text = _TAG.sub("", text)
    return text.replace("]]>", "") if "<![CDATA[" in markup else text


def _without_unread(text: str) -> str:
    """Return the markup without what browsers show only in place of something else.

    What follows such an element that nobody closed is kept: better a caption too many than half a text.
    """
    kept: list[str] = []
    name, depth, start, position = "", 0, 0, 0
    for tag in _UNREAD.finditer(text):
        if tag.group().endswith("/>") or (name and tag.group(2).lower() != name):
            continue
        if not name:
            if not tag.group(1):
                name, depth, start = tag.group(2).lower(), 1, tag.start()
            continue
        depth += -1 if tag.group(1) else 1
        if depth == 0:
            kept.append(text[position:start])
            name, position = "", tag.end()
    return "".join((*kept, text[position:]))
