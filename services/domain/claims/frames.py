"""The frame of a sentence: what is told in it, who tells it, and how everybody named stands in it."""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.claim import Attribution
from services.domain.claims.actors import UNSAID, Mention
from services.domain.claims.anaphora import called
from services.domain.claims.cues import UNTRAINED
from services.domain.claims.events import subordinate
from services.domain.claims.grammar import Case, Clause, case_of, clause_of, governor, is_broken, is_listed, surface
from services.domain.claims.reading import Reading
from services.domain.claims.speech import Speech

# So many words before who speaks are no clause; so far stands "that" after the verb ("told reporters on Monday that").
_FEW = 1
_TO_THAT = 14
_COLON_WORDS = 8
# "A source close to the council", "people familiar with Oslo's plans".
_NEAR_TO = frozenset(("to", "with", "on"))
_ADVERBIAL = 5
# "X's findings show that": what is shown is told, not the showing.
_SHOWS = frozenset(("show", "suggest", "reveal", "indicate", "confirm", "prove", "mean", "find"))
_EXPECTS = frozenset(("expect", "believe", "think", "suspect", "reckon", "assume", "bet", "guess", "doubt", "predict"))
_TELLS = frozenset(("tell", "inform", "brief", "warn", "assure", "remind", "notify", "promise"))
# Verbs that speak so themselves; other words of blame are the speaker's ("Oslo violates the treaty, Minsk said").
_BLAMING_VERBS = frozenset(
    ("accuse", "condemn", "denounce", "deplore", "decry", "criticise", "criticize", "blame", "slam", "rebuke",
     "fault", "chide", "investigate", "sue", "indict", "prosecute", "charge", "convict", "complain", "lament",
     "object", "worry", "fear")
)  # fmt: skip


class Voice(NamedTuple):
    """Who speaks, as written; for whom; whether in office; and on whose word it rests, where that is known.

    Nobody, where no name is known.
    """

    name: str | None = None
    spoke_for: str | None = None
    is_official: bool = True
    attribution: Attribution | None = None


class Person(NamedTuple):
    """A word of the name of somebody who was named in full: "Cho" of "Foreign Minister Cho Tae-yul"."""

    word: str
    stands_for: str
    side: Attribution | None


class Context(NamedTuple):
    """What the sentences before have settled: who acted, on whom, and who spoke.

    `acted` are those who were asked, acted or spoke, the latest first; `subject` is who was told of, as `subject_name`;
    `home` is the country whose papers write "the government" and mean their own; `names` are those of people.
    """

    actor: str | None = None
    recipient: str | None = None
    voice: Voice = Voice()
    acted: tuple[str, ...] = ()
    subject: str | None = None
    subject_name: str | None = None
    home: str | None = None
    names: tuple[Person, ...] = ()


class Named(NamedTuple):
    """Somebody named in what is told, and how the name stands there."""

    mention: Mention
    case: Case

    @property
    def at(self) -> int:
        """The first word of the name."""
        return self.mention.at

    @property
    def is_own(self) -> bool:
        """Whether the name stands alone or owns something."""
        return self.case in (Case.FREE, Case.OWNER)


class Doer(NamedTuple):
    """Who acts: by a mention, or by id; UNSAID where that is left open, None where nobody acts who is known."""

    id: str | None
    mention: Mention | None = None


class Frame(NamedTuple):
    """A sentence for the question of who acts: what is told, who is named in it, and for whom the speaker stands."""

    reading: Reading
    clause: Clause
    aside: frozenset[int]  # the words of circumstances
    named: Sequence[Named]
    voice: Doer
    speaking: Mention | None
    speech: Speech | None
    is_official: bool  # the speaker speaks for a government

    @property
    def before(self) -> list[Named]:
        """Who is named before the predicate."""
        words = set(self.clause.words)
        return [one for one in self.named if one.at in words and one.at < self.clause.limit]

    @property
    def spoken(self) -> str | None:
        """The event that the verb of speech itself is."""
        speech = self.speech
        events = [
            one for one in self.reading.cues if speech and one.sense.family == "event" and one.at == speech.cue.at
        ]
        return events[0].sense.label if events else None

    @property
    def leads(self) -> bool:
        """Whether who speaks stands before what is told."""
        return self.speech is not None and self.speech.at < min(self.clause.words, default=0)

    @property
    def is_menacing(self) -> bool:
        """Whether consequences are held out; such words are the speaker's, whoever's deed they follow."""
        return self._has("THREATEN")

    @property
    def is_blaming(self) -> bool:
        """Whether what is told is called bad, by whoever tells it."""
        return self._has("ACCUSE", _BLAMING_VERBS)

    def _has(self, event: str, without: frozenset[str] = frozenset()) -> bool:
        inside = set(self.clause.words)
        return any(
            cue.sense.family == "event"
            and cue.sense.label == event
            and cue.at in inside
            and without.isdisjoint(self.reading.words[cue.at].keys)
            for cue in self.reading.cues
        )


def frame_of(reading: Reading, mentions: Sequence[Mention], speech: Speech | None, context: Context) -> Frame:
    """Return the frame of a sentence. Experts and the press are nobody of whom it tells."""
    aloof = (Attribution.ANALYST, Attribution.UNNAMED)
    told = [one for one in mentions if one.side not in aloof and (speech is None or not speech.covers(one.at))]
    speaking = speaking_of(reading, mentions, speech)
    named = _cased(reading, told)
    aside = subordinate(reading)
    clause = _told_clause(reading, speech, named, aside)
    voice = _voice(speaking, speech, context)
    is_known = speaking is not None and not speaking.is_unsaid
    is_official = _is_official(reading, speaking, speech) and (
        is_known or context.voice.name is None or context.voice.is_official
    )
    return Frame(reading, clause, aside, named, voice, speaking, speech, is_official)


def person_called(reading: Reading, at: int, end: int, context: Context) -> Person | None:
    """Return who is called by words of a name that was given in full before: "Minister Cho", "Rudenko"."""
    words = called(reading, at, end)
    return next((person for person in context.names if person.word in words), None)


def speaking_of(reading: Reading, mentions: Sequence[Mention], speech: Speech | None) -> Mention | None:
    """Return who is named as the speaker, unless it is somebody whose word is only an expert's."""
    inside = [one for one in mentions if speech is not None and speech.at <= one.at < speech.end]
    inside = [
        one for one in inside if one.side is not Attribution.ANALYST and governor(reading, one.at) not in _NEAR_TO
    ]
    if reading.lang in UNTRAINED:
        return inside[-1] if inside else None
    official = [one for one in inside if one.has_office]
    alone = [one for one in inside if case_of(reading, one.at, one.end) in (Case.FREE, Case.OWNER)]
    near = [one for one in alone if speech is not None and one.at - speech.at <= 1]
    return next(iter(official or near or (alone if speech and speech.attribution is None else ())), None)


def _voice(speaking: Mention | None, speech: Speech | None, context: Context) -> Doer:
    """Return for whom the speaker stands."""
    if speaking is not None and not speaking.is_unsaid:
        return Doer(speaking.stands_for, speaking)
    if context.voice.spoke_for is not None:
        return Doer(context.voice.spoke_for, speaking)
    if speaking is not None:
        return Doer(UNSAID, speaking)
    if speech is not None and not speech.is_pronoun:
        return Doer(UNSAID if speech.is_office and speech.attribution is not Attribution.ANALYST else None)
    return Doer(None)


def _is_official(reading: Reading, speaking: Mention | None, speech: Speech | None) -> bool:
    if speech is not None:
        if speech.attribution in (Attribution.ANALYST, Attribution.OPPONENT):
            return False
        if any(surface(reading, at) in ("former", "ex") for at in range(speech.at, speech.end)):
            return False
    return speaking is None or speaking.is_official


def _cased(reading: Reading, told: Sequence[Mention]) -> list[Named]:
    """Return the mentions of what is told with their cases; those on a list stand as its first."""
    named: list[Named] = []
    for one in told:
        case = case_of(reading, one.at, one.end)
        if named and case in (Case.FREE, Case.ORIGIN) and is_listed(reading, named[-1].mention.end, one.at, one.end):
            case = named[-1].case if named[-1].case is not Case.OWNER else case
        named.append(Named(one, case))
    return named


def _told_clause(reading: Reading, speech: Speech | None, named: Sequence[Named], aside: frozenset[int]) -> Clause:
    """Return the clause of what is told: before who speaks, around it, or after it ("said that ...")."""
    ends = {one.mention.end for one in named}
    whole = range(len(reading.words))
    if speech is None:
        return clause_of(reading, _start_of(reading, whole, named), range(0), ends, aside)
    start, end = min(speech.at, speech.cue.at), max(speech.end, speech.cue.end)
    according = speech.cue.sense.family == "according"
    if start > _FEW and (not according or len(whole) - end <= start):
        goes_on = "," in reading.between(end - 1) and end + _FEW < len(whole)  # "could, he said, have consequences"
        taken = range(start, end) if goes_on and "," in reading.between(start - 1) else range(start, len(whole))
        ahead_of = clause_of(reading, _start_of(reading, range(start), named), taken, ends, aside)
        if ahead_of.predicate is not None or start > _ADVERBIAL:  # "Last month he said" tells nothing yet
            return ahead_of
    if start > 0 and any(one.at < start and one.case is Case.FREE for one in named):
        return clause_of(reading, 0, range(start, end), ends, aside)
    told_to = next((one for one in named if end <= one.at <= end + 1), None)
    if told_to is not None and not _TELLS.isdisjoint(reading.words[speech.cue.at].keys):
        end = told_to.mention.end  # "told Bamako it would not"
    that = None if according else _that(reading, range(end, min(end + _TO_THAT, len(whole))))
    return clause_of(reading, that + 1 if that is not None else end, range(0), ends, aside)


def _that(reading: Reading, ahead: range) -> int | None:
    """Return where "that" opens what is said, if no other clause comes before it."""
    for at in ahead:
        if surface(reading, at) == "that":
            return at
        if is_broken(reading, at):
            return None
    return None


def _expected(reading: Reading, told: range) -> range:
    """Return the words of what is expected in the first person: after "I expect" and "we believe that"."""
    if not told or surface(reading, told[0]) not in ("i", "we"):
        return told
    verb = reading.words[told[0] + 1 : told[0] + 2]
    if not verb or _EXPECTS.isdisjoint(verb[0].keys):
        return told
    return told[2 + (surface(reading, told[0] + 2) == "that") :]


def _start_of(reading: Reading, told: range, named: Sequence[Named]) -> int:
    """Return where the main clause begins: after "Having asked for more time,", "Enough:", "A report shows that"."""
    told = _expected(reading, told)
    if not told:
        return 0
    colon = next((at for at in told[:_COLON_WORDS] if ":" in reading.between(at)), None)
    if colon is not None and colon + 1 in told and all(one.at > colon or one.case is Case.BOUND for one in named):
        return colon + 1
    if surface(reading, told[0]).endswith("ing") or surface(reading, told[0]) in ("were", "had"):
        comma = next((at for at in told if "," in reading.between(at)), None)
        if comma is not None and comma + 1 in told:
            return comma + 1
    if surface(reading, told[0]) == "it" and surface(reading, told[0] + 1) in ("is", "was"):
        return next((at + 1 for at in told[2:6] if surface(reading, at) == "that" and at + 1 in told), told[0])
    for at in told[1:_COLON_WORDS]:
        if surface(reading, at) == "that" and not _SHOWS.isdisjoint(reading.words[at - 1].keys) and at + 1 in told:
            return told[0] if surface(reading, at - 1).endswith("ing") else at + 1
    return told[0]
