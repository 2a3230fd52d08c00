"""Ids of feeds made from what is known of them: short, readable, and unlike every other."""

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import urlsplit

MAX_ID_CHARS = 64
MAX_NUMBERED_CHARS = 120  # ids that users write have up to 128
_COMMON_END = re.compile(r"(-(xml|rss|atom|feed|index))+$")
_NOT_IN_IDS = re.compile(r"[^a-z0-9]+")
_LEAST_LETTERS = 3


def id_from_url(url: str) -> str:
    """Return an id made from an address, without what all addresses share."""
    parts = urlsplit(url)
    host = (parts.hostname or "feed").removeprefix("www.")
    words = _NOT_IN_IDS.sub("-", f"{host}{parts.path}".lower())
    return _COMMON_END.sub("", words.strip("-"))[:MAX_ID_CHARS].strip("-") or "feed"


def id_from_title(title: str, url: str) -> str:
    """Return an id made from a title, or from the address where the title's letters are mostly not Latin."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", title) if not unicodedata.combining(char))
    letters = [char for char in plain if char.isalnum()]
    latin = _NOT_IN_IDS.sub("-", plain.lower()).strip("-")[:MAX_ID_CHARS].strip("-")
    kept = sum(char.isascii() for char in letters)
    return latin if kept >= _LEAST_LETTERS and kept * 2 > len(letters) else id_from_url(url)


class IdPool:
    """Gives ids that nothing else has."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._last_number: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        """Return this id, with a number at its end if it is taken, and keep it from being given again."""
        given = wanted
        while given in self._taken:
            number = self._last_number.get(wanted, 1) + 1
            self._last_number[wanted] = number
            given = f"{wanted[:MAX_NUMBERED_CHARS]}-{number}"
        self._taken.add(given)
        return given


def host_of(url: str) -> str:
    """Return the host of an address, as a name for who publishes there."""
    return (urlsplit(url).hostname or url).removeprefix("www.")
