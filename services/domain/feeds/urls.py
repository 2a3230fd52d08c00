"""Canonical addresses: one article, one address, whoever linked to it."""

import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

_TRACKING = re.compile(
    r"^(?:utm_\w+|fbclid|gclid|gclsrc|gbraid|wbraid|dclid|msclkid|yclid|ysclid|twclid|ttclid|igshid|igsh|mc_cid|mc_eid"
    r"|_hsenc|_hsmi|vero_id|oly_anon_id|oly_enc_id|wickedid|rb_clickid|s_cid|ito|at_medium|at_campaign|at_custom\d"
    r"|at_link_\w+|at_format|at_ptr_name|cmpid|ocid|ncid|smid|spm|__twitter_impression|guccounter|guce_\w+|ref_src"
    r"|ref_url|_openstat|xtor|wt_mc|fb_action_ids|fb_source|mkt_tok)$",
    re.IGNORECASE,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNSAFE = re.compile(r"[\x00-\x20\x7f\"<>\\^`{|}]")


def canonical_url(address: str | None) -> str | None:
    """Return the address without tracking parameters, fragment, credentials and default port; host in lower case.

    None unless it is an absolute http(s) address. The order of the query is kept, since it can matter.
    """
    try:
        parts = urlsplit((address or "").strip())
        port, host = parts.port, (parts.hostname or "").rstrip(".")
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not host:
        return None
    host = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS[scheme]:
        host = f"{host}:{port}"
    canonical = SplitResult(scheme, host, parts.path or "/", _without_tracking(parts.query), _address_part(parts))
    return _UNSAFE.sub(lambda found: f"%{ord(found.group()):02X}", urlunsplit(canonical))


def _without_tracking(query: str) -> str:
    pieces = query.split("&")
    return "&".join(piece for piece in pieces if piece and not _TRACKING.match(piece.partition("=")[0]))


def _address_part(parts: SplitResult) -> str:
    # Pages that route in the browser (#!/news/12, #/news/12) differ only here.
    return parts.fragment if parts.fragment.startswith(("!", "/")) else ""
