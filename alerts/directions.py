"""Which way a text is read, and how one stays within its place in a line of another direction. Pure."""

from typing import Literal
from unicodedata import bidirectional

# A mark of no width that reads from left to right. Isolates would do as well, and are what deceitful lines are made of.
_LEFT_TO_RIGHT_MARK = "\u200e"
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


def direction(text: str) -> Literal["ltr", "rtl"]:
    """Return the direction of a text by its first letter that has one, as `dir="auto"` does where clients know it."""
    first = next((kind for kind in map(bidirectional, text) if kind in {"L", "R", "AL"}), "L")
    return "ltr" if first == "L" else "rtl"


def side(text: str) -> Literal["left", "right"]:
    """Return the side on which lines of this text begin."""
    return "left" if direction(text) == "ltr" else "right"


def placed(text: str) -> str:
    """Return text as a part of a line that is read from left to right: what follows it stays to its right.

    Arabic or Hebrew would draw the numbers and marks after it to its other side, as `27` of `… · 27 Nov`.
    """
    if any(bidirectional(char) in _RIGHT_TO_LEFT for char in text):
        return f"{_LEFT_TO_RIGHT_MARK}{text}{_LEFT_TO_RIGHT_MARK}"
    return text
