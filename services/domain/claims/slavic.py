"""The grammar of Russian and Ukrainian that cues need: who is in the nominative, what is negated, what is to come."""

from collections.abc import Sequence

from services.domain.claims.actors import Mention
from services.domain.claims.cue_frames import ACTS_OF_SPEECH, CueFrame, cues_of, is_silent, threatened, turned
from services.domain.claims.cues import FoundCue
from services.domain.claims.events import RuleEvent
from services.domain.claims.reading import Reading
from services.domain.claims.slavic_words import (
    BREAK,
    PREPOSITIONS,
    is_adjective,
    is_base,
    is_genitive,
    is_infinitive,
    is_instrumental,
    is_nominative_adjective,
    is_passive,
    is_past,
    is_to_come,
    is_verb,
    may_be_subject,
    plain,
)
from services.domain.claims.speech import Speech
from services.domain.claims.words import Word

# What opens a clause that only says under which circumstances; and what opens one about a word before it.
_ASIDE = frozenset(
    (
     "если", "когда", "хотя", "поскольку", "пока", "который", "чтобы", "якщо", "коли", "хоча", "оскільки", "поки",
     "який", "бо", "щоб", "попри", "несмотря", "где", "де", "потому", "тому", "раз"
    )
)  # fmt: skip
_WILL = frozenset(
    (
     "будет", "будут", "буду", "будем", "буде", "будуть", "будемо", "станет", "станут", "станем", "стане", "стануть",
     "станемо", "намерен", "намерена", "намерены", "собирается", "собираются", "збирається", "збираються", "хочет",
     "хотят", "хоче", "хочуть", "пойдет", "піде", "планирует", "планируют", "планує", "планують", "может", "могут",
     "може", "можуть", "можем", "можемо", "вправе", "получит", "отримає", "готов", "готова", "готовы", "готовий",
     "готові", "следует", "слід", "стоит", "варто", "должен", "должна", "должны", "має", "мають", "повинен",
     "повинна", "повинні"
    )
)  # fmt: skip
_ABSENT = frozenset(
    (
     "нет", "немає", "нема"
    )
)  # fmt: skip
_MODAL_ADVERBS = frozenset(
    (
     "уже", "вже", "больше", "більше", "никогда", "ніколи", "пока", "поки", "все", "еще", "ще"
    )
)  # fmt: skip
_RECEIVING = frozenset(
    (
     "получить", "получать", "отримати", "отримувати", "одержати"
    )
)  # fmt: skip
_FROM = frozenset(
    (
     "от", "из", "від", "з", "із"
    )
)  # fmt: skip
_REACH = 4


def frame_of(reading: Reading, mentions: Sequence[Mention], speech: Speech | None) -> CueFrame:
    """Return what a sentence tells: the first verb of its main clauses, and who stands beside it in the nominative."""
    if is_silent(reading):
        return CueFrame()
    events = cues_of(reading, "event")
    speaking = [one for one in mentions if speech is not None and speech.at <= one.at < speech.end]
    spoken = [cue for cue in events if speech is not None and speech.cue.at <= cue.at < speech.cue.end]
    told = [cue for cue in events if speech is None or not speech.covers(cue.at)]
    if (
        speaking
        and spoken
        and spoken[0].sense.label in ACTS_OF_SPEECH
        and not _only_introduces(reading, spoken[0], told)
    ):
        events = [spoken[0], *told]
        return CueFrame(
            tuple(turned(cue, None, is_past=True, is_future=False) for cue in events), speaking[-1], is_sure=True
        )
    outside = [one for one in mentions if speech is None or not speech.covers(one.at)]
    frame = _Told(reading, outside).frame(told, has_speaker=bool(speaking))
    return threatened(frame, speaking[-1]) if speaking and speech is not None and speech.attribution is None else frame


def _only_introduces(reading: Reading, spoken: FoundCue, told: Sequence[FoundCue]) -> bool:
    """Say whether a verb of speech only introduces what is told: "promised"; and "denied", which denies it."""
    denies = any(cue.sense.label == "denied" and cue.at == spoken.at for cue in cues_of(reading, "modality"))
    return denies or (spoken.sense.label in ("AGREE", "SUPPORT", "CONCEDE") and bool(told))


class _Told:
    """What a sentence tells, by its clauses."""

    def __init__(self, reading: Reading, mentions: Sequence[Mention]) -> None:
        self._reading = reading
        self._words = reading.words
        self._clauses = _clauses(reading)
        self._aside = self._set_aside()
        self._main = [one for one in mentions if one.at not in self._aside]
        self._nominative = [one for one in self._main if self._is_nominative(one)]

    def frame(self, told: Sequence[FoundCue], *, has_speaker: bool) -> CueFrame:
        """Return the frame of these events."""
        subjects = {self._clauses[one.at] for one in self._nominative}

        def rank(cue: FoundCue) -> tuple[bool, bool, bool, int]:
            is_main = not subjects or self._clauses[cue.at] in subjects
            return (cue.at in self._aside, not self._is_predicate(cue), not is_main, cue.at)

        ordered = sorted(told, key=rank)
        lead = ordered[0] if ordered else None
        subject = self._subject(lead)
        if lead is not None and lead.sense.mode == "ought":
            subject = None  # who says what others should do asks for it
        if lead is not None and subject is not None and self._is_received(lead):
            subject = next((one for one in self._main if self._before(one.at) in _FROM), None)
        usable = subject is None or subject.is_official or subject.side is not None
        return CueFrame(
            tuple(self._turned(cue) for cue in ordered),
            subject,
            is_sure=lead is not None
            and self._is_predicate(lead)
            and lead.at not in self._aside
            and usable
            and (subject is not None or has_speaker),
            is_future=lead is not None and self._is_future(lead),
            owner=next((one for one in self._main if self._owns(one, told)), None),
        )

    def _set_aside(self) -> frozenset[int]:
        opened = {
            self._clauses[at]
            for at, word in enumerate(self._words)
            if (at == 0 or self._clauses[at - 1] != self._clauses[at])
            and not _ASIDE.isdisjoint((plain(word), *word.keys))
        }
        inside = frozenset(at for at, number in enumerate(self._clauses) if number in opened)
        return inside if len(inside) < len(self._clauses) else frozenset()

    def _is_predicate(self, cue: FoundCue) -> bool:
        """Say whether a cue is a verb, or a phrase that holds one."""
        return any(is_verb(word) or plain(word) in ("не", *_ABSENT) for word in self._words[cue.at : cue.end])

    def _verb(self, cue: FoundCue) -> Word:
        inside = self._words[cue.at : cue.end]
        return next((word for word in inside if is_verb(word)), inside[0])

    def _clause(self, at: int) -> range:
        numbers = [n for n, number in enumerate(self._clauses) if number == self._clauses[at]]
        return range(numbers[0], numbers[-1] + 1)

    def _has_will(self, cue: FoundCue) -> bool:
        return any(plain(self._words[at]) in _WILL for at in self._clause(cue.at))

    def _turned(self, cue: FoundCue) -> RuleEvent:
        word = self._verb(cue)
        if self._is_predicate(cue):
            past = is_past(word) and not is_infinitive(word, self._reading.lang)
        else:
            past = not self._has_will(cue) and not any(plain(self._words[at]) in _ABSENT for at in self._clause(cue.at))
        return turned(cue, self._negator(cue), is_past=past, is_future=self._is_future(cue))

    def _is_future(self, cue: FoundCue) -> bool:
        word = self._verb(cue)
        if not is_verb(word):
            return False
        return is_to_come(word, self._reading.lang) or (not is_past(word) and self._has_will(cue))

    def _negator(self, cue: FoundCue) -> FoundCue | None:
        """Return the word that negates a cue: before it or its auxiliary, or with an auxiliary behind it."""
        for one in cues_of(self._reading, "negators"):
            if self._clauses[one.at] != self._clauses[cue.at] or cue.at <= one.at < cue.end:
                continue
            form = plain(self._words[one.at])
            if one.end == cue.at or (form in _ABSENT and 0 < cue.at - one.at <= _REACH):
                return one
            if form == "без":
                continue
            if plain(self._words[min(one.end, len(self._words) - 1)]) in _WILL and self._takes_will(one, cue):
                return one
            between = range(one.end, cue.at)
            if between and all(plain(self._words[at]) in _MODAL_ADVERBS for at in between):
                return one
        return None

    def _takes_will(self, negator: FoundCue, cue: FoundCue) -> bool:
        """Say whether an auxiliary is that of a cue: of an infinitive, or of a noun that is its subject."""
        word = self._words[cue.at]
        return is_infinitive(word, self._reading.lang) or (not is_verb(word) and cue.at < negator.at)

    def _subject(self, cue: FoundCue | None) -> Mention | None:
        """Return who does it: the nominative, or the instrumental of a passive."""
        if cue is not None and any(is_passive(word) for word in self._words[cue.at : cue.end]):
            agents = [one for one in self._main if self._is_agent(one)]
            places = [one for one in self._main if one.at >= cue.end and self._head(one) < one.at]
            return next(iter((*agents, *places)), None)
        if cue is None:
            return next(iter(self._nominative), None)
        near = [one for one in self._nominative if self._clauses[one.at] == self._clauses[cue.at]]
        before = [one for one in near if one.at < cue.at]
        return next(iter((*before, *near, *self._nominative)), None)

    def _is_agent(self, mention: Mention) -> bool:
        word = self._words[mention.at]
        return not mention.is_listed and self._before(mention.at) not in PREPOSITIONS and is_instrumental(word)

    def _before(self, at: int) -> str:
        return plain(self._words[at - 1]) if at and not BREAK.search(self._reading.between(at - 1)) else ""

    def _is_nominative(self, mention: Mention) -> bool:
        """Say whether a mention, or the office of which it says whose it is, can be the subject of its clause."""
        head = self._head(mention)
        if self._before(head) in PREPOSITIONS:
            return False
        if head < mention.at:
            return is_base(self._words[head])
        first = self._words[mention.at]
        if first.surface.isupper() and self._follows_noun(mention.at):
            return False  # "военных КНДР"
        noun = self._words[mention.end] if mention.end < len(self._words) else None
        is_office = self._is_office(mention.end)
        is_name = (
            noun is None
            or (is_verb(noun) and not is_office)
            or noun.surface[:1].isupper()
            or self._before(mention.end + 1) in PREPOSITIONS
        )
        if (
            not is_adjective(first)
            or (is_name and not noun_is_acronym(noun))
            or BREAK.search(self._reading.between(mention.end - 1))
        ):
            return mention.is_listed
        return (
            noun is not None
            and is_nominative_adjective(first)
            and may_be_subject(noun)
            and self._is_office(mention.end)
        )

    def _is_received(self, cue: FoundCue) -> bool:
        return not _RECEIVING.isdisjoint(self._verb(cue).keys)

    def _follows_noun(self, at: int) -> bool:
        before = self._before(at)
        word = self._words[at - 1] if before else None
        return word is not None and word.surface[0].islower() and len(before) > 2 and not is_verb(word)

    def _is_office(self, at: int) -> bool:
        return any(cue.sense.family == "offices" and cue.at <= at + 1 and at < cue.end for cue in self._reading.cues)

    def _head(self, mention: Mention) -> int:
        """Return where the office begins that stands before a mention in the genitive ("министр обороны Японии")."""
        first = self._words[mention.at]
        indeclinable = first.surface.isupper()
        if not indeclinable and not is_adjective(first) and (mention.is_listed or not is_genitive(first)):
            return mention.at
        offices = {
            at
            for cue in self._reading.cues
            if cue.sense.family in ("offices", "private")
            for at in range(cue.at, cue.end)
        }
        at = best = mention.at
        while at > 0 and mention.at - at <= _REACH and not BREAK.search(self._reading.between(at - 1)):
            at -= 1
            if plain(self._words[at]) in PREPOSITIONS or (is_verb(self._words[at]) and at not in offices):
                break
            if at in offices:
                best = at
        return best

    def _owns(self, mention: Mention, told: Sequence[FoundCue]) -> bool:
        """Say whether a genitive tells whose act a noun is: "помощь Сеула"."""
        return is_genitive(self._words[mention.at]) and any(
            cue.end == mention.at and not self._is_predicate(cue) for cue in told
        )


def noun_is_acronym(noun: Word | None) -> bool:
    """Say whether a noun is written in capitals: "российский МИД"."""
    return noun is not None and noun.surface.isupper()


def _clauses(reading: Reading) -> list[int]:
    """Return the number of the clause of each word."""
    numbers, number = [], 0
    for at in range(len(reading.words)):
        if at and BREAK.search(reading.between(at - 1)):
            number += 1
        numbers.append(number)
    return numbers
