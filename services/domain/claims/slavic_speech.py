"""Who is quoted in a Russian or Ukrainian sentence: who stands beside a verb of speech, in its clause."""

from collections.abc import Sequence

from services.domain.claims.cue_frames import attribution_in
from services.domain.claims.cues import FoundCue
from services.domain.claims.reading import Reading
from services.domain.claims.slavic_words import BREAK, is_finite, is_verb
from services.domain.claims.speech import Speech

_PRONOUNS = frozenset(
    (
     "он", "она", "они", "вона", "він", "вони", "мы", "ми", "я", "тот", "той"
    )
)  # fmt: skip
# What ends the name of a speaker after a verb of speech: what is said, when, and to whom.
_ENDS_NAME = frozenset(
    (
     "что", "що", "как", "як", "о", "об", "про", "на", "по", "після", "после", "во", "під", "во время",
     "журналистам", "журналістам", "накануне", "напередодні", "вчера", "вчора", "сегодня", "сьогодні", "понедельник",
     "вторник", "среду", "четверг", "пятницу", "субботу", "воскресенье", "понеділок", "вівторок", "середу", "четвер",
     "п'ятницю", "суботу", "неділю"
    )
)  # fmt: skip
# What stands before a speaker and is no part of the name.
_BEGINS_CLAUSE = frozenset(
    (
     "что", "що", "и", "а", "но", "та", "але", "как", "як", "об", "про", "о"
    )
)  # fmt: skip
_SOMEBODY = frozenset(
    (
     "offices", "attribution", "private", "parties", "home"
    )
)  # fmt: skip
_MAX_NAME_WORDS = 14


def speech_of(reading: Reading) -> Speech | None:
    """Return who is said to speak, or None where nobody is; a name before a pronoun, and who is cited before both."""
    found = [
        speech
        for cue in reading.cues
        if cue.sense.family in ("says", "according") and not _is_inside_quote(reading, cue.at)
        if (speech := _speech(reading, cue)) is not None
    ]
    return min(found, key=lambda one: _rank(reading, one), default=None)


def _rank(reading: Reading, speech: Speech) -> tuple[bool, bool, bool, int]:
    """Put who is cited first, then who is named after all that is told ("..., рассказал источник"), a pronoun last."""
    is_known = any(one.sense.family in _SOMEBODY and speech.at <= one.at < speech.end for one in reading.cues)
    is_last = speech.at > speech.cue.at and is_known and "," in reading.between(speech.cue.at - 1)
    return (speech.cue.sense.family != "according", speech.is_pronoun, not is_last, speech.cue.at)


def _is_inside_quote(reading: Reading, at: int) -> bool:
    before = reading.text[: reading.words[at].start - reading.offset]
    if any(sign in before for sign in "“”«»„"):
        opened = before.count("«") + before.count("„") + before.count("“") * ("„" not in before)
        closed = before.count("»") + before.count("”") + before.count("“") * ("„" in before)
        return opened + reading.continues_quote > closed
    return (before.count('"') + reading.continues_quote) % 2 == 1


def _speech(reading: Reading, cue: FoundCue) -> Speech | None:
    if cue.sense.family == "according":
        at, end = _after(reading, cue.end)
    else:
        if not any(is_finite(word, reading.lang) for word in reading.words[cue.at : cue.end]):
            return None
        at, end = _before(reading, cue.at)
        if not _is_somebody(reading, at, end):
            at, end = _after(reading, cue.end)
    if not _is_somebody(reading, at, end):
        return None
    names = [reading.words[n].surface.lower() for n in range(at, end)]
    is_pronoun = len(names) <= 2 and not _PRONOUNS.isdisjoint(names)
    is_office = any(one.sense.family in ("offices", "home") and at <= one.at < end for one in reading.cues)
    return Speech(at, end, cue, attribution_in(reading, at, end), is_pronoun, is_office)


def _is_somebody(reading: Reading, at: int, end: int) -> bool:
    """Say whether words can be a speaker's: a name is among them, a pronoun, or the word for an office or a role."""
    if any(cue.sense.family in _SOMEBODY and at <= cue.at < end for cue in reading.cues):
        return True
    words: Sequence[tuple[int, str]] = [(n, reading.words[n].surface) for n in range(at, end)]
    if any(word.lower() in _PRONOUNS for _, word in words):
        return True
    return any(word[0].isupper() and len(word) > 1 and (n > 0 or len(words) <= 4) for n, word in words)


def _before(reading: Reading, verb: int) -> tuple[int, int]:
    """Return the words before a verb of speech that name its subject; an aside between commas is part of the name."""
    end = verb
    while end > 0 and reading.words[end - 1].surface.lower() in (
        "также",
        "ранее",
        "тогда",
        "також",
        "раніше",
        "уже",
        "вже",
    ):
        end -= 1
    at = end
    while at > 0 and end - at < _MAX_NAME_WORDS and not _ends_before(reading, at):
        at -= 1
    if at == end and at > 0 and "," in reading.between(at - 1):
        at = _over_aside(reading, end)
    if any(is_verb(word) and is_finite(word, reading.lang) for word in reading.words[at:end]):
        return verb, verb
    return at, end


def _ends_before(reading: Reading, at: int) -> bool:
    return bool(BREAK.search(reading.between(at - 1))) or reading.words[at - 1].surface.lower() in _BEGINS_CLAUSE


def _over_aside(reading: Reading, end: int) -> int:
    """Return where the name begins before an aside: "Юн Сок Ёль, президент Кореи, заявил"."""
    at, commas = end, 0
    while at > 0 and end - at < _MAX_NAME_WORDS:
        gap = reading.between(at - 1)
        if BREAK.search(gap):
            commas += 1
            if "," not in gap or commas > 2:
                break
        at -= 1
    return at if commas == 2 and at == 0 else end


def _after(reading: Reading, start: int) -> tuple[int, int]:
    """Return the words after a verb of speech that name its subject."""
    if start >= len(reading.words) or BREAK.search(reading.between(start - 1)):
        return start, start
    end = start
    while end < len(reading.words) and end - start < _MAX_NAME_WORDS:
        if end > start and BREAK.search(reading.between(end - 1)):
            break
        word = reading.words[end]
        following = reading.words[end + 1].surface.lower() if end + 1 < len(reading.words) else ""
        if word.surface.lower() in _ENDS_NAME or (word.surface.lower() in ("в", "у") and following in _ENDS_NAME):
            break
        end += 1
    return start, end
