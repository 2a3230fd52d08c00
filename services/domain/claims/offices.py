"""Offices and roles in a sentence: "the foreign ministry", "a senior official", "Deputy Foreign Minister Ole Berg"."""

from typing import NamedTuple

from schemas.claim import Attribution
from services.domain.claims.grammar import is_broken, surface
from services.domain.claims.reading import Reading

# Words that make an office more exact, before its noun.
_QUALIFIERS = frozenset(
    ("foreign", "defence", "defense", "interior", "prime", "deputy", "vice", "first", "acting", "interim",
     "presidential", "senior", "top", "chief", "national", "security", "unification", "industry", "trade", "finance",
     "economy", "energy", "justice", "health", "agriculture", "military", "armed", "intelligence", "arms",
     "procurement", "government", "state", "cabinet", "ruling", "new", "outgoing", "incoming", "royal", "federal",
     "general", "high", "ranking", "special", "permanent", "army", "navy", "air", "force", "border", "coast",
     "export", "customs", "central", "transitional", "caretaker", "civilian", "elected", "prime-ministerial",
     "diplomatic", "under", "secretary", "minister", "head", "commerce", "infrastructure", "development", "culture",
     "sports", "embassy", "parliamentary", "right", "left", "junior", "conservative", "liberal", "own", "whole",
     "entire")
)  # fmt: skip
# Nouns of those who act for a state, beyond those that the cue files know as offices.
_HEADS = frozenset(
    ("general", "diplomat", "diplomats", "agency", "council", "presidency", "palace", "embassy", "consulate",
     "mission", "premiership", "regime", "junta", "commander", "chief", "staff", "ministries", "ministers",
     "leaders", "envoys", "negotiators", "negotiator", "forces", "chancellery", "monarch", "king", "queen", "emir",
     "crown", "department", "service", "bureau", "delegates", "coastguard", "prosecutors", "police", "presidents",
     "premiers", "ambassadors", "administration", "dictator", "ruler", "rulers", "chairman", "chairwoman", "chair",
     "navy", "governor", "commissioner", "guard", "hosts", "representative")
)  # fmt: skip
# These do not act for a state where nothing says whose they are.
_NOT_BARE = frozenset(
    ("general", "parliament", "office", "army", "military", "staff", "forces", "service", "police", "mission",
     "agency", "department", "council", "king", "queen", "crown", "chief", "bureau", "commander", "delegates",
     "country", "nation", "kingdom", "capital", "leader", "leaders", "palace", "regime", "junta", "prosecutors",
     "secretary", "delegation", "ambassador", "ambassadors", "envoy", "envoys", "embassy", "consulate",
     "negotiators", "negotiator", "diplomats", "diplomat", "presidents", "premiers", "ruler", "rulers", "dictator",
     "monarch", "emir", "ministers", "chairman", "chairwoman", "chair", "navy", "governor", "commissioner", "guard",
     "hosts", "representative", "spokesman", "spokeswoman", "spokesperson", "adviser", "advisor", "officials",
     "official")
)  # fmt: skip
# ... but with one of these before them they do ("the procurement agency", "a presidential official").
_MAKES_OFFICIAL = frozenset(
    ("presidential", "foreign", "defence", "defense", "procurement", "government", "security", "ministry", "cabinet",
     "unification", "intelligence", "national", "senior", "ruling", "industry", "trade", "finance", "president's",
     "minister's", "office's", "ministry's", "government's")
)  # fmt: skip
_DETERMINERS = frozenset(("the", "a", "an", "one", "another", "some", "both"))
_OWNERS = frozenset(("his", "her", "its", "their", "our", "my", "whose"))
_LINKS = frozenset(("of", "in", "at", "for", "from"))
_ADVERBIAL = frozenset(("affairs", "defence", "defense", "trade", "security", "industry", "relations"))
_MAX_NAME_WORDS = 3
_MAX_QUALIFIERS = 4

_ANALYSTS = frozenset(
    ("analyst", "analysts", "expert", "experts", "professor", "researcher", "researchers", "scholar", "scholars",
     "observers", "observer", "historian", "commentator", "commentators", "academic", "academics", "economist",
     "economists", "specialist", "specialists", "lecturer", "strategist", "institute", "university", "pundits",
     "columnist", "brokerage", "consultancy", "watcher", "watchers", "college", "pollster")
)  # fmt: skip
_DISSENTERS = frozenset(
    ("opposition", "lawmaker", "lawmakers", "legislator", "legislators", "mp", "mps", "deputies", "senator",
     "senators", "dissident", "dissidents", "rebel", "rebels", "defector", "defectors", "critics", "opponents",
     "opponent", "congressman", "backbencher", "parliamentarian", "parliamentarians", "exile", "exiles")
)  # fmt: skip
_MEDIA = frozenset(
    ("media", "press", "newspaper", "newspapers", "daily", "television", "outlet", "outlets", "broadcaster",
     "tabloid", "newspaper's")
)  # fmt: skip


class Office(NamedTuple):
    """The words of an office; `is_bare` if nothing says whose, so that it stands for a government all the same."""

    at: int
    end: int
    is_bare: bool
    is_definite: bool = False  # "the ambassador": somebody spoken of before


def offices(reading: Reading) -> list[Office]:
    """Return the offices of a sentence in order, each with its qualifiers and the name of who holds it."""
    cues = {at for cue in reading.cues if cue.sense.family == "offices" for at in range(cue.at, cue.end)}
    found: list[Office] = []
    at = 0
    while at < len(reading.words):
        if not (at in cues or surface(reading, at) in _HEADS):
            at += 1
            continue
        end = at + 1
        while end < len(reading.words) and not is_broken(reading, end - 1) and (_is_part(reading, end) or end in cues):
            end += 1
        if end - 1 not in cues and surface(reading, end - 1) not in _HEADS:
            end = max(n for n in range(at, end) if n in cues or surface(reading, n) in _HEADS) + 1
        start = _start(reading, at)
        is_bare = _is_bare(reading, start, end)
        is_definite = not is_bare and start > 0 and surface(reading, start - 1) == "the"
        found.append(Office(start, _named_end(reading, end), is_bare, is_definite))
        at = end
    return found


def _is_part(reading: Reading, at: int) -> bool:
    word = surface(reading, at)
    return word in _HEADS or word in _QUALIFIERS


def _start(reading: Reading, at: int) -> int:
    start = at
    while (
        start > 0
        and at - start < _MAX_QUALIFIERS
        and not is_broken(reading, start - 1)
        and surface(reading, start - 1).removesuffix("'s") in _QUALIFIERS
    ):
        start -= 1
    return start


def _named_end(reading: Reading, end: int) -> int:
    """Return where the office ends with "of Foreign Affairs" and the name of who holds it."""
    while (
        end + 1 < len(reading.words)
        and surface(reading, end) in ("of", "for")
        and (surface(reading, end + 1) in _QUALIFIERS or surface(reading, end + 1) in _ADVERBIAL)
    ):
        end += 2
        while end < len(reading.words) and surface(reading, end) in _ADVERBIAL:
            end += 1
    limit = end + _MAX_NAME_WORDS
    while end < min(limit, len(reading.words)) and _is_name(reading, end):
        end += 1
    return end


def _is_name(reading: Reading, at: int) -> bool:
    word, gap = reading.words[at], reading.between(at - 1).strip()
    if gap == "-" and reading.words[at - 1].is_capitalised:
        return True  # "Suk-yeol"
    if not word.is_capitalised or len(word.surface) < 2:
        return False
    return gap in ("", "-") and not reading.words[at - 1].surface.endswith(("'s", "’s"))


def _is_bare(reading: Reading, start: int, end: int) -> bool:
    """Say whether an office stands for a government of which it is not said whose it is."""
    words = [surface(reading, at).removesuffix("'s") for at in range(start, end)]
    if words[-1] in _NOT_BARE and _MAKES_OFFICIAL.isdisjoint(words[:-1]):
        return False
    if start == 0 or is_broken(reading, start - 1):
        return True
    before = surface(reading, start - 1)
    if before in _DETERMINERS:
        return True
    if before in _OWNERS or before.endswith("'s"):
        return False
    return not reading.words[start - 1].is_capitalised


def office_after(reading: Reading, found: list[Office], end: int) -> Office | None:
    """Return the office that the name ending before `end` is said of: "Seoul's defence ministry"."""
    for office in found:
        if office.at <= end < office.end:
            return office
        if office.at > end:
            near = office.at - end <= 1 and not is_broken(reading, end - 1) and not is_broken(reading, office.at - 1)
            return office if near and not reading.words[end].is_capitalised and _is_modifier(reading, end) else None
    return None


def _is_modifier(reading: Reading, at: int) -> bool:
    """Say whether a word can stand between a name and its office: "Seoul's ailing government"."""
    return not any(
        cue.at <= at < cue.end and cue.sense.family in ("event", "says", "negators", "modality") for cue in reading.cues
    ) and surface(reading, at) not in (
        *_LINKS,
        *_DETERMINERS,
        *_OWNERS,
        "and",
        "or",
        "to",
        "has",
        "had",
        "is",
        "was",
        "will",
    )


def office_before(reading: Reading, found: list[Office], at: int) -> Office | None:
    """Return the office said to be of the name at `at`: "the government in Berlin", "Minister of Defence of Chad"."""
    holder = next((one for one in found if one.at < at < one.end), None)
    if holder is not None:
        return holder
    before = at - 1
    while before >= 0 and surface(reading, before) in ("the", "new"):
        before -= 1
    if before < 0 or surface(reading, before) not in _LINKS or any(is_broken(reading, n) for n in range(before, at)):
        return None
    return next((one for one in found if one.end == before and not is_broken(reading, before - 1)), None)


def side_in(reading: Reading, at: int, end: int) -> Attribution | None:
    """Return on whose word it rests what somebody says who is called so, where they stand for no government."""
    near = {surface(reading, n).removesuffix("'s") for n in range(at, min(end + 2, len(reading.words)))}
    if end < len(reading.words) and is_broken(reading, end - 1):
        near = {surface(reading, n).removesuffix("'s") for n in range(at, end)}
    for words, side in (
        (_ANALYSTS, Attribution.ANALYST),
        (_DISSENTERS, Attribution.OPPONENT),
        (_MEDIA, Attribution.UNNAMED),
    ):
        if not near.isdisjoint(words):
            return side
    return None
