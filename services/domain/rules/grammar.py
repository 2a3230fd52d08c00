"""What the query language reserves, and its limits; the lexer reads by it and the canonical text is written by it."""

from enum import StrEnum

MAX_NESTING = 100  # of what is written, and levels of the tree that is read from it
MAX_NEAR_NESTING = 10  # finding a NEAR takes time for each one inside it
MAX_DISTANCE = 100  # words of NEAR, BEFORE and ~


class Keyword(StrEnum):
    """The words of the language that are not words to find."""

    AND = "AND"
    OR = "OR"
    NOT = "NOT"
    NEAR = "NEAR"
    BEFORE = "BEFORE"
    OF = "OF"


# Everything a bare word may not hold; the lexer refuses or splits at these.
RESERVED = "()[]{}~^?*\\"
QUOTES = '"“”„'
# A comma within a number is part of it; any other separates.
_IN_WORD = rf"[^\s(),{QUOTES}]"
BARE_WORD = rf"{_IN_WORD}+(?:(?<=\d),(?=\d{{3}}(?!\d)){_IN_WORD}+)*"
