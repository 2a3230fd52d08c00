"""Who is the subject of a Korean sentence: the case endings say so."""

from collections.abc import Sequence

from services.domain.claims.actors import Mention
from services.domain.claims.reading import Reading

# The endings by which Korean tells who does (은, 는, 이, 가) and to whom (에, 에게, 와, 과, 로).
_SUBJECT = ("은", "는", "이", "가", "측은", "측이", "도", "정부는", "정부가")
_OTHER = ("에", "에게", "와", "과", "로", "에는", "을", "를", "의", "에도", "에게는")


def korean_subject(reading: Reading, told: Sequence[Mention]) -> Mention | None:
    """Return the first mention that has the ending of a subject."""
    return next((one for one in told if _ending(reading, one) in _SUBJECT), None)


def _ending(reading: Reading, mention: Mention) -> str:
    words = reading.words
    for n in range(mention.at, min(mention.end + 2, len(words))):
        if words[n].surface.endswith(_OTHER) and not words[n].surface.endswith(_SUBJECT):
            return "에"
        if words[n].surface.endswith(("은", "는", "이", "가")):
            return words[n].surface[-1]
    return words[mention.end - 1].surface[-1]
