"""Who does what a sentence tells: its subject, the doer of a passive, or who a pronoun stands for."""

from services.domain.claims.actors import UNSAID
from services.domain.claims.anaphora import pair_at
from services.domain.claims.cues import FoundCue
from services.domain.claims.frames import Context, Doer, Frame, Named
from services.domain.claims.grammar import AUXILIARIES, Case, governor, is_adjective, is_broken, is_passive, surface
from services.domain.claims.reading import Reading

_FIRST_PERSON = frozenset(("we", "our", "us", "i", "my", "ours", "мы", "наш", "наша", "ми", "우리"))
# Words that stand for whoever was spoken of.
_STAND_INS = frozenset(
    ("he", "she", "it", "they", "his", "her", "its", "their", "он", "она", "они", "вона", "він", "вони", "его", "их",
     "його")
)  # fmt: skip
_IMPERSONAL = frozenset(
    ("too", "not", "premature", "wrong", "time", "up", "unlikely", "likely", "possible", "important", "necessary",
     "clear", "impossible", "true", "a", "be", "no", "difficult", "hard", "still", "out", "early")
)  # fmt: skip
_BE_IT = frozenset(("is", "was", "would", "will", "has", "seems", "appears", "remains", "makes"))
# Who speaks so does so, whoever is told of; the others only where nobody else is told of.
_ACTS_OF_SPEECH = frozenset(("THREATEN", "REQUEST", "ACCUSE", "PROTEST"))
_STANCES = frozenset(("REJECT", "SUPPORT", "AGREE"))
# Of what is given the giver is told by its origin.
_GOODS = frozenset(
    ("lethal_arms", "nonlethal_aid", "humanitarian", "money", "training", "intelligence", "technology", "energy")
)  # fmt: skip
_RECEIVES = frozenset(("receive", "get", "obtain"))
_ANSWERED = _RECEIVES | {"meet", "draw", "earn", "elicit"}
_BEFORE_RECEIVING = frozenset(
    ("begun", "began", "started", "to", "also", "already", "been", "be", "now", "never", "not", "first", "only")
)  # fmt: skip
_JUDGEMENTS = frozenset(("red line", "red lines", "unacceptable"))
_INVERTING = frozenset(("nor", "neither", "so", "only", "not", "never", "rarely", "seldom", "nowhere", "then"))
_NEAR = 3
_CAUSES = frozenset(("lead", "force", "prompt", "push", "drive", "compel", "cause", "oblige", "move", "induce"))
# Bodies that are no government: where it is not known whose, nobody who is known acts.
_BODIES = frozenset(("party", "committee", "assembly", "parliament", "lawmakers", "legislators", "deputies", "court"))


def doer_of(frame: Frame, context: Context) -> Doer:
    """Return who does what a sentence tells."""
    voice = frame.voice
    acts = frame.spoken in _ACTS_OF_SPEECH
    if frame.is_official and (
        (voice.id and (acts or frame.is_menacing)) or (voice.id == UNSAID and acts and frame.leads)
    ):
        return voice
    subject = _heading(frame) or _judging(frame)
    if subject is not None:
        return subject
    subject = _passive_doer(frame) if frame.clause.is_passive else _subject(frame, context)
    subject = _made_to(frame, subject) or _giving(frame) or subject
    if subject is not None:
        if _urges(frame) and voice.id and voice.id != subject.id:
            return voice
        blamed = frame.is_official and frame.is_blaming and subject.id not in (None, UNSAID)
        return voice if blamed and voice.id and voice.id != subject.id else _answering(frame, subject)
    if voice.id is not None and (frame.spoken in (*_STANCES, *_ACTS_OF_SPEECH) or frame.is_official):
        return Doer(None) if _is_strangers(frame) else voice
    return Doer(None) if _is_strangers(frame) else _left(frame)


def _heading(frame: Frame) -> Doer | None:
    """Return whose word a headline gives: "Oslo: no more arms for Chad"."""
    first = next(iter(frame.named), None)
    is_heading = first is not None and first.at == 0 and frame.reading.between(first.mention.end - 1).startswith(":")
    return _by_name(first) if first is not None and is_heading else None


def _judging(frame: Frame) -> Doer | None:
    """Return by whose lights it is so: "such supplies are a red line for Moscow"."""
    reading = frame.reading
    judged = [
        one.at
        for one in reading.cues
        if one.sense.family == "event" and not _JUDGEMENTS.isdisjoint(_text(reading, one))
    ]
    for one in frame.named:
        near = any(0 < one.at - at <= 2 + _NEAR for at in judged)
        if near and governor(reading, one.at) in ("for", "to") and frame.clause.limit <= one.at:
            return _by_name(one)
    return None


def _text(reading: Reading, cue: FoundCue) -> frozenset[str]:
    return frozenset({" ".join(surface(reading, at) for at in range(cue.at, cue.end))})


def _by_name(named: Named) -> Doer:
    return Doer(named.mention.stands_for, named.mention)


def _subject(frame: Frame, context: Context) -> Doer | None:
    """Return the subject of an active clause: a name, an office, or what a pronoun stands for."""
    reading, first = frame.reading, _first(frame)
    pronoun = _pronoun(frame)
    if pronoun is not None and (first is None or pronoun < first.at):
        return _stands_for(frame, pronoun, context)
    if first is None and surface(reading, frame.clause.limit - 1) in _INVERTING:  # "Nor has Oslo asked for them"
        near = (frame.clause.limit + 1, frame.clause.limit + 2)
        first = next((one for one in frame.named if one.at in near and one.is_own), None)
    if first is None:  # "Relations between Oslo and Minsk have cooled"
        first = next((one for one in frame.before if governor(reading, one.at) == "between"), None)
    if first is None:
        return None
    answering = _answerer(frame)
    if answering is not None:
        return _by_name(answering)
    if first.case is Case.FREE and _receives(frame):
        after = [one for one in frame.named if one.at > first.at]
        giver = next((one for one in after if one.case is Case.ORIGIN or is_adjective(reading, one.mention.end)), None)
        return _by_name(giver) if giver else Doer(UNSAID)
    return _by_name(first)


def _first(frame: Frame) -> Named | None:
    before = frame.before
    own = [one for one in before if one.is_own]
    origins = [one for one in before if one.case is Case.ORIGIN and not one.mention.is_unsaid]
    first = own[0] if own else None
    if origins and (first is None or (first.mention.is_unsaid and origins[0].at < first.at)):
        return origins[0]
    return first or next((one for one in before if one.case is Case.ORIGIN), None)


def _pronoun(frame: Frame) -> int | None:
    """Return where a pronoun is the subject of a clause or owns it."""
    reading, clause = frame.reading, frame.clause
    for at in clause.words:
        if at >= clause.limit:
            return None
        word = surface(reading, at)
        if word == "it" and surface(reading, at + 1) in _BE_IT and _is_impersonal(reading, at + 2):
            return None
        if pair_at(reading, at):
            return at
        if word in _FIRST_PERSON or (word in _STAND_INS and not governor(reading, at)):
            return at
    return None


def _is_impersonal(reading: Reading, at: int) -> bool:
    ahead = [surface(reading, n) for n in range(at, at + 5)]
    return ahead[0] in _IMPERSONAL and any(word in ("to", "that", "for") for word in ahead)


def _stands_for(frame: Frame, at: int, context: Context) -> Doer:
    """Return for whom a pronoun stands: the speaker's side for the first person, else who was told of last."""
    voice = frame.voice
    if surface(frame.reading, at) in _FIRST_PERSON:
        if voice.id is not None:
            return voice if frame.is_official else Doer(UNSAID)
        return Doer(context.voice.spoke_for or context.actor or UNSAID)
    before = [one for one in frame.named if one.at < at and one.is_own and not one.mention.is_unsaid]
    if before:
        return _by_name(before[0])
    if voice.id is not None:
        return voice
    return Doer(context.subject or context.actor or next(iter(context.acted), None) or context.voice.spoke_for)


def _receives(frame: Frame) -> bool:
    reading, predicate = frame.reading, frame.clause.predicate
    if predicate is None:
        return False
    for at in range(predicate, min(predicate + 5, len(reading.words))):
        if not _RECEIVES.isdisjoint(reading.words[at].keys):
            return _gets_goods(reading, at)
        if surface(reading, at) not in AUXILIARIES and surface(reading, at) not in _BEFORE_RECEIVING:
            return False
    return False


def _answerer(frame: Frame) -> Named | None:
    """Return from whom an answer is got: "the proposal got a polite no from Oslo"."""
    reading = frame.reading
    got = [at for at in frame.clause.words if not _ANSWERED.isdisjoint(reading.words[at].keys)]
    answers = [cue for cue in reading.cues if cue.sense.family == "event" and cue.sense.label in _STANCES]
    for one in frame.named:
        is_from = one.case is Case.ORIGIN and governor(reading, one.at) == "from"
        if is_from and any(at <= cue.at < one.at <= cue.at + 2 * _NEAR for at in got for cue in answers):
            return one
    return None


def _gets_goods(reading: Reading, at: int) -> bool:
    """Say whether goods are what is received: a delegation is not."""
    return any(
        cue.sense.family == "object" and cue.sense.label in _GOODS and at < cue.at <= at + 2 * _NEAR
        for cue in reading.cues
    )


def _passive_doer(frame: Frame) -> Doer | None:
    """Return who does what a passive tells: after "by", or whose goods they are, or the speaker.

    Not the speaker to whom it is done.
    """
    agent = next((one for one in frame.named if one.case is Case.AGENT and one.at > frame.clause.limit), None)
    if agent is not None:
        return _by_name(agent)
    before = frame.before
    if before and before[0].case is Case.OWNER and not _is_done_to(frame.reading, before[0]):
        return _by_name(before[0])
    giver = next((one for one in frame.named if one.case is Case.ORIGIN and _is_of_goods(frame.reading, one)), None)
    if giver is not None:
        return _by_name(giver)
    listed = next(
        (one for one in frame.named if one.at > frame.clause.limit and _is_on_list_of(frame.reading, one)), None
    )
    if listed is not None:
        return _by_name(listed)
    done_to = {one.mention.stands_for for one in before if one.case is not Case.BOUND}
    voice = frame.voice
    return voice if voice.id is not None and frame.is_official and (not voice.id or voice.id not in done_to) else None


def _is_done_to(reading: Reading, one: Named) -> bool:
    """Say whether what somebody owns is a request, or are their people: what is done to it is another's act."""
    near = range(one.mention.end, one.mention.end + _NEAR)
    asked = any(cue.sense.label == "REQUEST" and cue.sense.family == "event" and cue.at in near for cue in reading.cues)
    return asked or one.mention.has_office


def _is_on_list_of(reading: Reading, one: Named) -> bool:
    """Say whether it is done by somebody's rules: "placed on Seoul's blacklist", "barred under Norwegian law"."""
    is_own = reading.words[one.mention.end - 1].surface.endswith(("'s", "’s")) or is_adjective(reading, one.mention.end)
    return is_own and governor(reading, one.at) in ("on", "under")


def _is_of_goods(reading: Reading, one: Named) -> bool:
    """Say whether goods are told to come from somebody: "Korean shells", "shells from Korea"."""
    if surface(reading, one.at - 1) == "from":
        return True
    near = range(one.mention.end, one.mention.end + _NEAR)
    return any(cue.sense.family == "object" and cue.sense.label in _GOODS and cue.at in near for cue in reading.cues)


def _urges(frame: Frame) -> bool:
    """Say whether an official says what others should do."""
    return frame.is_official and surface(frame.reading, frame.clause.limit) in ("should", "must", "ought")


def _made_to(frame: Frame, subject: Doer | None) -> Doer | None:
    """Return who is led to act by something that is nobody's act: "a single shot would lead Oslo to close it"."""
    limit = frame.clause.limit
    if (
        subject is not None
        and subject.mention is not None
        and any(one.mention is subject.mention and one.case is Case.FREE for one in frame.before)
    ):
        return None
    for one in frame.named:
        near = limit <= one.at - 1 <= limit + _NEAR and not is_broken(frame.reading, one.at - 1)
        caused = near and not _CAUSES.isdisjoint(frame.reading.words[one.at - 1].keys)
        if caused and surface(frame.reading, one.mention.end) == "to":
            return _by_name(one)
    return None


def _giving(frame: Frame) -> Doer | None:
    """Return who gave what others have: "Kyiv is firing shells that Seoul sent it", where nothing else is told."""
    reading = frame.reading
    given = {cue.at for cue in reading.cues if cue.sense.family == "event" and cue.sense.label in ("AID", "CONCEDE")}
    goods = {cue.end for cue in reading.cues if cue.sense.family == "object" and cue.sense.label in _GOODS}
    for one in frame.named:
        at = one.at - (surface(reading, one.at - 1) in ("that", "which"))
        if one.at <= frame.clause.limit or at not in goods:
            continue
        verb = one.mention.end
        while surface(reading, verb) in AUXILIARIES:
            verb += 1
        if verb in given and not any(frame.clause.limit <= other < at for other in given):
            return _by_name(one)
    return None


def _answering(frame: Frame, asking: Doer) -> Doer:
    """Return who turned a request down, where both are told: "Kyiv asked Seoul for missiles and was refused"."""
    reading = frame.reading
    asks = next((cue.at for cue in reading.cues if cue.sense.label == "REQUEST" and cue.sense.family == "event"), None)
    answers = [
        cue.at
        for cue in reading.cues
        if cue.sense.family == "event" and cue.sense.label == "REJECT" and asks is not None and cue.at > asks + 1
    ]
    if not answers or asking.mention is None or asking.mention.at > answers[0]:
        return asking
    asked = [one for one in frame.named if one.mention.stands_for != asking.id and asking.mention.at < one.at]
    if surface(reading, answers[0] - 1) in ("was", "were", "been", "and", "but") and is_passive(
        reading, answers[0] - 1
    ):
        other = next((one for one in asked if one.case is Case.AGENT), None) or next(iter(asked), None)
    else:
        other = next(
            (one for one in asked if one.case is Case.FREE and answers[0] - _NEAR <= one.at < answers[0]), None
        )
    return _by_name(other) if other is not None else asking


def _is_strangers(frame: Frame) -> bool:
    """Say whether the subject is somebody else who is not known: "the Chilean government", "the committee"."""
    reading = frame.reading
    offices = {cue.at for cue in reading.cues if cue.sense.family == "offices"}
    heads = (at for at in frame.clause.words if at < frame.clause.limit and at not in offices)
    if any(surface(reading, at) in _BODIES and not governor(reading, at) for at in heads):
        return True
    known = {at for one in frame.named for at in range(one.at, one.mention.end)}
    return any(
        reading.words[at].is_capitalised
        and at > 0
        and at not in known
        and at not in offices
        and (at + 1 in offices or (at + 2 in offices and not is_broken(reading, at)))
        for at in frame.clause.words
        if at < frame.clause.limit and not governor(reading, at)
    )


def _left(frame: Frame) -> Doer:
    """Return who acts where neither a subject nor a speaker says so."""
    if frame.clause.predicate is None and not frame.named:
        return Doer(None)  # a heading, a list
    order = (Case.FREE, Case.OWNER, Case.ORIGIN, Case.AGENT)
    ahead = [one for one in frame.named if one.at < frame.clause.limit]
    goods = [one for one in frame.named if one.case is not Case.ORIGIN or _is_of_goods(frame.reading, one)]
    best = min(ahead or goods, key=lambda one: order.index(one.case) if one.case in order else len(order), default=None)
    return _by_name(best) if best is not None and best.case in order and not frame.clause.is_passive else Doer(UNSAID)
