"""Bytes of a feed to text: what is declared is believed only as far as the bytes bear it out."""

import codecs
import re
import zlib

# Declared names are often narrower than what publishers write; their supersets decode the same bytes and more.
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
}
_MULTI_BYTE = frozenset({"cp949", "cp932", "gb18030", "euc_jp", "iso2022_jp", "big5", "johab"})
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    # "<" or "<?" without a mark, as section F of the XML specification tells them apart.
    (b"<\x00\x00\x00", "utf-32-le"),
    (b"\x00\x00\x00<", "utf-32-be"),
    (b"<\x00?\x00", "utf-16-le"),
    (b"\x00<\x00?", "utf-16-be"),
)
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._:-]+)""", re.IGNORECASE)
_BEYOND_ASCII = re.compile("[^\x00-\x7f]")
_DEFAULT_SINGLE_BYTE = "cp1252"  # what a server sends that was never told about the document
_HEAD_BYTES = 1024
_GZIP = b"\x1f\x8b\x08"
# As much as any document may have; what is beyond is missing, as from a document that was cut.
MAX_UNPACKED_BYTES = 64 * 1024**2


def unpacked(body: bytes) -> bytes:
    """Return a gzip file's content, as far as it can be had; other documents as they are."""
    if not body.startswith(_GZIP):
        return body
    try:
        return zlib.decompressobj(wbits=31).decompress(body, MAX_UNPACKED_BYTES)
    except zlib.error:
        return body


def decode_document(
    body: bytes, content_type: str | None, *, declared: str | None = None
) -> tuple[str, tuple[str, ...]]:
    """Return the text of a document and what was wrong with its declared encoding. Never raises.

    `declared` names the encoding of a document that says it otherwise than an XML declaration does.

    A byte order mark wins. Then the declared multi-byte encodings and UTF-8, which cannot decode one another's text
    by chance; then the declared single-byte ones, which decode anything. If nothing fits, bad bytes become U+FFFD; but
    if most of what is not ASCII is bad, nobody had UTF-8 in mind.
    """
    for mark, name in _BOMS:
        if body.startswith(mark):
            return body.decode(name, "replace").lstrip("\ufeff"), ()
    served, declared = _served_as(content_type), _declared_as(body) or (_known(declared) if declared else None)
    candidates = [name for name in (served, declared) if name in _MULTI_BYTE] + ["utf-8"]
    single_byte = [name for name in (served, declared) if name and name not in candidates]
    # The document knows better than a server's default.
    single_byte.sort(key=lambda name: name == _DEFAULT_SINGLE_BYTE)
    for name in (*candidates, *single_byte):
        try:
            text = body.decode(name)
        except UnicodeDecodeError:
            continue
        return text, _complaints(name, served or declared)
    believed = declared or served or "utf-8"
    text = body.decode(believed, "replace")
    faults = text.count("\ufffd")
    if believed == "utf-8" and faults > len(_BEYOND_ASCII.findall(text)) - faults:
        return body.decode(_DEFAULT_SINGLE_BYTE, "replace"), (f"declared as utf-8, read as {_DEFAULT_SINGLE_BYTE}",)
    return text, (f"some bytes are not {believed}; they were replaced",)


def _complaints(used: str, claimed: str | None) -> tuple[str, ...]:
    # ASCII-only text decodes as anything, so only a claim that is plainly other than what was used is worth a word.
    if claimed in {None, used, _DEFAULT_SINGLE_BYTE}:
        return ()
    return (f"declared as {claimed}, read as {used}",)


def _served_as(content_type: str | None) -> str | None:
    found = _CHARSET.search(content_type or "")
    return _known(found.group(1)) if found else None


def _declared_as(body: bytes) -> str | None:
    found = _DECLARED.match(body[:_HEAD_BYTES])
    return _known(found.group(1).decode("ascii")) if found else None


def _known(name: str) -> str | None:
    """Return Python's name of a text encoding, widened to its superset; None for names that mean nothing to us."""
    try:
        found = codecs.lookup(name)
    except LookupError:
        return None
    if not getattr(found, "_is_text_encoding", True) or found.name.startswith(("utf-16", "utf-32", "utf-7")):
        return None  # a document whose declaration could be read as ASCII is none of these
    return _SUPERSETS.get(found.name, found.name)
