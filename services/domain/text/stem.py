"""Say which dictionary forms a word may be a form of, by its script.

A query looks a word up under one form, and a text's word is found under every form it may be: an ending is often
ambiguous ("танков" is tanks' or Mr Tankov), and neither a query nor the script names the language. Two words that mean
different things must not share a form.
"""

from enum import StrEnum

from services.domain.text.cyrillic import cyrillic_readings
from services.domain.text.english import english_readings
from services.domain.text.korean import korean_readings


class Script(StrEnum):
    """The writing system of a word, as far as inflection depends on it."""

    LATIN = "latin"
    CYRILLIC = "cyrillic"
    HANGUL = "hangul"
    OTHER = "other"


def script_of(folded: str) -> Script:
    """Return the script of a folded word, judged by its first character."""
    first = folded[:1]
    if "a" <= first <= "z":
        return Script.LATIN
    if "\u0400" <= first <= "\u052f":
        return Script.CYRILLIC
    if "\uac00" <= first <= "\ud7a3":
        return Script.HANGUL
    return Script.OTHER


def readings(folded: str, *, name: bool = False) -> tuple[str, ...]:
    """Return the forms under which a folded word is found, the one that a query for it looks up first.

    `name` says that the word was capitalised.
    """
    match script_of(folded):
        case Script.LATIN:
            return english_readings(folded)
        case Script.CYRILLIC:
            return cyrillic_readings(folded, name=name)
        case Script.HANGUL:
            return korean_readings(folded)
        case _:
            return (folded,)
