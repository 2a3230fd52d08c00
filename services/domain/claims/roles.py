"""Who does it, to whom, and who else is named: the roles of a sentence."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from schemas.claim import Attribution
from services.domain.claims.actors import UNSAID, Mention
from services.domain.claims.frames import Context, Doer, Frame, Named, frame_of, person_called
from services.domain.claims.grammar import Case, governor, is_adjective, is_broken
from services.domain.claims.reading import Reading
from services.domain.claims.speech import Speech
from services.domain.claims.subjects import doer_of

# So near after the verb of speech stands where it was said: "said in Seoul that".
_PLACE_WORDS = 3


class Roles(NamedTuple):
    """Who does it, to whom, and who else is named; mentions where a name of the sentence says so.

    `is_unsaid`: a government does it of which neither the sentence nor its context says which. `about` is who is named
    first, in whatever role.
    """

    actor: str | None
    actor_mention: Mention | None
    recipient: str | None
    recipient_mention: Mention | None
    others: tuple[str, ...]
    is_unsaid: bool = False
    about: Mention | None = None


def roles_of(reading: Reading, mentions: Sequence[Mention], speech: Speech | None, context: Context) -> Roles:
    """Return who does what the sentence tells, to whom. Context fills in only what the sentence leaves to it."""
    frame = frame_of(reading, mentions, speech, context)
    doer = doer_of(frame, context)
    if doer.id == UNSAID:
        at, end = (doer.mention.at, doer.mention.end) if doer.mention is not None else (0, 0)
        person = person_called(reading, at, end, context)
        whose = person.stands_for if person is not None else _whose(frame, doer.mention, context)
        is_lost = whose == UNSAID and doer.mention is not None and doer.mention.is_definite
        doer = Doer(None if is_lost else whose, doer.mention)
    actor = doer.id or None
    others = [one for one in frame.named if one.mention.stands_for != actor and not one.mention.is_unsaid]
    receiving = _receiving(frame, others, doer)
    recipient = receiving.stands_for if receiving else None
    if recipient is None and actor is not None and context.recipient != actor == context.actor:
        recipient = context.recipient
    elif recipient is None and actor is not None and context.actor != actor == context.recipient:
        recipient = context.actor  # who was asked answers
    named = dict.fromkeys(one.mention.stands_for for one in others if one.mention.stands_for != recipient)
    about = next((one.mention for one in frame.named if one.is_own and not one.mention.is_unsaid), None)
    return Roles(actor, doer.mention, recipient, receiving, tuple(named), doer.id == UNSAID, about)


def _receiving(frame: Frame, others: Sequence[Named], doer: Doer) -> Mention | None:
    """Return to whom it is done: named after who does it, in the same clause; in a condition only of a threat."""
    words = set(frame.clause.words)
    start = doer.mention.at if doer.mention is not None else -1
    apart = _among_others(frame)
    if doer.id in apart:
        apart = frozenset()
    inside = [one for one in others if one.at in words and one.mention.stands_for not in apart]
    after = [one for one in inside if one.at > start]
    hostile = frame.is_menacing or frame.is_blaming or frame.spoken is not None
    outside = [one for one in others if one.at not in words and (hostile or one.at not in frame.aside)]
    addressed = [one for one in outside if one.case is Case.FREE and _is_addressed(frame, one)]
    ranked = [
        one
        for one in (*addressed, *after, *inside, *outside)
        if not _is_where(frame, one) and not (doer.id == UNSAID and _is_place(frame, one))
    ]
    return next((one.mention for one in ranked), None)


def _among_others(frame: Frame) -> frozenset[str]:
    """Return between whom something is, after the predicate: what others do with one another is done to neither."""
    found: set[str] = set()
    ahead = [one for one in frame.named if one.at > frame.clause.limit]
    for one, other in zip_longest(ahead, ahead[1:]):
        if governor(frame.reading, one.at) == "between":
            found |= {one.mention.stands_for} | ({other.mention.stands_for} if other else set())
    return frozenset(found)


def _is_addressed(frame: Frame, one: Named) -> bool:
    """Say whether a name stands between the verb of speech and what is said: "warned Seoul that"."""
    return frame.speech is not None and frame.speech.cue.at < one.at < min(frame.clause.words, default=0)


def _is_where(frame: Frame, one: Named) -> bool:
    """Say whether a name only tells where it was said."""
    speech = frame.speech
    said = speech is not None and one.at > speech.cue.at and one.at not in frame.clause.words
    return said and governor(frame.reading, one.at) in ("in", "at", "from")


def _is_place(frame: Frame, one: Named) -> bool:
    """Say whether a name only tells where, or whose goods or people: where nobody acts, it may be who does."""
    if one.mention.has_office or (
        frame.clause.is_passive and one in frame.before and not governor(frame.reading, one.at)
    ):
        return False
    is_of = is_adjective(frame.reading, one.mention.end) or one.case is Case.OWNER
    return is_of or one.case is Case.ORIGIN or governor(frame.reading, one.at) in ("in", "at")


def _whose(frame: Frame, office: Mention | None, context: Context) -> str:
    """Return for whom an office stands of which the sentence does not say so.

    That is the speaker's side, or the capital where it was said, or who acted last; UNSAID if there is nobody.
    """
    among = office.among if office is not None else ()
    if not among and frame.speaking is not None and not frame.speaking.is_unsaid and frame.speaking.is_official:
        return frame.speaking.stands_for
    place = _place(frame)
    if place is not None and (not among or place in among):
        return place
    named = {one.mention.stands_for for one in frame.named if not one.mention.is_unsaid}
    known = (one for one in (*context.acted, context.home) if one and one not in named)
    return next((one for one in known if not among or one in among), UNSAID)


def _place(frame: Frame) -> str | None:
    """Return whose capital it was said in."""
    speech = frame.speech
    if speech is None or speech.attribution is Attribution.ANALYST:
        return None
    told = set(frame.clause.words)
    end = max(speech.end, speech.cue.end)
    is_last = all(at < end for at in told)
    return next(
        (
            one.mention.stands_for
            for one in frame.named
            if one.at > speech.cue.at
            and one.case is Case.BOUND
            and governor(frame.reading, one.at) in ("in", "at")
            and (is_last or one.at - end <= _PLACE_WORDS)
            and not any(is_broken(frame.reading, at) for at in range(end, one.at))
            and one.mention.is_official
        ),
        None,
    )
