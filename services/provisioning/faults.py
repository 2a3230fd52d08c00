"""Faults of configuration, collected so that a user sees all of them at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic import ValidationError

from services.runtime.masking import mask_text


@dataclass(frozen=True)
class Fault:
    """One thing wrong in one place. `place` is a file or an environment variable."""

    place: str
    message: str
    line: int | None = None
    field: str = ""

    def __str__(self) -> str:
        where = f"{self.place}:{self.line}" if self.line else self.place
        return ": ".join(part for part in (where, self.field, self.message) if part)


class ConfigurationError(Exception):
    """The configuration cannot be used; `faults` says everything that is wrong with it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean ...?)` naming the closest known name, or nothing where none is close."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f" (did you mean {close[0]!r}?)" if close else ""


def messages(error: ValidationError, known_keys: Iterable[str] = ()) -> list[tuple[tuple[int | str, ...], str]]:
    """Return each fault of a validation as (location, message in words a user understands)."""
    known = list(known_keys)
    found = []
    for fault in error.errors(include_url=False):
        location = fault["loc"]
        match fault["type"]:
            case "extra_forbidden":
                text = f"unknown key{nearest(str(location[-1]), known)}"
            case "missing":
                text = "this key is required"
            case "json_invalid":
                text = f"cannot be read: {fault['msg']}"
            case _:
                text = fault["msg"].removeprefix("Value error, ")
                if isinstance(fault["input"], str | int | float | bool):
                    text += f" (found {_shortened(repr(fault['input']))})"
        found.append((location, text))
    return found


def _shortened(text: str, limit: int = 60) -> str:
    text = mask_text(text)  # addresses may hold a password
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
