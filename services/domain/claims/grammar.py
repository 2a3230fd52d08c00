"""The little grammar that telling who does what needs: clauses, predicates, passives, and how a name stands in them."""

import re
from collections.abc import Set
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from services.domain.claims.reading import Reading

AUXILIARIES = frozenset(
    ("will", "would", "shall", "should", "can", "could", "may", "might", "must", "has", "have", "had", "is", "are",
     "was", "were", "does", "did", "do", "won't", "wouldn't", "can't", "cannot", "couldn't", "isn't", "aren't",
     "wasn't", "weren't", "hasn't", "haven't", "hadn't", "doesn't", "didn't", "don't", "shouldn't", "mustn't",
     "будет", "будут", "может", "могут", "был", "была", "были", "буде", "будуть", "може", "можуть", "був", "була",
     "були")
)  # fmt: skip
_BE = frozenset(
    ("be", "was", "were", "been", "being", "is", "are", "isn't", "aren't", "wasn't", "weren't", "got", "get", "gets",
     "getting", "был", "была", "были", "було", "був", "була", "були", "будет", "буде")
)  # fmt: skip
_BETWEEN = frozenset(
    ("not", "also", "never", "already", "still", "now", "since", "all", "been", "being", "be", "again", "once",
     "thus", "then", "therefore", "only", "even", "so", "far", "yet", "reportedly", "later", "twice", "both", "just",
     "long")
)  # fmt: skip
_PARTICIPLES = frozenset(
    ("sent", "given", "sold", "told", "made", "found", "held", "taken", "put", "lent", "seen", "struck", "hit",
     "shot", "built", "bought", "brought", "kept", "left", "let", "met", "paid", "said", "shown", "shut", "spent",
     "thrown", "won", "set", "cut", "broken", "chosen", "withdrawn", "drawn", "driven", "forbidden", "overthrown",
     "shaken", "spoken", "stolen", "written", "known", "flown", "begun", "done", "gone", "undone", "read", "bid",
     "laid", "led", "dealt", "fed", "heard", "lost", "sought", "understood", "turned", "thought")
)  # fmt: skip
_PASTS = frozenset(
    ("put", "sent", "gave", "sold", "told", "made", "found", "held", "took", "kept", "left", "let", "met", "paid",
     "said", "saw", "shut", "set", "cut", "broke", "chose", "withdrew", "drew", "flew", "began", "went", "read",
     "laid", "led", "dealt", "fed", "heard", "lost", "sought", "thought", "brought", "bought", "came", "spoke",
     "wrote", "won", "threw", "got", "ran", "fell", "stood", "rose", "built")
)  # fmt: skip
_PREPOSITIONS = frozenset(
    ("to", "for", "from", "with", "against", "of", "in", "on", "about", "at", "between", "into", "towards", "toward",
     "by", "over", "near", "behind", "via", "through", "inside", "outside", "under", "among", "across", "beyond",
     "off", "onto", "around", "upon", "like", "than", "without", "per", "within", "throughout", "beside", "besides",
     "alongside", "except", "including", "despite", "amid", "supplying", "arming", "giving", "sending", "helping",
     "lending", "selling", "urging", "asking", "telling", "naming", "concerning", "regarding", "following", "versus",
     "к", "для", "от", "с", "со", "против", "в", "во", "на", "из", "до", "від", "з", "із", "проти", "у", "про", "о",
     "об", "за", "по", "над", "под", "між", "между", "через")
)  # fmt: skip
# What may stand between a preposition and the name that it governs.
_LEAD_IN = frozenset(
    ("the", "a", "an", "both", "either", "neighbouring", "neighboring", "nearby", "new", "fellow", "all", "its",
     "his", "her", "their", "our", "any", "senior", "top", "many", "several", "some", "two", "three", "other",
     "embattled", "official", "mainland")
)  # fmt: skip
_RELATIVE = frozenset(("who", "which", "that", "whose", "whom", "what", "where"))
_JOINS = frozenset(("and", "or", "и", "или", "та", "і", "й", "або"))
# An auxiliary and its verb: "have ever been sent".
_VERB_WORDS = 3
_POSSESSIVE = re.compile("['’]s?$", re.IGNORECASE)
_BREAK = re.compile('[,;:—–"“”«»„()]')
_LOWER = re.compile(r"^[^\W\d_]+$")


# "Is believed to have sold": what follows is told of the subject, which does it; "is inclined to" is no passive at all.
_SAID_TO = frozenset(
    ("believed", "thought", "said", "reported", "understood", "expected", "known", "rumoured", "alleged", "supposed",
     "considered", "reckoned", "estimated", "deemed", "seen", "feared", "hoped", "assumed", "poised", "scheduled",
     "slated", "tipped", "set")
)  # fmt: skip
# "Is forced to sell": who is forced does it.
_MADE_TO = frozenset(
    ("forced", "compelled", "obliged", "required", "driven", "moved", "led", "pushed", "prompted", "bound",
     "authorised", "authorized", "empowered", "induced")
)  # fmt: skip
_LIKE_ADJECTIVES = frozenset(
    ("inclined", "prepared", "concerned", "interested", "committed", "determined", "worried", "disappointed",
     "convinced", "pleased", "opposed", "unprepared", "minded", "engaged", "involved", "tempted", "outraged",
     "alarmed", "resolved", "done", "gone", "indeed", "need", "unconcerned", "satisfied", "obliged", "entitled",
     "embarrassed", "exhausted", "tired", "red", "wicked", "divided")
)  # fmt: skip


class Case(StrEnum):
    """How a name stands in its sentence."""

    FREE = "free"  # alone: a subject or an object
    OWNER = "owner"  # "Seoul's refusal"
    ORIGIN = "origin"  # "Korean shells", "shells from Korea"
    AGENT = "agent"  # "by Seoul"
    BOUND = "bound"  # after any other preposition


class Clause(NamedTuple):
    """What is told, without who tells it: its words, and where its predicate begins (None where none was found)."""

    words: tuple[int, ...]
    predicate: int | None
    is_passive: bool

    @property
    def limit(self) -> int:
        """The word before which its subject stands."""
        if self.predicate is not None:
            return self.predicate
        return self.words[-1] + 1 if self.words else 0


def surface(reading: Reading, at: int) -> str:
    """Return a word in lower case, with a plain apostrophe; nothing outside the sentence."""
    return _plain(reading.words[at].surface) if 0 <= at < len(reading.words) else ""


@lru_cache(1 << 15)
def _plain(word: str) -> str:
    return word.lower().replace("’", "'")


def is_broken(reading: Reading, at: int) -> bool:
    """Say whether punctuation stands between a word and the next."""
    return _BREAK.search(reading.between(at)) is not None


def clause_of(reading: Reading, start: int, taken: range, names_end: Set[int], aside: Set[int]) -> Clause:
    """Return the clause that begins at `start`, without the words `taken` and without circumstances (`aside`).

    At `names_end` stand the words after names: a past tense there is a verb, even if no cue knows it.
    """
    told = [at for at in range(start, len(reading.words)) if at not in taken]
    words = tuple(at for at in told if at not in aside) or tuple(told)
    predicate = _predicate(reading, words, names_end)
    return Clause(words, predicate, predicate is not None and is_passive(reading, predicate))


def _predicate(reading: Reading, words: tuple[int, ...], names_end: Set[int]) -> int | None:
    """Return where the first finite verb stands that is not in a relative clause."""
    nouns = {cue.at for cue in reading.cues if cue.sense.family == "nominal"}
    verbs = {cue.at for cue in reading.cues if cue.sense.family in ("event", "says")} - nouns
    verbs |= {at for at in names_end if is_past(reading, at)}
    is_relative, passed = False, -1
    for at in words:
        word = surface(reading, at)
        if word in _RELATIVE and at != words[0]:
            is_relative = True
        elif word in AUXILIARIES or (at in verbs and _may_be_finite(reading, at, word)):
            if is_relative:
                is_relative, passed = False, at + _VERB_WORDS
            elif at > passed:
                return at
        if is_broken(reading, at):
            is_relative, passed = False, -1
    return None


def is_past(reading: Reading, at: int) -> bool:
    """Say whether a word after a name is a past tense: "Oslo wired", and not "Oslo-backed" or "Oslo-led"."""
    word = surface(reading, at)
    return (word.endswith("ed") or word in _PASTS) and not reading.between(at - 1).strip()


def _may_be_finite(reading: Reading, at: int, word: str) -> bool:
    before = surface(reading, at - 1)
    if before in _PREPOSITIONS and before != "to":
        return False
    if word.endswith("ing") or before in (
        "to",
        "a",
        "an",
        "the",
        "of",
        "its",
        "their",
        "his",
        "for",
        "by",
        "no",
        "any",
    ):
        return before == "to" and at > 1 and reading.words[at - 2].is_capitalised  # "Seoul to ship generators"
    return not _POSSESSIVE.search(reading.words[at - 1].surface) if at else False


def is_passive(reading: Reading, predicate: int) -> bool:
    """Say whether the verb that begins at `predicate` is a passive."""
    at, seen = predicate, False
    while at < len(reading.words) and at - predicate < 7:
        word = surface(reading, at)
        if word in _BE:
            seen = True
        elif seen and (word in _PARTICIPLES or (word.endswith(("ed", "ен", "ена", "ено", "ены", "но", "ні")))):
            ahead = surface(reading, at + 1)
            acts = (word in _SAID_TO and ahead in ("to", "as")) or (word in _MADE_TO and ahead == "to")
            return word not in _LIKE_ADJECTIVES and not acts
        elif word not in _BETWEEN and word not in AUXILIARIES and not word.endswith("ly"):
            return False
        at += 1
    return False


def case_of(reading: Reading, at: int, end: int) -> Case:
    """Return how the name from the word `at` to before `end` stands."""
    preposition = governor(reading, at)
    if preposition == "by":
        return Case.AGENT
    if preposition == "from":
        return Case.ORIGIN
    if preposition or _is_object(reading, at):
        return Case.BOUND
    if _POSSESSIVE.search(reading.words[end - 1].surface) or reading.between(end - 1)[:1] in ("'", "’"):
        return Case.OWNER
    return Case.ORIGIN if is_adjective(reading, end) else Case.FREE


def _is_object(reading: Reading, at: int) -> bool:
    """Say whether a name is the object of an infinitive or a participle: "to arm Chad", "arming Chad"."""
    before = at - 1
    while before > 0 and surface(reading, before) in _LEAD_IN and not is_broken(reading, before):
        before -= 1
    if before < 1 or is_broken(reading, before) or reading.words[before].is_capitalised:
        return False
    word = surface(reading, before)
    return surface(reading, before - 1) == "to" or (word.endswith("ing") and len(word) > 4)


def governor(reading: Reading, at: int) -> str:
    """Return the preposition that governs the word `at`, if one does."""
    before = at - 1
    while before >= 0 and surface(reading, before) in _LEAD_IN and not is_broken(reading, before):
        before -= 1
    if before < 0 or (is_broken(reading, before) and before != at - 1):
        return ""
    word = surface(reading, before)
    return word if word in _PREPOSITIONS and not is_broken(reading, before) else ""


def is_listed(reading: Reading, before_end: int, at: int, end: int) -> bool:
    """Say whether a name goes on a list: "Oslo and Riga", "Oslo, Riga and Minsk"."""
    between = [surface(reading, n) for n in range(before_end, at)]
    if between and between[0] in _JOINS and between[1:] in ([], ["the"]):
        return not is_broken(reading, before_end - 1) or "," in reading.between(before_end - 1)
    return not between and reading.between(before_end - 1).strip() == "," and surface(reading, end) in _JOINS


def is_adjective(reading: Reading, end: int) -> bool:
    """Say whether a name is only said of the noun that follows: "Ukrainian requests", "Polish-made shells"."""
    if end >= len(reading.words):
        return False
    gap, word = reading.between(end - 1), reading.words[end].surface
    if gap.strip() == "-":
        return True
    if gap.strip() or not _LOWER.match(word) or not word[0].islower():
        return False
    plain = surface(reading, end)
    if plain in AUXILIARIES or plain in _PREPOSITIONS or plain in _JOINS or plain in _RELATIVE or plain.endswith("ly"):
        return False
    if is_past(reading, end):
        return False
    nouns = {cue.at for cue in reading.cues if cue.sense.family in ("nominal", "object")}
    return end in nouns or not any(
        cue.at == end and cue.sense.family in ("event", "says", "negators", "modality") for cue in reading.cues
    )
