"""Take secrets out of what people will read: log events, error messages, `config show`."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import SecretBytes, SecretStr

MASK = "***"

SECRET_NAME = re.compile(
    r"(?:^|[_.\-\s])(?:authorization|passw(?:or)?d|passphrase|secrets?|token|api[_\-]?key|access[_\-]?key"
    r"|private[_\-]?key|signature|credentials?|cookie|webhook_url)$",
    re.IGNORECASE,
)

# Each pattern keeps group 1 (what shows what it was) and loses the rest.
SECRETS_IN_TEXT = (
    # scheme://user:password@host and scheme://:password@host
    re.compile(r"(\b[a-z][a-z0-9+.\-]{0,20}://[^\s/?#:@]*:)[^\s/?#]+(?=@)", re.IGNORECASE),
    # ?token=...&sig=...
    re.compile(
        r"([?&;](?:[\w.\-]*(?:token|secret|password|passwd|api[_\-]?key|signature)|sig|auth|key|code)=)[^\s&#;\"'<>]+",
        re.IGNORECASE,
    ),
    # Authorization headers, with or without their name
    re.compile(r"(\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=\-]{8,}", re.IGNORECASE),
    re.compile(r"(\bAuthorization['\"]?\s*[:=]\s*['\"]?)(?!Bearer\s|Basic\s)[^\s'\",}]+", re.IGNORECASE),
    # Slack: incoming webhooks and tokens
    re.compile(r"(hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/)[^\s\"'<>]+", re.IGNORECASE),
    re.compile(r"(\bxox[a-z]-|\bxapp-)[A-Za-z0-9\-]{8,}"),
    # Discord, Teams and Telegram address their bots by a secret path
    re.compile(r"(/api/webhooks/\d+/)[\w\-]+"),
    re.compile(r"(\.webhook\.office\.com/)[^\s\"'<>]+", re.IGNORECASE),
    re.compile(r"(/bot\d+:)[\w\-]{20,}"),
)


def mask_text(text: str) -> str:
    """Return the text without passwords and tokens in URLs and headers; text without any comes back as it is."""
    for pattern in SECRETS_IN_TEXT:
        text = pattern.sub(rf"\g<1>{MASK}", text)
    return text


def mask(value: Any) -> Any:
    """Return the value with its secrets masked, at any depth: by type, by the name of their key, and in texts."""
    if isinstance(value, SecretStr | SecretBytes):
        return MASK
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, bytes):
        return mask_text(value.decode(errors="backslashreplace"))
    if isinstance(value, Mapping):
        return {key: mask_named(key, part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [mask(part) for part in value]
    return value


def mask_named(name: object, value: Any) -> Any:
    """Return the value of a key, masked whole when the key's name says that it is secret."""
    if isinstance(name, bytes):
        name = name.decode(errors="backslashreplace")
    if isinstance(name, str) and SECRET_NAME.search(name) and value is not None and not isinstance(value, bool):
        return MASK
    return mask(value)
