"""What a sentence leaves to the one before: "even this request", "such supplies", "both sides", "Minister Cho"."""

from collections.abc import Iterator, Sequence

from services.domain.claims.actors import Mention
from services.domain.claims.grammar import surface
from services.domain.claims.reading import Reading

# "This request", "such supplies", "the proposal": nouns for what was told just before.
_POINTING = frozenset(("this", "that", "these", "those", "such", "the", "any", "its", "their"))
_POINTING_HARD = frozenset(("this", "that", "these", "those", "such"))
_NOUNS = frozenset(
    ("request", "proposal", "idea", "offer", "appeal", "demand", "move", "step", "decision", "plan", "supplies",
     "supply", "shipments", "shipment", "deliveries", "delivery", "approach", "option", "possibility", "suggestion",
     "plea", "measure", "measures", "transfer", "transfers", "sale", "sales", "deal", "bid", "call", "calls",
     "requests", "demands", "provision", "question", "issue", "matter", "action", "steps", "aid", "support",
     "assistance", "help")
)  # fmt: skip
# "The ambassador" is the one spoken of before.
_ENVOYS = frozenset(("ambassador", "envoy", "delegation", "spokesman", "spokeswoman", "spokesperson", "delegates"))
_FIRST_WORDS = 8
_MAX_NAME_WORDS = 4
# "It was refused", "They could be sent".
_BARE = frozenset(("it", "they", "this", "that", "these", "those", "both"))
_IS_OR_WILL = frozenset(("was", "were", "is", "are", "would", "will", "could", "may", "might", "has"))
_COUPLES = ("sides", "countries", "governments", "parties", "leaders", "ministers", "capitals", "men", "neighbours")
_PAIRS = (
    *((first, second) for first in ("both", "two") for second in _COUPLES),
    ("the", "parties"), ("the", "sides"), ("the", "two"),
)  # fmt: skip
_TITLES = frozenset(
    ("president", "minister", "prime", "foreign", "defence", "defense", "deputy", "secretary", "general", "the",
     "of", "ambassador", "special", "envoy", "ministry", "office", "affairs", "chief", "head", "republic", "south",
     "north", "national", "security", "chairman", "premier", "chancellor", "first", "vice", "king", "queen",
     "prince", "state", "department", "federation")
)  # fmt: skip


def points_back(reading: Reading) -> bool:
    """Say whether a sentence is about what was told before it: its first words point back, and name no object."""
    if surface(reading, 0) in _BARE and surface(reading, 1) in _IS_OR_WILL:
        return True
    for at in range(min(_FIRST_WORDS, len(reading.words) - 1)):
        word = surface(reading, at)
        if word in _POINTING and surface(reading, at + 1) in _NOUNS:
            return True
        if word in _POINTING_HARD and surface(reading, at + 2) in _NOUNS:
            return True
    return False


def named_after(reading: Reading, end: int) -> int:
    """Return where a title ends with the name that stands in apposition to it: "the deputy minister, Igor Belov,"."""
    if end >= len(reading.words) or reading.between(end - 1).strip() != ",":
        return end
    last = end
    while last < len(reading.words) and reading.words[last].is_capitalised and last - end < _MAX_NAME_WORDS:
        last += 1
        if reading.between(last - 1).strip():
            return last
    return end


def pair_at(reading: Reading, at: int) -> bool:
    """Say whether "both sides" or "the two countries" begins at a word."""
    return (surface(reading, at), surface(reading, at + 1)) in _PAIRS


def surnames(reading: Reading, mentions: Sequence[Mention]) -> Iterator[tuple[str, Mention]]:
    """Yield the names of people in a sentence, word by word, with who they are."""
    for one in mentions:
        if one.is_unsaid or not (one.has_office or one.side or one.named != one.stands_for):
            continue
        for at in range(one.at, one.end):
            word = reading.words[at]
            if surface(reading, at).removesuffix("'s") in _ENVOYS or (
                word.is_capitalised and len(word.surface) > 2 and surface(reading, at).removesuffix("'s") not in _TITLES
            ):
                yield surface(reading, at).removesuffix("'s"), one


def called(reading: Reading, at: int, end: int) -> frozenset[str]:
    """Return the capitalised words between two words, by which somebody may be called who was named in full before."""
    words = [(reading.words[n], surface(reading, n).removesuffix("'s")) for n in range(at, end)]
    return frozenset(plain for word, plain in words if word.is_capitalised or plain in _ENVOYS)
