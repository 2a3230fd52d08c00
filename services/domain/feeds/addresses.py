"""Addresses of feeds as people and lists write them, read as what was meant."""

import re
from enum import StrEnum
from urllib.parse import urljoin, urlsplit

MAX_ADDRESS_CHARS = 2048  # as in the contract of a feed

_INVISIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u2060\ufeff]")
_WRAPPED = re.compile(r"\s*[\r\n\t]+\s*")
_AROUND = " \t\r\n\"'<>“”„«»`"
# Schemes that only say "this is a feed": Safari's, NetNewsWire's, and the podcast programs'.
_FEED_SCHEMES = re.compile(r"^(?:feeds?|rss|itpc|itms-podcasts?|pcast|podcasts?|zune):(?=/*\w)", re.IGNORECASE)
# With one slash or five, with a letter lost in copying, or without the colon.
_HTTP = re.compile(r"^(?:h{0,2}t{1,3}p)(s?)(?:[:;]\s*[/\\]*|[:;]?[/\\]{2,})", re.IGNORECASE)
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):(?!\d{1,5}(?:[/?#]|$))")
_HOST = re.compile(r"^(?:localhost|[^\s/?#:@.]+(?:\.[^\s/?#:@.]+)+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?(?=[/?#]|$)")
_FILE = re.compile(r"^[^/?#]*\.(?:xml|rss|rdf|atom|json|php|aspx?|html?)(?=[?#]|$)", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class AddressFault(StrEnum):
    """Why something written is no address that a feed can be asked at."""

    MISSING = "missing"
    NOT_HTTP = "not_http"
    RELATIVE = "relative"
    NO_HOST = "no_host"
    TOO_LONG = "too_long"


class AddressError(ValueError):
    """This is no address of a feed; `fault` and the message say why."""

    def __init__(self, fault: AddressFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


def feed_address(written: str, site: str | None = None) -> str:
    """Return the http(s) address that is meant, else raise AddressError; a good address comes back as it is.

    Without a scheme it is read as https; `feed://` is http, as where it was invented. `site` is the address of the
    page that a relative one belongs to.
    """
    text = _WRAPPED.sub("", _INVISIBLE.sub("", written).strip(_AROUND)).replace("&amp;", "&").replace(" ", "%20")
    if not text:
        raise AddressError(AddressFault.MISSING, "the address is empty")
    address = _absolute(_with_scheme(text), written, site)
    return _checked(address, written)


def has_scheme(written: str) -> bool:
    """Say whether an address names http or https itself, so that nothing had to be assumed."""
    return bool(_HTTP.match(written.strip(_AROUND)))


def address_key(url: str) -> str:
    """Return what is the same for addresses that differ only in how they are written."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return url
    scheme = parts.scheme.lower()
    user = f"{parts.username}:{parts.password}@" if parts.username else ""
    shown_port = "" if port in {None, _DEFAULT_PORTS.get(scheme)} else f":{port}"
    return f"{scheme}://{user}{host}{shown_port}{parts.path or '/'}?{parts.query}"


def _with_scheme(text: str) -> str:
    """Return the address with one scheme, the innermost; `//host` as it is."""
    scheme = ""
    while True:
        if found := _FEED_SCHEMES.match(text):
            scheme = scheme or ("https" if found.group().lower() == "feeds:" else "http")
            text = text[found.end() :].lstrip("/")
        elif found := _HTTP.match(text):
            scheme = f"http{found.group(1).lower()}"
            text = text[found.end() :]
        else:
            return f"{scheme}://{text}" if scheme else text


def _absolute(text: str, written: str, site: str | None) -> str:
    if text.startswith(("http://", "https://")):
        return text
    if text.startswith("//"):
        return f"https:{text}"
    if found := _SCHEME.match(text):
        raise AddressError(AddressFault.NOT_HTTP, f"{_shown(written)} is a {found.group(1).lower()}: address, not http")
    if _HOST.match(text) and not _FILE.match(text):
        return f"https://{text}"
    if not site:
        raise AddressError(AddressFault.RELATIVE, f"{_shown(written)} is no whole address, and its site is not known")
    try:
        return urljoin(feed_address(site), text)
    except ValueError as error:
        message = f"{_shown(written)} is no whole address, nor is its site's ({_shown(site)})"
        raise AddressError(AddressFault.RELATIVE, message) from error


def _checked(address: str, written: str) -> str:
    if len(address) > MAX_ADDRESS_CHARS:
        message = f"the address is longer than {MAX_ADDRESS_CHARS} characters"
        raise AddressError(AddressFault.TOO_LONG, message)
    try:
        parts = urlsplit(address)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    if not has_host or re.search(r"\s", address):
        raise AddressError(AddressFault.NO_HOST, f"{_shown(written)} names no host")
    return address


def _shown(written: str) -> str:
    text = written.strip()
    return repr(text if len(text) <= 100 else f"{text[:99]}…")
