"""Make one answer of what cues and classifier say."""

from collections.abc import Mapping, Sequence
from math import log
from typing import NamedTuple

from schemas.claim import Attribution, Modality
from services.domain.claims.cues import FoundCue
from services.domain.claims.events import RuleEvent
from services.domain.claims.model import best_of
from services.domain.claims.reading import Reading
from services.domain.claims.speech import Speech

# What a cue adds to the classifier's log-odds of an event: the first counts most; and how much of what the words say
# without the cues is added. Chosen by cross-validation on the corpus.
_RULE_BONUS = (0.5, 0.15)
_READ_SHARE = 0.3
# What adds more: "will not" before a deed, a refusal whatever the deed; "did not rule out", its opposite; and "declined
# to comment", which tells of nothing.
_PLAIN_BONUS = 1.5
_OBJECT_BONUS = 1.0
_MODALITY_BONUS = 1.0
_ATTRIBUTION_BONUS = 3.0
_OBJECT_REACH = 8
# How much likelier an object is that the sentence names at all.
_NAMED = 10.0

_DONE = frozenset(
    ("has", "have", "had", "did", "was", "were", "never", "hasn't", "haven't", "hadn't", "didn't", "wasn't", "weren't")
)
_BE = frozenset(("is", "are", "isn't", "aren't", "'s", "'re"))
# What an object is a matter of.
_CONTEXTS = {
    "lethal_arms": "military", "nonlethal_aid": "military", "humanitarian": "humanitarian", "money": "economic",
    "troops": "military", "training": "military", "intelligence": "intelligence", "exercise": "military",
    "bases": "military", "sanctions": "economic", "trade": "economic", "energy": "energy", "technology": "economic",
    "nuclear": "wmd", "visit_talks": "diplomatic", "ties": "diplomatic", "treaty": "diplomatic", "vote": "diplomatic",
    "prisoners": "legal", "territory": "territory", "migration": "migration", "media": "media",
}  # fmt: skip


class CombinedEvent(NamedTuple):
    """An event, the cue that has it too (if any), and how likely the classifier finds it.

    `rules` are what the cues find by themselves, `chances` how likely the classifier finds each event, and `by_words`
    how likely one does that sees no cues: rules and words can be wrong independently.
    """

    event: str
    rule: RuleEvent | None
    rules: Sequence[RuleEvent]
    chances: Mapping[str, float]
    by_words: Mapping[str, float]

    @property
    def probability(self) -> float:
        """How likely the classifier finds the event."""
        return self.chances[self.event]

    @property
    def is_ruled(self) -> bool:
        """Whether the cues by themselves find it too."""
        return self.event == (self.rules[0].event if self.rules else "NONE")

    @property
    def is_read(self) -> bool:
        """Whether the words without the cues say it too."""
        return self.event == best_of(self.by_words)[0]

    @property
    def is_double_negation(self) -> bool:
        """Whether a refusal is denied: "did not rule out"."""
        return bool(self.rules) and self.rules[0].is_double_negation


class Decided(NamedTuple):
    """A class, the cue that speaks for it (if any), and whether the classifier finds the same."""

    label: str
    cue: FoundCue | None
    agreed: bool


def combined_event(
    chances: Mapping[str, float], rules: Sequence[RuleEvent], read: Mapping[str, float]
) -> CombinedEvent:
    """Choose the event that classifier and cues together find likeliest; `read` is how likely words alone find each."""
    bonus = dict.fromkeys(chances, 0.0)
    for rule, weight in reversed(list(zip(rules, _RULE_BONUS, strict=False))):
        if rule.event in bonus:
            is_plain = rule.is_refusal or rule.is_double_negation or (rule.event == "NONE" and rule is rules[0])
            bonus[rule.event] = weight + _PLAIN_BONUS * is_plain

    def odds(event: str) -> float:
        return log(chances[event] + 1e-9) + _READ_SHARE * log(read[event] + 1e-9) + bonus[event]

    event = min(chances, key=lambda one: (-odds(one), one))
    ruled = next((rule for rule in rules if rule.event == event), None)
    return CombinedEvent(event, ruled, rules, chances, read)


def modality_of(chances: Mapping[str, float], reading: Reading, rule: RuleEvent | None) -> Decided:
    """Choose the modality. A negation that leaves the will aside ("has not sent") denies; one that has it refuses."""
    found = {cue.sense.label: cue for cue in reversed(reading.cues) if cue.sense.family == "modality"}
    found = {label: cue for label, cue in found.items() if not label.startswith("hint_")}
    if rule is not None and rule.negated_by is not None and _denies(reading, rule):
        found.setdefault(Modality.DENIED, rule.negated_by)
    would = next((at for at, word in enumerate(reading.words) if word.surface.lower() == "would"), None)
    if rule is not None and rule.event == "THREATEN" and would is not None:
        found.setdefault(Modality.CONDITIONAL, FoundCue(would, would + 1, rule.cue.sense))
    if rule is not None and rule.event == "REJECT" and Modality.DENIED not in found:
        chances = {
            label: chance for label, chance in chances.items() if label != Modality.DENIED
        }  # refused, not denied
    # With both "may" and "if" it is a condition.
    order = (Modality.CONDITIONAL, Modality.DENIED, Modality.SPECULATIVE)
    ruled = next((one for one in order if one in found), None)
    return _decided(chances, ruled, found.get(ruled) if ruled else None, _MODALITY_BONUS)


def _denies(reading: Reading, rule: RuleEvent) -> bool:
    """Say whether a negated cue says that something was not done, rather than that it is refused."""
    negator = rule.negated_by
    if negator is None or rule.is_refusal or rule.event == "REJECT" or rule.cue.sense.label == "REJECT":
        return False
    words = {word.surface.lower().replace("’", "'") for word in reading.words[max(0, negator.at - 1) : negator.end]}
    return not words.isdisjoint(_DONE) or (rule.event == "AGREE" and not words.isdisjoint(_BE))


def attribution_of(chances: Mapping[str, float], speech: Speech | None, ruled: Attribution | None) -> Decided:
    """Choose on whose word it rests; what is said of the speaker outweighs what the classifier finds likely."""
    if ruled is Attribution.NARRATOR and best_of(chances)[0] not in (Attribution.SELF, Attribution.NARRATOR):
        ruled = None  # nobody was found to speak, yet words of others' views are there
    return _decided(chances, ruled, speech.cue if speech else None, _ATTRIBUTION_BONUS)


def object_of(chances: Mapping[str, float], reading: Reading, rule: RuleEvent | None) -> Decided:
    """Choose what the event is about: what is named soon after its cue is likeliest."""
    found = [cue for cue in reading.cues if cue.sense.family == "object"]
    start = rule.cue.at if rule else 0
    near = sorted(found, key=lambda cue: (cue.at < start, abs(cue.at - start), cue.sense.label))
    first = near[0] if near and (rule is None or near[0].at - start <= _OBJECT_REACH) else None
    named = {cue.sense.label for cue in found}
    chances = {label: chance * (_NAMED if label in named else 1.0) for label, chance in chances.items()}
    return _decided(chances, first.sense.label if first else None, first, _OBJECT_BONUS)


def named_objects(reading: Reading) -> tuple[str, ...]:
    """Return the objects that a sentence names, in order, each once."""
    return tuple(dict.fromkeys(cue.sense.label for cue in reading.cues if cue.sense.family == "object"))


def contexts_of(about: str) -> tuple[str, ...]:
    """Return the PLOVER contexts of an object."""
    return (_CONTEXTS[about],) if about in _CONTEXTS else ("other",)


def _decided(chances: Mapping[str, float], ruled: str | None, cue: FoundCue | None, bonus: float) -> Decided:
    label = min(chances, key=lambda one: (-(log(chances[one] + 1e-9) + bonus * (one == ruled)), one))
    own, _ = best_of(chances)
    return Decided(label, cue if label == ruled else None, own == label and ruled in (None, label))
