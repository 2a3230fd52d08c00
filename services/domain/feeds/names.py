"""Who wrote it: the names in an author's line."""

import re

from services.domain.feeds.plain_text import one_line, plain_text
from services.domain.feeds.received import unique

_E_MAIL = re.compile(r"(?:mailto:)?[\w.+-]+@(?:[\w-]+\.)+\w{2,}(?:\?subject=\S+)?")
_EMPTY = re.compile(r"\(\s*\)|<\s*>")


def author_names(line: str | None) -> tuple[str, ...]:
    """Return the names of an author's line without e-mail addresses; the address itself where there is no name."""
    text = one_line(plain_text(line or ""))[:500]
    found = _E_MAIL.search(text) if "@" in text else None
    if not found:
        return unique([text])
    name = _EMPTY.sub("", text.replace(found.group(), "")).strip()
    name = name.removeprefix("(").removesuffix(")").strip()
    return unique([name or found.group().removeprefix("mailto:")])
