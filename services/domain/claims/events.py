"""What the cues of an English sentence say happened, before any classifier is asked."""

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from services.domain.claims.cues import FoundCue
from services.domain.claims.reading import ACTOR, RECIPIENT, Reading

# How far before a cue a word that negates it may stand, and words that end its reach.
_NEGATION_REACH = 4
# "Does not expect the government to send": what is not expected may stand further off.
_FAR_REACH = 10
_EXPECTS = frozenset(("expect", "believe", "think", "foresee", "anticipate", "see"))
_MODAL_REACH = 4
_STOPS = frozenset(
    ("but", "that", "because", "although", "though", "while", "unless", "until", "if", "and", "who", "which")
)
# "Not rule out", "not refuse": two negatives leave the door open.
_REFUSING = frozenset(("REJECT", "SANCTION"))
_OF_THE_WILL = frozenset(
    ("will", "would", "won't", "wouldn't", "shall", "cannot", "can't", "can", "going", "intend", "plan", "do", "does",
     "don't", "doesn't")
)  # fmt: skip
_TO_COME = frozenset(("will", "would", "could", "may", "might", "shall", "plans", "ready", "intends"))
# Words after which a deed is no longer to come, though "to" stands before it.
_BEGUN = frozenset(
    ("begun", "began", "begin", "start", "started", "continue", "continued", "continues", "managed", "able")
)
_BE = frozenset(("is", "are", "was", "were", "be", "been", "being", "am"))
_DEEDS = frozenset(("AID", "CONCEDE", "COOPERATE", "RETREAT"))
# What foretells what its subject leads to.
_FORETELLS = frozenset(("would", "will", "could", "may", "might", "can", "risks", "risk", "means", "amounts"))
_WILLING = frozenset(("AGREE", "AID", "CONCEDE", "COOPERATE", "SUPPORT", "CONSULT", "RETREAT"))
# What opens a clause that only says under which circumstances; it ends at a comma, or with the sentence.
_SUBORDINATE = frozenset(
    ("if", "unless", "when", "after", "as", "because", "since", "while", "before", "once", "should", "amid", "although",
     "though", "despite", "until", "provided")
)  # fmt: skip
_COMMA = re.compile('[,;:—–"”]')


class RuleEvent(NamedTuple):
    """An event that a cue speaks for: the cue, whether it is negated, and by which words."""

    event: str
    mode: str
    cue: FoundCue
    negated_by: FoundCue | None = None
    is_refusal: bool = False
    is_double_negation: bool = False


def rule_events(reading: Reading) -> list[RuleEvent]:
    """Return what the cues say, the likeliest first.

    A verb of the main clause, nearest after the actor and before the recipient, comes before nouns and before what is
    only a circumstance.
    """
    found = [cue for cue in reading.cues if cue.sense.family == "event"]
    said = {cue.at for cue in reading.cues if cue.sense.family in ("says", "according")}
    actor = _last_of(reading.masks, ACTOR)
    if actor is not None and all(cue.at < actor or cue.at in said for cue in found):
        actor = None  # named only as who says it
    recipient = next((at for at, mask in enumerate(reading.masks) if mask == RECIPIENT), None)
    nouns = {cue.at for cue in reading.cues if cue.sense.family == "nominal" and not _is_verb_place(reading, cue.at)}
    aside = subordinate(reading)
    subjects = _subjects(found, nouns, reading)

    def rank(cue: FoundCue) -> tuple[int, ...]:
        level, far = _distance(cue, actor, recipient)
        level += (cue.at in nouns and cue.end - cue.at == 1) + 2 * (cue.at in aside and actor not in aside)
        level += 2 * (cue.at in subjects or _is_by_the_way(cue, reading))
        level -= cue.sense.label == "THREATEN" and actor is None and cue.at not in aside
        level -= 4 * (cue.sense.label == "NONE" and cue.at > 0)  # asked whether, and got no answer
        return (level, far, cue.at - cue.end, cue.at)

    denials = _denials(reading, found)
    return [_turned(cue, reading) for cue in sorted(found, key=lambda cue: (cue in denials, *rank(cue)))]


def _denials(reading: Reading, events: Sequence[FoundCue]) -> list[FoundCue]:
    """Return the cues that only deny what a later one tells: "denied that it had sent", "dismissed a report that"."""
    denied = [cue for cue in reading.cues if cue.sense.label == "denied"]
    last = max((cue.at for cue in events), default=0)
    return [
        cue
        for cue in events
        if cue.at < last
        and cue.sense.label in ("REJECT", "ACCUSE")
        and any(other.at == cue.at and other.end >= cue.end for other in denied)
    ]


def subordinate(reading: Reading) -> frozenset[int]:
    """Return the words of clauses that only tell under which circumstances something holds."""
    inside: set[int] = set()
    at = 0
    while at < len(reading.words):
        if reading.words[at].surface.lower() not in _SUBORDINATE:
            at += 1
            continue
        while True:
            inside.add(at)
            at += 1
            if at >= len(reading.words) or _COMMA.search(reading.between(at - 1)):
                break
    return frozenset(inside)


def _subjects(found: Sequence[FoundCue], nouns: Collection[int], reading: Reading) -> frozenset[int]:
    """Return where cues are only what is spoken of: "supplying arms would harm relations" tells of the harm."""
    would = next((at for at, word in enumerate(reading.words) if word.surface.lower() in _FORETELLS), None)
    if would is None or not any(cue.at > would for cue in found):
        return frozenset()
    return frozenset(
        cue.at
        for cue in found
        if cue.at < would and (cue.at in nouns or reading.words[cue.at].surface.lower().endswith("ing"))
    )


def _is_by_the_way(cue: FoundCue, reading: Reading) -> bool:
    """Say whether it only describes somebody: ", supported by its partners,"."""
    follows = reading.words[cue.end].surface.lower() if cue.end < len(reading.words) else ""
    return follows == "by" and cue.at > 0 and "," in reading.between(cue.at - 1)


def _is_verb_place(reading: Reading, at: int) -> bool:
    """Say whether a word that is nearly always a noun stands where only a verb can."""
    before = reading.words[at - 1].surface.lower() if at else ""
    return before in _OF_THE_WILL or before in _TO_COME or before in ("to", "not", "must", "should", "they", "we")


def _last_of(masks: Sequence[str], wanted: str) -> int | None:
    """Return the last word of the first stretch of a mask."""
    first = next((at for at, mask in enumerate(masks) if mask == wanted), None)
    if first is None:
        return None
    while first + 1 < len(masks) and masks[first + 1] == wanted:
        first += 1
    return first


def _distance(cue: FoundCue, actor: int | None, recipient: int | None) -> tuple[int, int]:
    if actor is None:
        return (0, cue.at)
    if cue.at > actor:
        between = recipient is None or recipient < actor or cue.at < recipient
        return (0 if between else 1, cue.at - actor)
    return (2, actor - cue.at)


def _turned(cue: FoundCue, reading: Reading) -> RuleEvent:
    """Turn a cue into its event: refused or denied where negated, intended where still to come."""
    event, mode = cue.sense.label, cue.sense.mode
    negator = negator_of(cue, reading)
    if event not in _WILLING:
        turned = negator is not None and event in _REFUSING
        if turned:
            return RuleEvent("AGREE", "", cue, negator, is_double_negation=True)
        return RuleEvent(event, mode, cue, negator)
    inside = {other.sense.label for other in reading.cues if cue.at < other.at < cue.end}
    if "REJECT" in inside and event == "AGREE":  # a cue of its own, such as "not rule out"
        return RuleEvent(event, mode, cue, is_double_negation=True)
    before = {word.surface.lower() for word in reading.words[max(0, cue.at - _MODAL_REACH) : cue.at]}
    if negator is not None:
        start = max(0, negator.at - 2)
        near = {form for word in reading.words[start : cue.at] for form in (*word.keys, word.surface.lower())}
        willed = _is_policy(cue, negator, reading) or (
            not near.isdisjoint(_OF_THE_WILL) and near.isdisjoint(("has", "have", "had", "did"))
        )
        return RuleEvent("REJECT" if willed else event, "" if willed else mode, cue, negator, willed)
    if (event != "CONSULT" and not before.isdisjoint(_TO_COME)) or (event in _DEEDS and _is_infinitive(cue, reading)):
        return RuleEvent("AGREE", "assist" if event == "AID" else "", cue)
    return RuleEvent(event, mode, cue)


def _is_policy(cue: FoundCue, negator: FoundCue, reading: Reading) -> bool:
    """Say whether it is a rule not to: "a policy of not sending"."""
    before = reading.words[negator.at - 1].surface.lower() if negator.at else ""
    return negator.end == cue.at and reading.words[cue.at].surface.lower().endswith("ing") and before not in _BE


def _is_infinitive(cue: FoundCue, reading: Reading) -> bool:
    """Say whether "to" stands before a verb, so that the deed is meant, not done: "Oslo to send", "a decision to"."""
    words = [word.surface.lower() for word in reading.words[max(0, cue.at - 2) : cue.at]]
    return len(words) == 2 and words[1] == "to" and words[0] not in _BEGUN


def negator_of(cue: FoundCue, reading: Reading) -> FoundCue | None:
    """Return the word that negates a cue, or None."""
    for other in reversed(reading.cues):
        if other.sense.family != "negators" or not 0 < cue.at - other.at <= _FAR_REACH:
            continue
        raised = other.end < cue.at and not _EXPECTS.isdisjoint(reading.words[other.end].keys)
        if not raised and cue.at - other.at > _NEGATION_REACH:
            continue
        start = other.end + (2 if raised and cue.at > other.end + 2 else 0)  # "does not believe that Oslo will"
        if not any(word.key in _STOPS for word in reading.words[start : cue.at]):
            return other
    return None
