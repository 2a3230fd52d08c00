"""A sentence as rules and classifiers take it: its words, which of them name whom, and the cues."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from services.domain.claims.cues import CueBook, FoundCue
from services.domain.claims.words import Word, words_of

ACTOR, RECIPIENT, NAME = "_A", "_R", "_N"


class Reading(NamedTuple):
    """A sentence: its words, the mask of each (empty for none), its cues."""

    text: str
    words: Sequence[Word]
    masks: Sequence[str]
    cues: Sequence[FoundCue]
    offset: int = 0  # where in its field `text` begins; the words' offsets are those of the field
    lang: str = "en"
    continues_quote: bool = False  # begins inside a quotation

    def written(self, at: int, end: int) -> str:
        """Return the words from `at` to before `end` as they are written."""
        return self.text[self.words[at].start - self.offset : self.words[end - 1].end - self.offset]

    def between(self, at: int) -> str:
        """Return what stands between a word and the next; nothing after the last."""
        if at + 1 >= len(self.words):
            return ""
        return self.text[self.words[at].end - self.offset : self.words[at + 1].start - self.offset]


def read(text: str, book: CueBook, actor: str = "", recipient: str = "") -> Reading:
    """Read a sentence of which it is known how actor and recipient are written in it."""
    words = words_of(text)
    masks = masks_of(words, _places(words, text, actor), _places(words, text, recipient))
    return Reading(text, words, masks, book.find(words))


def _places(words: Sequence[Word], text: str, name: str) -> list[int]:
    start = text.find(name) if name else -1
    if start < 0:
        return []
    end = start + len(name)
    return [at for at, word in enumerate(words) if word.start < end and word.end > start]


def masks_of(words: Sequence[Word], actor: Iterable[int] = (), recipient: Iterable[int] = ()) -> list[str]:
    """Return the mask of each word: actor and recipient by place, other capitalised words as names."""
    masks = [NAME if at and word.is_capitalised and len(word.surface) > 1 else "" for at, word in enumerate(words)]
    for at in recipient:
        masks[at] = RECIPIENT
    for at in actor:
        masks[at] = ACTOR
    return masks
