"""Who is quoted in an English sentence, where it says so, and on whose word it therefore rests."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from schemas.claim import Attribution
from services.domain.claims.cues import FoundCue
from services.domain.claims.grammar import AUXILIARIES, surface
from services.domain.claims.reading import ACTOR, NAME, RECIPIENT, Reading

# What ends the name of a speaker.
_BREAK = re.compile('[,;:—–"“”«»„「」()]')
_ENDS_NAME = frozenset(
    ("that", "whether", "how", "why", "what", "in", "on", "at", "after", "during", "because", "as", "when", "who",
     "which", "while", "before", "to", "if", "last", "yesterday", "today", "monday", "tuesday", "wednesday",
     "thursday", "friday", "saturday", "sunday")
)  # fmt: skip
# What stands between a speaker and the verb, and what no name goes back beyond.
_WITH_VERB = frozenset(
    ("also", "later", "then", "again", "too", "once", "now", "only", "further", "today", "yesterday", "himself",
     "herself", "not", "even", "still", "never", "already", "just", "since", "earlier")
)  # fmt: skip
_BEFORE_NAME = frozenset(
    ("that", "and", "but", "as", "where", "when", "while", "if", "because", "so", "which", "who", "whatever")
)  # fmt: skip
# These tell of speech only where what is said follows.
_OFTEN_ACTS = frozenset(
    ("go", "continue", "hold", "maintain", "judge", "report", "note", "state", "press", "respond", "reply", "answer",
     "conclude", "write", "inform", "brief", "protest", "quote", "testify", "observe", "complain", "demand",
     "promise", "pledge", "vow", "affirm", "comment", "stress", "reveal", "disclose", "repeat", "doubt", "make",
     "let", "spell", "point", "suggest")
)  # fmt: skip
_BE = frozenset(("be", "is", "are", "was", "were", "been", "being", "widely", "it"))
# Capitalised at the head of a sentence, and still no name.
_NO_NAMES = frozenset(
    ("the", "a", "an", "in", "on", "at", "it", "this", "that", "these", "those", "there", "some", "many", "most",
     "for", "from", "with", "but", "and", "as", "if", "no", "not", "so", "what", "when", "his", "her", "its",
     "their", "our", "my", "one", "two", "nothing", "everything", "all", "even", "only", "such", "any", "more", "by",
     "to", "of", "after", "before", "talk", "got")
)  # fmt: skip
_MAX_NAME_WORDS = 14
_MAX_ADVERBIAL = 5
# Said of oneself or of others; whose word it is depends on who speaks.
_PRONOUNS = frozenset(("he", "she", "they", "it", "we", "i", "who"))
_HOUSES = frozenset(("ministry", "office", "government", "department"))
# Before a verb that is no finite one.
_NOT_FINITE = frozenset(("to", "not", "of", "for", "by", "without"))
# Those who oppose a government at home.
_AT_HOME = frozenset(("opposition", "lawmaker", "legislator", "rebel", "defector"))
# In this order: an anonymous official is no official on record, and a critic at an institute is an analyst.
_BY_WORD = (Attribution.UNNAMED, Attribution.ANALYST, Attribution.OPPONENT)
_ASIDES = frozenset(
    ("a", "an", "the", "who", "which", "whose", "where", "speaking", "himself", "herself", "in", "at", "one")
)  # fmt: skip
_BEFORE_SPEAKER = frozenset(
    ("on", "in", "at", "last", "this", "earlier", "later", "late", "early", "also", "then", "again", "yesterday",
     "today", "week", "month", "year", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
     "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
     "december", "however", "meanwhile", "moreover")
)  # fmt: skip


class Speech(NamedTuple):
    """Words of a sentence that say who speaks: the speaker's name from `at` to before `end`, and the cue of speech."""

    at: int
    end: int
    cue: FoundCue
    attribution: Attribution | None
    is_pronoun: bool
    is_office: bool = False

    def covers(self, at: int) -> bool:
        """Whether a word belongs to the words that say who speaks."""
        return self.at <= at < self.end or self.cue.at <= at < self.cue.end


def speech_of(reading: Reading) -> Speech | None:
    """Return who is said to speak, or None where nobody is; the first of several who are named."""
    found = [
        speech
        for cue in reading.cues
        if cue.sense.family in ("says", "according") and not _is_inside_quote(reading, cue)
        if (speech := _speech(reading, cue)) is not None
    ]
    return min(found, key=lambda one: (one.cue.sense.family != "according", one.is_pronoun, one.cue.at), default=None)


def _is_inside_quote(reading: Reading, cue: FoundCue) -> bool:
    before = reading.text[: reading.words[cue.at].start - reading.offset]
    if any(sign in before for sign in "“”«»"):
        return before.count("“") + before.count("«") + reading.continues_quote > before.count("”") + before.count("»")
    return (before.count('"') + reading.continues_quote) % 2 == 1


def _speech(reading: Reading, cue: FoundCue) -> Speech | None:
    if cue.sense.family == "according":
        at, end = _after(reading, cue.end)
        if end == at:
            at, end = _before(reading, cue.at)
    elif not _is_verb(reading, cue) or surface(reading, cue.end) in ("us", "me"):
        return None
    else:
        at, end = (cue.at, cue.at) if _is_passive(reading, cue) else _before(reading, cue.at)
        if at == end:
            at, end = _after(reading, cue.end)
    if at >= end or (surface(reading, at - 1) == "as" and reading.words[cue.at].key in _OFTEN_ACTS):
        return None
    name = [reading.words[n] for n in range(at, end)]
    is_pronoun = len(name) <= 2 and name[0].surface.lower() in _PRONOUNS
    if not is_pronoun and not _is_somebody(reading, at, end):
        return None
    is_office = any(cue.sense.family == "offices" and at <= cue.at < end for cue in reading.cues)
    return Speech(at, end, cue, _attribution(reading, at, end), is_pronoun, is_office)


def _is_verb(reading: Reading, cue: FoundCue) -> bool:
    """Say whether a word is a finite verb of speech: no participle, and no part of a name ("the United States")."""
    word = reading.words[cue.at]
    if word.surface.lower().endswith("ing"):
        return False
    is_headline = sum(one.is_capitalised for one in reading.words) > len(reading.words) * 0.7
    return (cue.at == 0 or not word.is_capitalised or is_headline) and _is_speech(reading, cue)


def _is_speech(reading: Reading, cue: FoundCue) -> bool:
    """Say whether a verb that need not be one of speech tells what is said: "maintained that", "..., he went on"."""
    if any(one.at == cue.at and one.end > cue.end and one.sense.family == "event" for one in reading.cues):
        return False  # "said no to"
    last = cue.end - 1
    if reading.words[cue.at].key not in _OFTEN_ACTS or surface(reading, last) == "that":
        return True
    ahead = [surface(reading, at) for at in range(cue.end, cue.end + 3)]
    return (
        "that" in ahead
        or _closes(reading, cue)
        or last + 1 >= len(reading.words)
        or bool(_BREAK.search(reading.between(last)))
    )


def _closes(reading: Reading, cue: FoundCue) -> bool:
    """Say whether a verb and its subject are the last clause: "..., the agency wrote in reply to a question"."""
    start = cue.at
    while start > 0 and not _BREAK.search(reading.between(start - 1)):
        start -= 1
    is_last = not any(_BREAK.search(reading.between(at)) for at in range(cue.at, len(reading.words) - 1))
    return start > _MAX_ADVERBIAL and 0 < cue.at - start < _MAX_NAME_WORDS and is_last


def _is_passive(reading: Reading, cue: FoundCue) -> bool:
    """Say whether a verb of speech tells of whom it is said ("is believed to"), so that its subject does not speak."""
    if surface(reading, cue.at).endswith(("s", "ing")):
        return False
    return any(surface(reading, at) in _BE for at in range(max(0, cue.at - 3), cue.at))


def _is_somebody(reading: Reading, at: int, end: int) -> bool:
    """Say whether words can be a speaker's: a name is among them, or the word for an office or a role."""
    if any(_is_role(cue) and at < cue.end and cue.at < end for cue in reading.cues):
        return True
    return any(
        word.is_capitalised and (n > 0 or word.key not in _NO_NAMES) and len(word.surface) > 1
        for n, word in enumerate(reading.words[at:end], at)
    )


def _is_role(cue: FoundCue) -> bool:
    if cue.sense.family == "attribution":
        return cue.sense.label != Attribution.NARRATOR
    return cue.sense.family in ("offices", "private")


def _before(reading: Reading, verb: int) -> tuple[int, int]:
    """Return the words before a verb of speech that name its subject."""
    end = verb
    while end > 0 and _goes_with_verb(surface(reading, end - 1)) and not _BREAK.search(reading.between(end - 1)):
        end -= 1
    at = end
    if end > 0 and _BREAK.search(reading.between(end - 1)):
        end = _before_aside(reading, end)
        at = end - 1 if end < at else at
    while at > 0 and end - at < _MAX_NAME_WORDS and not _BREAK.search(reading.between(at - 1)):
        if surface(reading, at - 1) in _BEFORE_NAME or surface(reading, at - 1) in AUXILIARIES:
            break
        at -= 1
    while at < end and _is_date_word(reading, at):
        at += 1
    if at == end or surface(reading, verb - 1) in _NOT_FINITE or _has_verb(reading, at, end):
        return verb, verb
    return at, end


def _before_aside(reading: Reading, end: int) -> int:
    """Return where a name ends that is followed by an aside between commas: "Ole Berg, speaking in Oslo, doubts"."""
    at = end - 1
    while at > 0 and end - at < _MAX_NAME_WORDS and not _BREAK.search(reading.between(at - 1)):
        at -= 1
    is_aside = at > 0 and "," in reading.between(at - 1) and "," in reading.between(end - 1)
    is_aside = is_aside and surface(reading, at) in _ASIDES
    return at if is_aside else end


def _is_date_word(reading: Reading, at: int) -> bool:
    """Say whether a word before a name only tells when or how: "On 7 November 2024 Yoon said"."""
    word = surface(reading, at)
    return word in _BEFORE_SPEAKER or word[:1].isdigit()


def _goes_with_verb(word: str) -> bool:
    return word in _WITH_VERB or word in AUXILIARIES or word.endswith("ly")


def _has_verb(reading: Reading, start: int, end: int) -> bool:
    """Say whether something is told between two words, so that they are more than a name."""
    nouns = {cue.at for cue in reading.cues if cue.sense.family in ("nominal", "offices", "attribution", "private")}
    return any(
        cue.sense.family == "event"
        and start < cue.at
        and cue.end <= end - 1
        and cue.at not in nouns
        and surface(reading, cue.at - 1) not in ("a", "an", "the")
        for cue in reading.cues
    )


def _after(reading: Reading, start: int) -> tuple[int, int]:
    """Return the words after a verb of speech that name its subject."""
    if start >= len(reading.words) or _BREAK.search(reading.between(start - 1)):
        return start, start
    if surface(reading, start) == "by":
        start += 1
    end = start
    while end < len(reading.words) and end - start < _MAX_NAME_WORDS:
        word = surface(reading, end)
        if end > start and (_BREAK.search(reading.between(end - 1)) or _ends_name(reading, end)):
            break
        if word in _ENDS_NAME and end == start:
            return start, start
        end += 1
    return start, end


def _ends_name(reading: Reading, at: int) -> bool:
    word = surface(reading, at)
    if word in ("in", "at", "of"):  # "an official in Seoul" is still a name, "said in Seoul on Monday" no more
        return at == 0 or surface(reading, at - 1) in _ENDS_NAME
    return word in _ENDS_NAME or word in AUXILIARIES


def _attribution(reading: Reading, at: int, end: int) -> Attribution | None:
    inside = [cue for cue in reading.cues if at <= cue.at < end]
    said = {cue.sense.label for cue in inside if cue.sense.family == "attribution"}
    if any(cue.sense.family == "offices" and reading.words[cue.end - 1].key in _HOUSES for cue in inside):
        said.discard("unnamed")  # an official of a ministry speaks for it
    said |= {cue.sense.label for cue in reading.cues if cue.sense.label == "unnamed" and cue.end - cue.at > 2}
    if any(cue.sense.family == "private" and reading.words[cue.at].key in _AT_HOME for cue in inside):
        return Attribution.OPPONENT
    is_former = any(surface(reading, n) in ("former", "ex", "retired") for n in range(at, end))
    if is_former and (Attribution.ANALYST in said or said.isdisjoint(_BY_WORD)):
        return Attribution.ANALYST  # "a former diplomat now at a university"
    return next((one for one in _BY_WORD if one in said), None)


def speech_features(reading: Reading) -> Sequence[str]:
    """Return what a classifier should know of the speaker."""
    speech = speech_of(reading)
    if speech is None:
        return ("nobody speaks",)
    masks = set(reading.masks[speech.at : speech.end])
    names = [f"speaker {mask}" for mask in (ACTOR, RECIPIENT, NAME) if mask in masks]
    labels = {
        cue.sense.label
        for cue in reading.cues
        if cue.sense.family in ("attribution", "offices", "private") and speech.at <= cue.at < speech.end
    }
    names += [f"speaker is {label}" for label in labels]
    names += [f"speaker {word.key}" for word in reading.words[speech.at : speech.end]]
    names += [f"speaker {sorted(masks)} {sorted(labels)}", "somebody speaks"]
    if speech.is_pronoun:
        names.append("speaker pronoun")
    return names
