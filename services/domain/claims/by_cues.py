"""One answer for a sentence that only cues can read: what happens, how real it is, on whose word, and how surely.

Of two readings one goes by the grammar of its language (frames), the other by the senses of the cues (senses).
"""

from typing import NamedTuple

from schemas.claim import Attribution, Modality
from services.domain.claims.by_language import frame_of, is_first_person
from services.domain.claims.cue_frames import CueFrame, cues_of, is_silent, object_near
from services.domain.claims.cues import FoundCue, Sense
from services.domain.claims.decide import CombinedEvent, Decided
from services.domain.claims.events import RuleEvent
from services.domain.claims.frames import Voice
from services.domain.claims.korean_grammar import condition_in, possibility_in
from services.domain.claims.model import best_of
from services.domain.claims.reading import Reading
from services.domain.claims.roles import Roles
from services.domain.claims.senses import sense_features, shipped_senses
from services.domain.claims.speech import Speech
from services.domain.claims.voices import Sentence

# A frame of which the grammar is not sure moves nothing: its confidence is below what ladders ask for.
_UNSURE = 0.5
# "On condition of anonymity" and the like, of more words than a source has.
_WORDS_OF_ANONYMITY = 2
_DEEDS = frozenset(("SANCTION", "COERCE", "ASSAULT", "MOBILIZE", "COOPERATE", "CONSULT", "RETREAT"))
# "Will restore ties after the ceasefire": only then.
_AFTER = frozenset(("после", "після", "когда", "коли", "종전", "휴전"))


class ByCues(NamedTuple):
    """The fields of an answer, in the order of the coder's."""

    event: CombinedEvent
    mode: str
    modality: Decided
    attribution: Decided
    about: Decided
    doubt: float
    confidence: float


def answers_by_cues(sentence: Sentence, roles: Roles, voice: Voice) -> ByCues:
    """Return what the cues of a sentence say."""
    reading = sentence.reading
    frame = frame_of(reading, sentence.mentions, sentence.speech)
    event = _event(reading, frame, is_sure=roles.actor_mention is not None or is_first_person(reading))
    attribution = _attribution(sentence, roles, voice, event.event)
    modality = _modality(reading, frame, sentence, attribution.label)
    if _is_torn(event.rule, modality.label):
        event = event._replace(chances={one: chance * _UNSURE for one, chance in event.chances.items()})
    about = object_near(reading, event.rule.cue if event.rule else None, before=reading.lang == "ko")
    return ByCues(
        event,
        event.rule.mode if event.rule else "",
        modality,
        attribution,
        Decided(about.sense.label if about else "other", about, agreed=True),
        1.0,
        round(event.probability, 4),
    )


def _is_torn(rule: RuleEvent | None, modality: str) -> bool:
    """Say whether modality and event speak for different things: a promise with a condition is more than weighing and
    less than agreeing; a deed that is only possible is none, yet threatens or announces."""
    if rule is None or modality not in (Modality.CONDITIONAL, Modality.SPECULATIVE):
        return False
    promises = rule.event == "AGREE" and rule.cue.sense.mode not in ("weigh", "change")
    return (promises and modality == Modality.CONDITIONAL) or rule.event in _DEEDS


def _event(reading: Reading, frame: CueFrame, *, is_sure: bool) -> CombinedEvent:
    """Take the event that the grammar leads to; the senses are the second reading, and say how likely the first is."""
    model = shipped_senses()
    senses = model.probabilities(sense_features(reading, frame.events))["event"]
    rule = frame.events[0] if frame.events else None
    event = rule.event if rule else "NONE"
    both = event == best_of(senses)[0]
    chance = model.confidence(senses[event], is_ruled=True, is_read=both)
    chance *= 1 if frame.is_sure and is_sure and both else _UNSURE
    rest = max(1 - senses[event], 1e-9)
    chances = {one: chance if one == event else (1 - chance) * sense / rest for one, sense in senses.items()}
    return CombinedEvent(event, rule, frame.events, chances, senses)


def _modality(reading: Reading, frame: CueFrame, sentence: Sentence, attribution: str) -> Decided:
    """Choose the modality: what denies comes before conditions, and these before what is only likely."""
    speech = sentence.speech
    found = [
        cue
        for cue in cues_of(reading, "modality")
        if not cue.sense.label.startswith("hint_") and (speech is None or not speech.at <= cue.at < speech.end)
    ]
    rule = frame.events[0] if frame.events else None
    if rule is not None:  # "there can be no talk of it" is a phrase
        found = [one for one in found if one.at == rule.cue.at or not rule.cue.at < one.at < rule.cue.end]
    if is_silent(reading):
        found = []
    by_label = {cue.sense.label: cue for cue in reversed(found)}
    if rule is not None and rule.negated_by is not None and not rule.is_refusal and not _opens(rule):
        by_label.setdefault(Modality.DENIED, rule.negated_by)
    if reading.lang == "ko":
        for label, cue in (
            (Modality.CONDITIONAL, condition_in(reading)),
            (Modality.SPECULATIVE, possibility_in(reading, rule)),
        ):
            if cue is not None:
                by_label.setdefault(label, cue)
    if frame.is_future and (after := _after_which(reading)) is not None:
        by_label.setdefault(Modality.CONDITIONAL, after)
    if attribution == Attribution.ANALYST and frame.is_future:
        by_label.setdefault(
            Modality.SPECULATIVE, FoundCue(rule.cue.at, rule.cue.end, rule.cue.sense) if rule else found[0]
        )
    order = (Modality.DENIED, Modality.CONDITIONAL, Modality.SPECULATIVE)
    label = next((one for one in order if one in by_label), Modality.ASSERTED)
    return Decided(label, by_label.get(label), agreed=True)


def _after_which(reading: Reading) -> FoundCue | None:
    """Return the word that puts what is to come off until something has happened, or None."""
    for at, word in enumerate(reading.words[:-1]):
        if word.surface.lower() in _AFTER and not reading.words[at + 1].surface[0].isdigit():
            return FoundCue(at, at + 1, Sense("modality", Modality.CONDITIONAL))
    return None


def _opens(rule: RuleEvent) -> bool:
    """Say whether a negation made an agreement of a refusal: "does not rule out" denies nothing."""
    return rule.cue.sense.label == "REJECT" and rule.event == "AGREE"


def _attribution(sentence: Sentence, roles: Roles, voice: Voice, event: str) -> Decided:
    """Choose on whose word it rests."""
    if sentence.speech is not None:
        return Decided(_of_speaker(sentence, sentence.speech, roles, voice), sentence.speech.cue, agreed=True)
    cue = _unspoken(sentence, roles)
    if cue is not None:
        return Decided(cue.sense.label if cue.sense.family == "attribution" else Attribution.SELF, cue, agreed=True)
    if voice.name is not None:
        own = voice.spoke_for == roles.actor and roles.actor is not None
        return Decided(Attribution.SELF if own else Attribution.THIRD_PARTY, None, agreed=own)
    side = next((one.side for one in sentence.mentions if one.side and one.stands_for != roles.actor), None)
    is_told = event != "NONE" and roles.actor is not None
    return Decided((side or Attribution.SELF) if is_told else Attribution.NARRATOR, None, agreed=side is None)


def _unspoken(sentence: Sentence, roles: Roles) -> FoundCue | None:
    """Return the words that tell on whose word it rests where nobody is said to speak, or None."""
    told = {cue.sense.label: cue for cue in reversed(cues_of(sentence.reading, "attribution"))}
    actor = roles.actor_mention
    if (unnamed := told.get(Attribution.UNNAMED)) is not None and unnamed.end - unnamed.at == 1:
        del told[Attribution.UNNAMED]  # a source or an official, who may be spoken of
    if actor is None or actor.is_official:
        told.pop(Attribution.OPPONENT, None)
    order = (Attribution.UNNAMED, Attribution.ANALYST, Attribution.NARRATOR, Attribution.OPPONENT)
    found = [told[label] for label in order if label in told]
    return next(iter((*found, *cues_of(sentence.reading, "comment"))), None)


def _of_speaker(sentence: Sentence, speech: Speech, roles: Roles, voice: Voice) -> Attribution:
    """Return on whose word it rests by who speaks."""
    reading = sentence.reading
    speaking = [one for one in sentence.mentions if speech.at <= one.at < speech.end]
    is_own_party = any(one.stands_for == roles.actor and one.side is Attribution.OPPONENT for one in speaking)
    side = speech.attribution or next((one.side for one in speaking if one.side is not None), None)
    anonymous = (one for one in cues_of(reading, "attribution") if one.sense.label == Attribution.UNNAMED)
    if any(one.end - one.at > _WORDS_OF_ANONYMITY for one in anonymous):
        return Attribution.UNNAMED
    if is_own_party:
        return Attribution.SELF
    if side is not None:
        return side
    if voice.spoke_for is None or roles.actor is None or voice.spoke_for == roles.actor:
        return Attribution.SELF
    return Attribution.OPPONENT if _doubts(reading, speech.cue) else Attribution.THIRD_PARTY


def _doubts(reading: Reading, cue: FoundCue) -> bool:
    """Say whether a verb of speech keeps its distance from what is said ("claims")."""
    return any(one.at == cue.at and one.sense.family == "claims" for one in reading.cues)
