"""The words of a stretch of text, with their offsets and the keys under which cues and names are found."""

from typing import NamedTuple

from services.domain.text.analyzer import Analysis, analyze, tokens

# No sentence that a person reads holds more words.
MAX_WORDS = 160


class Word(NamedTuple):
    """One word of a text, at its offsets there."""

    start: int
    end: int
    surface: str
    analysis: Analysis

    @property
    def key(self) -> str:
        """The likeliest dictionary form."""
        return self.analysis.key

    @property
    def keys(self) -> tuple[str, ...]:
        """All dictionary forms."""
        return self.analysis.keys

    @property
    def is_capitalised(self) -> bool:
        """Whether it begins with a capital letter."""
        return self.surface[0].isupper()


def words_of(text: str, start: int = 0, end: int | None = None) -> list[Word]:
    """Return the first words of `text` between two offsets, in order; no more than MAX_WORDS."""
    found: list[Word] = []
    for token in tokens(text[start:end]):
        found.append(Word(start + token.start, start + token.end, token.surface, analyze(token.surface)))
        if len(found) == MAX_WORDS:
            break
    return found
