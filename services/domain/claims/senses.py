"""A second reading of sentences in languages for which there is no corpus: a classifier that sees no words at all.

It sees which events the cues of a sentence tell (refusals and negations turned), and what else they mean: weapons,
denial, a source unnamed. What it learns on English sentences holds for every language that has a cue file. It does not
know which cue leads: it agrees with the grammar where nothing else in the sentence speaks for another event.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import as_file, files

from services.domain.claims.events import RuleEvent
from services.domain.claims.features import hashed
from services.domain.claims.model import ClaimModel, load_model
from services.domain.claims.reading import Reading

_FAMILIES = frozenset(("event", "modality", "attribution", "object"))


def sense_features(reading: Reading, events: Sequence[RuleEvent]) -> set[int]:
    """Return the features of a sentence whose cues tell these events: what they mean, one by one and in pairs."""
    return hashed(_names(reading, events))


def _names(reading: Reading, events: Sequence[RuleEvent]) -> Iterator[str]:
    signs: set[str] = set()
    for one in events:
        sign = f"{'not ' * (one.negated_by is not None and not one.is_refusal)}{one.event}"
        signs |= {sign, f"{sign} {one.mode}", f"from {one.cue.sense.label} to {sign}"}
    signs |= {
        f"{cue.sense.family}:{cue.sense.label}"
        for cue in reading.cues
        if cue.sense.family in _FAMILIES - {"event"} and not cue.sense.label.startswith("hint_")
    }
    if any(cue.sense.family in ("says", "according") for cue in reading.cues):
        signs.add("said")
    signs.add(f"events {min(len({one.event for one in events}), 4)}")
    ordered = sorted(signs)
    yield from ordered
    for at, left in enumerate(ordered):
        for right in ordered[at + 1 :]:
            yield f"{left} & {right}"


@cache
def shipped_senses() -> ClaimModel:
    """Return the weights that ship with the package, read once."""
    with as_file(files("services.domain.claims") / "data" / "senses.npz") as path:
        return load_model(path)
