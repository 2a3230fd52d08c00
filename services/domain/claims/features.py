"""What the classifiers see of a sentence: its words with actors and names masked, and the cues in it."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from zlib import crc32

from services.domain.claims.cues import FoundCue
from services.domain.claims.events import rule_events
from services.domain.claims.reading import ACTOR, RECIPIENT, Reading
from services.domain.claims.speech import speech_features

# Quotation marks tell whose words are whose.
_QUOTES = '"“”«»„「」'
_NEAR = 4
_EDGE = 6


def hashed(names: Iterable[str]) -> set[int]:
    """Return the numbers of features, the same in every process."""
    return {crc32(name.encode("utf-8", "replace")) for name in names}


def features(reading: Reading, before: Reading | None = None) -> set[int]:
    """Return the features of a sentence; `before` is the sentence before it."""
    names = list(_cues(reading))
    if before is not None:
        names += [f"before {cue.sense.family} {cue.sense.label}" for cue in before.cues]
    return hashed(names) | word_features(reading, before)


def word_features(reading: Reading, before: Reading | None = None) -> set[int]:
    """Return those of the features that no cue of an event takes part in."""
    names = list(_words(reading))
    names += speech_features(reading)
    if before is not None:
        names += ["before"]
        names += [f"before {word}" for word in set(_masked(before))]
    return hashed(names)


def _masked(reading: Reading) -> list[str]:
    """Return the keys of the words, each run of masked words as one, and digits as one sign."""
    masked: list[str] = []
    for word, mask in zip(reading.words, reading.masks, strict=True):
        if mask:
            if not masked or masked[-1] != mask:
                masked.append(mask)
        else:
            masked.append("0" if word.key[:1].isdigit() else word.key)
    return masked


def _words(reading: Reading) -> Iterator[str]:
    masked = _masked(reading)
    yield from masked
    edged = ["<", *masked, ">"]
    for left, right in pairwise(edged):
        yield f"{left} {right}"
    for left, middle, right in zip(edged, edged[1:], edged[2:], strict=False):
        yield f"{left} _ {right}"
        yield f"{left} {middle} {right}"
    for word in masked[:_EDGE]:
        yield f"first {word}"
    for word in masked[-_EDGE:]:
        yield f"last {word}"
    actor = masked.index(ACTOR) if ACTOR in masked else None
    if actor is not None:
        for word in masked[actor + 1 : actor + 1 + _NEAR]:
            yield f"actor .. {word}"
        for word in masked[max(0, actor - _NEAR) : actor]:
            yield f"{word} .. actor"
    quotes = sum(char in _QUOTES for char in reading.text)
    if quotes:
        yield "quoted" if quotes > 1 else "half quoted"
    yield f"length {min(len(masked) // 8, 5)}"


def _cues(reading: Reading) -> Iterator[str]:
    masks = reading.masks
    actor = masks.index(ACTOR) if ACTOR in masks else -1
    recipient = masks.index(RECIPIENT) if RECIPIENT in masks else -1
    negations = {at for cue in reading.cues if cue.sense.family == "negators" for at in range(cue.at, cue.at + 4)}
    events = [cue for cue in reading.cues if cue.sense.family == "event"]
    for cue in reading.cues:
        name = f"{cue.sense.family}:{cue.sense.label}"
        yield name
        if cue.at in negations:
            yield f"not {name}"
        if cue.sense.family in ("attribution", "modality"):
            yield f"{'late' if cue.at > len(reading.words) * 0.6 else 'early'} {name}"
        elif cue.sense.family == "event":
            yield f"{name} {cue.sense.mode}"
    yield from _event_order(events, actor, recipient)
    for place, ruled in enumerate(rule_events(reading)[:2]):
        yield f"rule {place} {ruled.event}"
        if ruled.negated_by is not None:
            yield f"rule {place} {ruled.event} negated"
    said = [cue for cue in reading.cues if cue.sense.family in ("says", "according")]
    for cue in reading.cues:
        if cue.sense.family == "attribution" and any(abs(cue.at - other.at) <= _NEAR for other in said):
            yield f"says attribution:{cue.sense.label}"


def _event_order(events: Sequence[FoundCue], actor: int, recipient: int) -> Iterator[str]:
    if not events:
        yield "no event"
        return
    after = [cue for cue in events if cue.at > actor] if actor >= 0 else events
    for name, cues in (("first", events), ("after actor", after)):
        for cue in cues:
            if cue.at == cues[0].at:
                yield f"{name} event:{cue.sense.label}"
    if recipient >= 0:
        inside = [cue for cue in events if min(actor, recipient) < cue.at < max(actor, recipient)]
        for cue in inside:
            yield f"between event:{cue.sense.label}"
            if cue.at == inside[0].at:
                yield f"first between event:{cue.sense.label}"
        for cue in [cue for cue in events if cue.at < recipient][-1:]:
            yield f"before recipient event:{cue.sense.label}"
        yield "actor first" if actor < recipient else "recipient first"
