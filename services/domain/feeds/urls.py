"""Canonical addresses: one article, one address, whoever linked to it."""

import re
from urllib.parse import SplitResult, parse_qs, urljoin, urlsplit, urlunsplit

_TRACKING = re.compile(
    r"^(?:utm_\w+|fbclid|gclid|gclsrc|gbraid|wbraid|dclid|msclkid|yclid|ysclid|twclid|ttclid|igshid|igsh|mc_cid|mc_eid"
    r"|_hsenc|_hsmi|vero_id|oly_anon_id|oly_enc_id|wickedid|rb_clickid|s_cid|ito|at_medium|at_campaign|at_custom\d"
    r"|at_link_\w+|at_format|at_ptr_name|cmpid|ocid|ncid|smid|spm|__twitter_impression|guccounter|guce_\w+|ref_src"
    r"|ref_url|_openstat|xtor|wt_mc|fb_action_ids|fb_source|mkt_tok)$",
    re.IGNORECASE,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_GOOGLE_REDIRECT = re.compile(r"https?://(?:www\.)?google\.[a-z.]{2,6}/url\?(.*)", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\"<>\\^`{|}]")


def is_address(text: str) -> bool:
    """Say whether a text that may be anything, such as a GUID, is meant as an address: an absolute one, or a path."""
    return text.startswith("/") or _SCHEME.match(text) is not None


def absolute_url(link: str | None, base_url: str | None) -> str | None:
    """Return the link relative to nothing; None for none, and for one that no address can be made of."""
    # Joining nothing would give the feed's own address, and every item without a link would be one article.
    if not link or not (link := link.strip()):
        return None
    if base_url is None or link.startswith(("https://", "http://")):
        return link
    try:
        return urljoin(base_url, link)
    except ValueError:
        return None


def canonical_url(address: str | None) -> str | None:
    """Return the address without tracking parameters, fragment, credentials and default port; host in lower case.

    None unless it is an absolute http(s) address. The order of the query is kept, since it can matter. The links of
    Google Alerts, which lead by way of Google, become what they lead to.
    """
    address = (address or "").strip()
    try:
        if redirect := _GOOGLE_REDIRECT.fullmatch(address):
            query = parse_qs(redirect.group(1))
            address = (query.get("url") or query.get("q") or [address])[0].strip()
        parts = urlsplit(address)
        port, host = parts.port, (parts.hostname or "").rstrip(".")
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not host:
        return None
    host = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS[scheme]:
        host = f"{host}:{port}"
    canonical = SplitResult(scheme, host, parts.path or "/", _tracked_no_more(parts.query), _address_part(parts))
    return _UNSAFE.sub(lambda found: f"%{ord(found.group()):02X}", urlunsplit(canonical))


def without_tracking(address: str) -> str:
    """Return the address, otherwise as it is, without the parameters that only count who came from where."""
    path, mark, rest = address.partition("?")
    query, hash_mark, fragment = rest.partition("#")
    kept = _tracked_no_more(query)
    return f"{path}{mark if kept else ''}{kept}{hash_mark}{fragment}"


def _tracked_no_more(query: str) -> str:
    pieces = query.split("&")
    return "&".join(piece for piece in pieces if piece and not _TRACKING.match(piece.partition("=")[0]))


def _address_part(parts: SplitResult) -> str:
    # Pages that route in the browser (#!/news/12, #/news/12) differ only here.
    return parts.fragment if parts.fragment.startswith(("!", "/")) else ""
