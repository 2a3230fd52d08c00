"""The grammar of Korean that cues need: particles of case, the verb at the end, what 않다 negates, who is quoted."""

import re
from collections.abc import Sequence
from itertools import chain

from services.domain.claims.actors import Mention
from services.domain.claims.cue_frames import (
    ACTS_OF_SPEECH,
    CueFrame,
    attribution_in,
    cues_of,
    is_silent,
    threatened,
    turned,
)
from services.domain.claims.cues import FoundCue, Sense
from services.domain.claims.events import RuleEvent
from services.domain.claims.korean_verbs import verbs_of
from services.domain.claims.reading import Reading
from services.domain.claims.speech import Speech

_SUBJECT = re.compile(r"(?:측은|측이|께서|은|는|이|가)$")
_TOPIC = re.compile(r"[은는]$")
_OTHER = re.compile(
    r"(?:에게서|에게는|에게|에서는|에서|에는|에도|으로부터|로부터|으로는|으로|로|에"
    r"|와의|과의|와|과|을|를|도|까지|부터|보다|한테)$"
)
# A clause that is reported ends so, and the verb of speech follows.
_REPORTED = re.compile(r"(?:다고|라고|냐고|자고|다며|라며|자며|다면서|라면서|것으로|고는)$")
_ADNOMINAL = re.compile(r"(?:다는|라는|자는|냐는)$")
_CONDITION = re.compile(
    r"(?:[다라]면|으면|하면|되면|내면|가면|[주겨]면|오면|기면|지면|이면|시면|들면|경우|조건으로|전제로)$"
)
_NO_CONDITION = re.compile(r"^(?:따르|의하|측면|반면|장면|화면|전면|국면|정면|그러면|이면|다면)")
_FUTURE = re.compile(r"(?:겠|기로|려고|려는|려던)")
_PROSPECTIVE = frozenset("할될낼줄길릴쓸킬열칠늘갈올울팔")
_COMING = ("것", "계획", "방침", "예정", "의향", "용의", "뜻", "수")
_DONE = re.compile(r"(?:[았었였했됐냈렸겼줬났왔봤졌뤘쳤섰혔](?:다|고|으|던|는|기|음|$)|(?:적|바|사실)이?$)")
_RECEIVED = re.compile(r"받(?:았|은|을|는|고|아|기)")
_FROM = re.compile("(?:에서|로부터|에게서|한테서)$")
_NEGATING = frozenset(("않다", "없다", "못하다", "아니다", "말다"))
_BEFORE_VERB = frozenset(("안", "못"))
_BREAK = re.compile("[,;:…·“”\"'‘’「」()—–]")
_QUOTE = re.compile("[\"“”'‘’「」]")
_NAME_WORDS = 6
_SYLLABLES = 2
_NEGATION_REACH = 4
_GROUP = re.compile("[가-힣](?:씨|측|당|군|청|부|처)(?:은|는|이|가)$")
_SOMEBODY = ("offices", "attribution", "private", "home", "parties")
# Formal acts, of which a sentence tells whatever else it says ("초치해 항의했다").
_FORMAL = frozenset(("summon", "expel", "recall", "break_ties"))
_SAYS = Sense("says", "says")


def speech_of(reading: Reading) -> Speech | None:
    """Return who is said to speak: who stands before the last verb of speech, or before a quotation in a headline."""
    for cue in cues_of(reading, "according"):
        start = _name_start(reading, cue.at - 1) if cue.at else 0
        if start < cue.at and _is_somebody(reading, start, cue.at):
            return _speech(reading, start, cue.at, cue)
    said = [cue for cue in cues_of(reading, "says") if _is_final(reading, cue)]
    if not said:
        return _headline(reading)
    cue = said[-1]
    words = reading.words
    reported = max(
        (at for at in range(cue.at) if _REPORTED.search(words[at].surface) or _closes(reading, at)), default=-1
    )
    condition = max((at for at in range(max(0, reported)) if _is_condition(words[at].surface)), default=-1)
    for at in chain(range(cue.at - 1, reported, -1), range(condition + 1, reported), range(condition + 1)):
        if _SUBJECT.search(words[at].surface) and len(words[at].surface) > 1:
            start = _name_start(reading, at)
            if _is_somebody(reading, start, at + 1) or (
                reported >= 0 and (at > reported or start in (0, condition + 1))
            ):
                return _speech(reading, start, at + 1, cue)
    return _headline(reading)


def _speech(reading: Reading, at: int, end: int, cue: FoundCue) -> Speech:
    is_office = any(one.sense.family in ("offices", "home") and at <= one.at < end for one in reading.cues)
    return Speech(at, end, cue, attribution_in(reading, at, end), False, is_office)


def _is_condition(surface: str) -> bool:
    if len(surface) < _SYLLABLES or _NO_CONDITION.match(surface):
        return False
    return _CONDITION.search(surface) is not None or (surface.endswith("면") and bool(verbs_of(surface)))


def _is_final(reading: Reading, cue: FoundCue) -> bool:
    """Say whether a verb of speech ends its sentence: a noun of that stem elsewhere reports nothing."""
    return cue.end >= len(reading.words) - 1 and not _QUOTE.search(reading.text[-2:-1])


def _closes(reading: Reading, at: int) -> bool:
    return at > 0 and re.search("[\"”’'」]", reading.between(at)) is not None and _opens_before(reading, at)


def _opens_before(reading: Reading, at: int) -> bool:
    return any(_QUOTE.search(reading.between(n)) for n in range(at)) or bool(_QUOTE.match(reading.text))


def _headline(reading: Reading) -> Speech | None:
    """Return who speaks in a headline: a name, then a quotation."""
    for at in range(min(4, len(reading.words) - 1)):
        if _QUOTE.search(reading.between(at)):
            named = _is_somebody(reading, 0, at + 1)
            return _speech(reading, 0, at + 1, FoundCue(at, at + 1, _SAYS)) if named else None
    return None


def _name_start(reading: Reading, at: int) -> int:
    """Return where the words begin that name somebody, of which the last stands at `at`."""
    start = at
    while start > 0 and at - start < _NAME_WORDS and not _BREAK.search(reading.between(start - 1)):
        surface = reading.words[start - 1].surface
        is_bound = len(surface) > 1 and bool(_SUBJECT.search(surface) or _OTHER.search(surface))
        is_bound = is_bound and not _is_title(reading, start - 1)
        if is_bound or _REPORTED.search(surface) or _ends_clause(surface):
            break
        start -= 1
    return start


def _is_title(reading: Reading, at: int) -> bool:
    """Say whether a word that ends like a particle is an office or a name as it stands."""
    return any(
        cue.at <= at < cue.end
        and cue.sense.family in _SOMEBODY
        and min(reading.words[at].keys, key=len) == reading.words[at].surface
        for cue in reading.cues
    )


def _ends_clause(surface: str) -> bool:
    return bool(verbs_of(surface)) or bool(
        re.search(r"(?:하고|하며|지만|는데|면서|[했됐었았]으며|[했됐었았]고|하는|되는|했던)$", surface)
    )


def _is_somebody(reading: Reading, start: int, end: int) -> bool:
    """Say whether words name a person, an office or a party rather than a thing."""
    last = reading.words[end - 1].surface
    return _GROUP.search(last) is not None or any(
        cue.sense.family in _SOMEBODY and start <= cue.at < end for cue in reading.cues
    )


def frame_of(reading: Reading, mentions: Sequence[Mention], speech: Speech | None) -> CueFrame:
    """Return what a sentence tells: by the last verb of what is reported, of whom the particles make its subject."""
    if is_silent(reading):
        return CueFrame()
    named = {at for one in mentions for at in range(one.at, one.end)}
    events = [cue for cue in cues_of(reading, "event") if not named.issuperset(range(cue.at, cue.end))]
    speaking = [one for one in mentions if speech is not None and speech.at <= one.at < speech.end]
    spoken = [cue for cue in events if speech is not None and speech.cue.at <= cue.at < speech.cue.end]
    told = [cue for cue in events if speech is None or not speech.covers(cue.at)]
    if speaking and spoken and spoken[0].sense.label in ACTS_OF_SPEECH and not _denies(reading, spoken[0]):
        beside = [cue for cue in told if cue.sense.label in ("REJECT", "ACCUSE", "THREATEN") and _goes_on(reading, cue)]
        ordered = [*beside, spoken[0], *[cue for cue in told if cue not in beside]]
        return CueFrame(
            tuple(turned(cue, None, is_past=True, is_future=False) for cue in ordered), speaking[-1], is_sure=True
        )
    last = _told_end(reading, speech)
    ordered = _leading_first(reading, told, last)
    found = tuple(_turned(reading, cue) for cue in ordered)
    outside = [one for one in mentions if speech is None or not speech.covers(one.at)]
    lead = ordered[0] if ordered else None
    subject, is_named = _subject(reading, outside, lead)
    if lead is not None and lead.sense.mode == "ought":
        subject, is_named = None, False  # who says what others should do asks for it
    if lead is not None and subject is not None and _RECEIVED.search(reading.words[lead.end - 1].surface):
        giver = next((one for one in outside if _FROM.search(reading.words[one.end - 1].surface)), None)
        subject, is_named = giver, giver is not None
    is_sure = lead is not None and lead.at <= last and not _is_aside(reading, lead) and (is_named or bool(speaking))
    frame = CueFrame(
        found,
        subject if is_named else None,
        is_sure=is_sure and _is_predicate(reading, lead, last),
        is_future=lead is not None and _is_future(reading, lead),
        owner=None if is_named else subject,
    )
    return threatened(frame, speaking[-1]) if speaking and speech is not None and speech.attribution is None else frame


def _leading_first(reading: Reading, told: Sequence[FoundCue], last: int) -> list[FoundCue]:
    """Return cues in the order of how likely they are what is told: the last verb of what is reported leads."""

    def rank(cue: FoundCue) -> tuple[bool, bool, bool, int, int]:
        return cue.at > last, _is_aside(reading, cue), cue.sense.mode not in _FORMAL, -cue.at, cue.at - cue.end

    return sorted(told, key=rank)


def _denies(reading: Reading, spoken: FoundCue) -> bool:
    """Say whether a verb of speech denies what is told ("보도를 일축했다")."""
    return any(cue.sense.label == "denied" and cue.at <= spoken.at for cue in cues_of(reading, "modality"))


def _goes_on(reading: Reading, cue: FoundCue) -> bool:
    return reading.words[cue.end - 1].surface.endswith(("다며", "라며", "하고", "하며", "했고", "했으며"))


def _told_end(reading: Reading, speech: Speech | None) -> int:
    """Return the last word of what is told: of a quotation in a headline, else of what is reported, else of all."""
    words = reading.words
    if speech is not None and speech.cue.sense is _SAYS:
        return next(
            (at for at in range(speech.end + 1, len(words) - 1) if _QUOTE.search(reading.between(at))), len(words)
        )
    if speech is not None and speech.cue.sense.family == "says":
        return speech.cue.at - 1
    return len(words)


def _is_aside(reading: Reading, cue: FoundCue) -> bool:
    """Say whether a cue stands in a clause that is a condition, or that only tells which thing is meant."""
    for at in range(cue.end - 1, min(cue.end + 2, len(reading.words))):
        surface = reading.words[at].surface
        if _is_condition(surface):
            return True
        if at > cue.end - 1 and verbs_of(surface):
            return False
    return False


def _is_predicate(reading: Reading, cue: FoundCue | None, last: int) -> bool:
    """Say whether a cue ends its clause: as a verb, with a helping verb after it, or as the end of a headline."""
    if cue is None:
        return False
    surface = reading.words[cue.end - 1].surface
    is_bare = reading.words[cue.end - 1].key == surface and not verbs_of(surface)
    if not is_bare and not _SUBJECT.search(surface) and not _OTHER.search(surface) and not surface.endswith("의"):
        return True
    ahead = reading.words[cue.end : cue.end + _NEGATION_REACH]
    return cue.end >= min(last, len(reading.words)) or any(verbs_of(word.surface) for word in ahead)


def _turned(reading: Reading, cue: FoundCue) -> RuleEvent:
    negator = _negator(reading, cue)
    surface = reading.words[(negator or cue).at].surface
    is_past = bool(_DONE.search(surface)) or any(
        reading.words[at].surface in ("적이", "바", "적", "바가", "사실이")
        for at in range(cue.end, min(cue.end + 2, len(reading.words)))
    )
    return turned(cue, negator, is_past=is_past, is_future=_is_future(reading, cue))


def _negator(reading: Reading, cue: FoundCue) -> FoundCue | None:
    """Return what negates a cue: 안 or 못 before it, or 않다, 없다, 못하다 after it in its clause."""
    words = reading.words
    if cue.at and words[cue.at - 1].surface in _BEFORE_VERB:
        return FoundCue(cue.at - 1, cue.at, Sense("negators", "negators"))
    unchanged = {at for one in reading.cues if one.sense.family == "unchanged" for at in range(one.at, one.end)}
    for at in range(cue.end, min(cue.end + _NEGATION_REACH, len(words))):
        if at in unchanged or _BREAK.search(reading.between(at - 1)):
            return None
        verbs = set(verbs_of(words[at].surface))
        if verbs & _NEGATING:
            return FoundCue(at, at + 1, Sense("negators", "negators"))
        ends = _ADNOMINAL.search(words[at].surface) or _REPORTED.search(words[at].surface)
        if ends or any(other.at == at and other.sense.family == "event" for other in reading.cues):
            return None
    return None


def _is_future(reading: Reading, cue: FoundCue) -> bool:
    words = reading.words
    for at in range(cue.end - 1, min(cue.end + 1, len(words))):
        surface = words[at].surface
        if _FUTURE.search(surface):
            return True
        after = words[at + 1].surface if at + 1 < len(words) else ""
        if surface[-1] in _PROSPECTIVE and after.startswith(_COMING):
            return True
        if at >= cue.end or _OTHER.search(surface):
            break
    after = words[cue.end].surface if cue.end < len(words) else ""
    return after.startswith(_COMING[1:])


def _subject(reading: Reading, told: Sequence[Mention], lead: FoundCue | None) -> tuple[Mention | None, bool]:
    """Return who does it, and whether a particle says so."""
    limit = lead.at if lead is not None else len(reading.words)
    marked = [(one, at) for one in told if (at := _marked_at(reading, one)) is not None and at < limit]
    near = [one for one, at in marked if not _is_closed(reading, at, limit)]
    if near:
        return _first_of(reading, told, near[-1]), True
    topics = [one for one, at in marked if _TOPIC.search(reading.words[at].surface)]
    if topics:
        return topics[0], True
    headed = next((one for one in told if one.end <= 4 and "," in reading.between(_np_end(reading, one) - 1)), None)
    if headed is not None:
        return headed, True
    if marked:
        return marked[-1][0], False
    owner = next((one for one in told if one.at < limit and _owns(reading, one)), None)
    return owner, False


def _first_of(reading: Reading, told: Sequence[Mention], subject: Mention) -> Mention:
    """Return the first of those who act together: "중국과 일본의 외교장관이"."""
    before = next((one for one in told if one.end == subject.at), None)
    if before is not None and reading.words[before.end - 1].surface.endswith(("과", "와")) and not before.is_listed:
        return before
    return subject


def _owns(reading: Reading, mention: Mention) -> bool:
    end = _np_end(reading, mention)
    return reading.words[end - 1].surface.endswith("의") or mention.has_office


def _is_closed(reading: Reading, start: int, limit: int) -> bool:
    """Say whether a clause ends between a subject and a verb, so that the verb is another's."""
    return any(
        _is_condition(word.surface) or _ADNOMINAL.search(word.surface) for word in reading.words[start + 1 : limit]
    )


def _np_end(reading: Reading, mention: Mention) -> int:
    """Return where the words end that a name begins: "푸틴 대통령은"."""
    end = mention.end
    while end < len(reading.words) and not _BREAK.search(reading.between(end - 1)):
        before = reading.words[end - 1].surface
        if end > mention.end and (_SUBJECT.search(before) or _OTHER.search(before)):
            break
        if end == mention.end and not mention.is_listed and not before.endswith("의"):
            break
        if not any(cue.at == end and cue.sense.family in _SOMEBODY for cue in reading.cues):
            break
        end += 1
    return end


def _marked_at(reading: Reading, mention: Mention) -> int | None:
    """Return where the particle of a subject stands that ends a name, or None."""
    end = _np_end(reading, mention)
    if end == mention.end and mention.is_listed:
        return None
    return end - 1 if _SUBJECT.search(reading.words[end - 1].surface) else None


def condition_in(reading: Reading) -> FoundCue | None:
    """Return the word that makes what is told a condition, or None."""
    for at, word in enumerate(reading.words):
        if _is_condition(word.surface):
            return FoundCue(at, at + 1, Sense("modality", "conditional"))
    return None


def possibility_in(reading: Reading, rule: RuleEvent | None) -> FoundCue | None:
    """Return the words "may" or "can" behind the verb of what is told ("할 수 있다"), or None."""
    for at in range(rule.cue.end if rule else 0, len(reading.words) - 1):
        surface = reading.words[at].surface
        if surface in ("수", "수도") and reading.words[at + 1].surface.startswith(("있", "있다")):
            return FoundCue(at, at + 2, Sense("modality", "speculative"))
    return None
