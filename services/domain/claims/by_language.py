"""Which grammar reads a sentence: English has one of its own, Russian, Ukrainian and Korean have frames."""

from collections.abc import Sequence

from schemas.claim import Attribution
from services.domain.claims import korean_grammar, roles, slavic, slavic_speech, speech
from services.domain.claims.actors import Mention
from services.domain.claims.cue_frames import CueFrame, giver_at_last, owner_of_goods
from services.domain.claims.cues import UNTRAINED
from services.domain.claims.frames import Context
from services.domain.claims.reading import Reading
from services.domain.claims.roles import Roles
from services.domain.claims.speech import Speech

_FIRST_PERSON = frozenset(
    (
     "мы", "наш", "наша", "наше", "наши", "нас", "нам", "нашу", "нашей", "нашим", "наших", "я", "ми", "нашого",
     "наші", "нашої", "우리", "우리는", "우리가", "우리도", "저희는", "저희가"
    )
)  # fmt: skip
_STAND_INS = frozenset(
    (
     "он", "она", "они", "это", "він", "вона", "вони", "그는", "그가", "그녀는", "이들은", "이는"
    )
)  # fmt: skip


def speech_of(reading: Reading) -> Speech | None:
    """Return who is said to speak in a sentence, or None where nobody is."""
    if reading.lang not in UNTRAINED:
        return speech.speech_of(reading)
    return korean_grammar.speech_of(reading) if reading.lang == "ko" else slavic_speech.speech_of(reading)


def frame_of(reading: Reading, mentions: Sequence[Mention], said: Speech | None) -> CueFrame:
    """Return the frame of a sentence that is not English."""
    if reading.lang == "ko":
        return korean_grammar.frame_of(reading, mentions, said)
    return slavic.frame_of(reading, mentions, said)


def roles_of(reading: Reading, mentions: Sequence[Mention], said: Speech | None, context: Context) -> Roles:
    """Return who does what the sentence tells, to whom. Context fills in only what the sentence leaves to it."""
    if reading.lang not in UNTRAINED:
        return roles.roles_of(reading, mentions, said, context)
    frame = frame_of(reading, mentions, said)
    told = [one for one in mentions if said is None or not said.covers(one.at)]
    mention = frame.subject or _speaker(reading, mentions, said)
    actor = mention.stands_for if mention is not None else _left(reading, said, context)
    if actor is None:
        mention = frame.owner or owner_of_goods(reading, told) or giver_at_last(reading, told)
        actor = mention.stands_for if mention is not None else None
    others = [one for one in told if one.stands_for != actor]
    after = [one for one in others if mention is None or one.at > mention.at]
    receiving = next(iter(after or others), None)
    recipient = receiving.stands_for if receiving is not None else None
    if recipient is None and actor is not None and context.recipient != actor == context.actor:
        recipient = context.recipient
    named = dict.fromkeys(one.stands_for for one in mentions if one.stands_for not in (actor, recipient))
    return Roles(
        actor,
        mention,
        recipient,
        receiving,
        tuple(named),
        actor is None and said is not None and said.is_office,
        mention,
    )


def _speaker(reading: Reading, mentions: Sequence[Mention], said: Speech | None) -> Mention | None:
    """Return who speaks of themselves: officials, on record or not."""
    if said is None or said.attribution in (Attribution.ANALYST, Attribution.OPPONENT):
        return None
    speaking = [one for one in mentions if said.at <= one.at < said.end and one.side is not Attribution.ANALYST]
    return next((one for one in reversed(speaking)), None)


def _left(reading: Reading, said: Speech | None, context: Context) -> str | None:
    """Return who acts where nobody is named: the side of "we", who spoke, or who acted before."""
    if is_first_person(reading) or (said is not None and (said.is_pronoun or said.is_office)):
        return context.voice.spoke_for or context.actor
    stands_in = any(word.surface.lower() in _STAND_INS for word in reading.words[:6])
    return context.actor if stands_in or said is None else context.voice.spoke_for or context.actor


def is_first_person(reading: Reading) -> bool:
    """Say whether a sentence speaks of its speaker's side."""
    return any(word.surface.lower() in _FIRST_PERSON for word in reading.words)
