"""The frame of a sentence that is read by its cues alone: which cue tells what happens, and of whom."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from schemas.claim import Attribution
from services.domain.claims.actors import Mention
from services.domain.claims.cues import FoundCue
from services.domain.claims.events import RuleEvent
from services.domain.claims.reading import Reading
from services.domain.claims.slavic_words import is_adjective

# To say so is to do so: "X warned Y" tells of X.
ACTS_OF_SPEECH = frozenset(("THREATEN", "REQUEST", "ACCUSE", "REJECT", "SUPPORT", "AGREE", "PROTEST", "CONCEDE"))
# These tell cues apart, and are no modes of PLOVER: what others ought to do is asked of them; weighing is no promise.
_INNER_MODES = frozenset(("ought", "weigh"))
# Deeds of which an intention is an agreement, and a will not to, a refusal.
WILLING = frozenset(("AID", "AGREE", "CONCEDE", "COOPERATE", "SUPPORT", "CONSULT", "RETREAT"))


class CueFrame(NamedTuple):
    """What a sentence tells, by its grammar: the events, the likeliest first, and the subject of the first.

    `is_sure`: a verb tells it, in a clause that has its subject or in the words of a speaker. `owner` is who may do it
    though they are not its subject: whose act a noun is, or the subject of another clause.
    """

    events: tuple[RuleEvent, ...] = ()
    subject: Mention | None = None
    is_sure: bool = False
    is_future: bool = False
    owner: Mention | None = None

    @property
    def cue(self) -> FoundCue | None:
        """The cue that tells what happens."""
        return self.events[0].cue if self.events else None


def threatened(frame: CueFrame, speaker: Mention) -> CueFrame:
    """Return a frame in which what holds out consequences is the speaker's threat, whoever's deed they follow."""
    threat = next((one for one in frame.events if one.event == "THREATEN" and one.negated_by is None), None)
    if threat is None or frame.events[0].event == "REQUEST":
        return frame
    rest = tuple(one for one in frame.events if one is not threat)
    return frame._replace(events=(threat, *rest), subject=speaker)


def cues_of(reading: Reading, family: str) -> list[FoundCue]:
    """Return the cues of a family, in order."""
    return [cue for cue in reading.cues if cue.sense.family == family]


def is_silent(reading: Reading) -> bool:
    """Say whether the sentence only tells that somebody would not comment."""
    return any(cue.sense.family == "comment" for cue in reading.cues)


def turned(cue: FoundCue, negator: FoundCue | None, *, is_past: bool, is_future: bool) -> RuleEvent:
    """Turn a cue into its event: refused or denied where negated, agreed to where still to come."""
    event, mode = cue.sense.label, "" if cue.sense.mode in _INNER_MODES else cue.sense.mode
    if event == "REJECT" and negator is not None:
        return RuleEvent("AGREE", "", cue, negator)
    if event not in WILLING:
        return RuleEvent(event, mode, cue, negator)
    if negator is not None:
        if is_past or event == "AGREE":
            return RuleEvent(event, mode, cue, negator)
        return RuleEvent("REJECT", "", cue, negator, is_refusal=True)
    if is_future and event not in ("CONSULT", "AGREE"):
        return RuleEvent("AGREE", "assist" if event == "AID" else "", cue)
    return RuleEvent(event, mode, cue)


def object_near(reading: Reading, cue: FoundCue | None, *, before: bool = False) -> FoundCue | None:
    """Return what is named nearest to a cue as its object: after it, or before it where verbs come last."""
    found = cues_of(reading, "object")
    arms = {one.at for one in found if one.sense.label != "trade"}
    found = [one for one in found if one.sense.label != "trade" or one.end not in arms]  # "the export of weapons"
    if cue is None or not found:
        return found[0] if found else None
    return min(found, key=lambda one: ((one.at >= cue.at) is before, abs(one.at - cue.at), one.sense.label))


def attribution_in(reading: Reading, at: int, end: int) -> Attribution | None:
    """Return on whose word it rests what the words between two places say; None for officials on record."""
    said = {cue.sense.label for cue in cues_of(reading, "attribution") if at <= cue.at < end}
    return next((one for one in (Attribution.UNNAMED, Attribution.ANALYST, Attribution.OPPONENT) if one in said), None)


def owner_of_goods(reading: Reading, told: Sequence[Mention]) -> Mention | None:
    """Return whose goods are told of: "корейские снаряды", "한국산 포탄"."""
    objects = {cue.at for cue in cues_of(reading, "object")}
    near = [one for one in told if one.end in objects or one.end + 1 in objects]
    if reading.lang == "ko":
        return next((one for one in near if one.is_listed), None)
    return next((one for one in near if is_adjective(reading.words[one.at])), None)


_TOWARDS = frozenset(
    ("для", "к", "до", "на", "против", "проти", "над", "про", "о", "об", "с", "з", "із", "через", "между", "між")
)
_KOREAN_OTHER = re.compile("(?:에게|에|로|으로|와|과|에는|를|을|에서)$")


def giver_at_last(reading: Reading, told: Sequence[Mention]) -> Mention | None:
    """Return the first named who does not stand as the one to whom something is done: a guess that moves nothing."""
    for one in told:
        before = reading.words[one.at - 1].surface.lower() if one.at else ""
        last = reading.words[one.end - 1].surface
        if reading.lang == "ko" and (one.is_listed or not _KOREAN_OTHER.search(last)):
            return one
        if reading.lang != "ko" and before not in _TOWARDS and not last.lower().endswith(("у", "ю", "е", "і")):
            return one
    return None
