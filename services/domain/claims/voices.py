"""Who speaks in each sentence of an article, across quotations and pronouns, and on whose word it therefore rests."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple

from schemas.article import Article
from schemas.claim import Attribution, Modality, PloverEvent
from schemas.match import EvidenceField
from services.domain.claims.actors import ActorReader, Mention, settled
from services.domain.claims.anaphora import named_after, points_back
from services.domain.claims.by_language import speech_of
from services.domain.claims.cues import LANGUAGES, Sense, cue_book
from services.domain.claims.frames import Context, Voice, person_called, speaking_of
from services.domain.claims.grammar import AUXILIARIES, surface
from services.domain.claims.passages import Passage
from services.domain.claims.reading import Reading, masks_of
from services.domain.claims.roles import Roles
from services.domain.claims.speech import Speech
from services.domain.claims.times import event_time
from services.domain.claims.words import words_of
from services.domain.text.language import identify

# How many sentences after one inside a quotation are read for who speaks.
_QUOTE_SENTENCES = 4
_FIRST_WORDS = 6
_BACKGROUND = Sense("attribution", "narrator")
_EXPERTS = Sense("attribution", "analyst")
_DISSENTING = frozenset(("opposition", "lawmaker", "legislator"))
_OPENING_QUOTES = ("“", "«", '"', "„", "「")
# The word of the actor's own side, or of nobody.
_OWN = frozenset((Attribution.SELF, Attribution.NARRATOR))
# How much likelier what is said of another state is a third party's word, or an opponent's, for how it is said.
_OTHERS = 30.0
_ANY_DAY = datetime(2100, 1, 1, tzinfo=UTC)
_IN_ANGER = frozenset(("ACCUSE", "opponent"))
_HABITUAL = frozenset(("does", "do", "doesn't", "don't"))
_LASTING = frozenset(("been", "long", "always", "never", "only", "so", "traditionally"))
# The line that says who wrote an article stands at its head or at its end, and is mostly names.
_BYLINE_NEAR = 4
_FEW_WORDS = 6
_NAMES_IN_BYLINE = 0.5
_SPOKEN_ACTS = frozenset(("THREATEN", "REQUEST", "ACCUSE"))


class Sentence(NamedTuple):
    """A sentence read: its words and cues, who is named, and who is said to speak."""

    passage: Passage
    reading: Reading
    mentions: Sequence[Mention]
    speech: Speech | None
    is_opinion: bool = False  # stands in an article that an expert wrote


class ReadArticle:
    """The sentences of an article, each read when it is first asked for."""

    def __init__(self, article: Article, found: Sequence[Passage], actors: ActorReader) -> None:
        self._article = article
        self._passages = found
        self._actors = actors
        self._sentences: dict[int, Sentence] = {}
        known = article.lang in LANGUAGES
        self.lang = (article.lang if known else identify(f"{article.title}\n{article.text}")) or "en"
        self._book = cue_book(self.lang)

    def __len__(self) -> int:
        return len(self._passages)

    def __getitem__(self, at: int) -> Sentence:
        if at not in self._sentences:
            self._sentences[at] = self._read(self._passages[at])
        return self._sentences[at]

    def settle(self, at: int, context: Context) -> Sentence:
        """Return a sentence with the names settled that only its context settles: of two Koreas, which."""
        sentence = self[at]
        if any(one.among for one in sentence.mentions):
            sentence = sentence._replace(mentions=settled(sentence.mentions, context.acted))
            self._sentences[at] = sentence
        return sentence

    def field_text(self, field: EvidenceField) -> str:
        """Return the title or the text."""
        return self._article.title if field is EvidenceField.TITLE else self._article.text

    def field(self, at: int) -> EvidenceField:
        """Return where a sentence stands."""
        return self._passages[at].field

    def before(self, at: int) -> Reading | None:
        """Return the sentence before one in its field, or None."""
        return self[at - 1].reading if at > 0 and self.field(at - 1) is self.field(at) else None

    def first_of_text(self) -> Sentence | None:
        """Return the first sentence of the text."""
        first = next((at for at, one in enumerate(self._passages) if one.field is EvidenceField.TEXT), None)
        return self[first] if first is not None else None

    def _read(self, passage: Passage) -> Sentence:
        text = self.field_text(passage.field)
        words = words_of(text, passage.start, passage.end)
        cues = self._book.find(words)
        reading = Reading(
            text[passage.start : passage.end],
            words,
            masks_of(words),
            cues,
            passage.start,
            self.lang,
            passage.continues_quote,
        )
        return Sentence(passage, reading, self._actors.mentions(reading), speech_of(reading))

    @cached_property
    def is_opinion(self) -> bool:
        """Whether an expert wrote it, by its author or by the line that says who wrote it."""
        if self._actors.side_of_author(self._article.author) is Attribution.ANALYST:
            return True
        text = [at for at, one in enumerate(self._passages) if one.field is EvidenceField.TEXT]
        return any(_is_byline(self[at]) for at in dict.fromkeys((*text[:_BYLINE_NEAR], *text[-_BYLINE_NEAR:])))

    def voice(self, at: int, context: Context) -> Voice:
        """Return who speaks in a sentence.

        A quotation over several sentences has the speaker that any of them names; "he said" is who spoke before.
        """
        sentence = self[at]
        carried, speech = context.voice, sentence.speech
        if speech is not None and not speech.is_pronoun:
            return _named_voice(sentence, speech, context)
        if speech is not None:
            return carried if carried.name is not None else Voice(context.subject_name, context.subject)
        ahead = at
        while self[ahead].passage.open_quote and ahead + 1 < len(self) and ahead - at < _QUOTE_SENTENCES:
            ahead += 1
            speech = self[ahead].speech
            if speech is not None and not speech.is_pronoun:
                return _named_voice(self[ahead], speech, context)
        if sentence.passage.introduced_by is not None:
            return _introduced_voice(self[sentence.passage.introduced_by], context)
        goes_on = not sentence.passage.opens_paragraph and points_back(sentence.reading)
        if goes_on or sentence.passage.continues_quote or sentence.reading.text.startswith(_OPENING_QUOTES):
            return carried
        return Voice()


def _is_byline(sentence: Sentence) -> bool:
    """Say whether a sentence tells only who an expert is: a name, a title, an institute, and no verb."""
    reading = sentence.reading
    if sentence.speech is not None or len(reading.words) < _FEW_WORDS or not reading.words[0].is_capitalised:
        return False
    is_expert = any(cue.sense == _EXPERTS for cue in reading.cues)
    return (
        is_expert
        and not any(surface(reading, at) in AUXILIARIES for at in range(len(reading.words)))
        and (sum(word.is_capitalised for word in reading.words) > len(reading.words) * _NAMES_IN_BYLINE)
    )


def _named_voice(sentence: Sentence, speech: Speech, context: Context) -> Voice:
    name = sentence.reading.written(speech.at, speech.end)
    one = speaking_of(sentence.reading, sentence.mentions, speech)
    side = next((one.side for one in sentence.mentions if one.side and speech.at <= one.at < speech.end), None)
    said = side or speech.attribution
    if one is not None and not one.is_unsaid:
        return Voice(name, one.stands_for, one.is_official and said is None, said)
    person = person_called(sentence.reading, speech.at, speech.end, context)
    if person is not None:
        said = said or person.side
        return Voice(name, person.stands_for, said is None, said)
    named = {one.stands_for for one in sentence.mentions}
    known = next((one for one in (*context.acted, context.home) if one and one not in named), None)
    return Voice(name, known if speech.is_office else None, speech.is_office and said is None, said)


def _introduced_voice(sentence: Sentence, context: Context) -> Voice:
    """Return whose statement or list follows a sentence with a colon: of who speaks there, or of who is named first."""
    if sentence.speech is not None and not sentence.speech.is_pronoun:
        return _named_voice(sentence, sentence.speech, context)
    one = next((one for one in sentence.mentions if one.is_official or one.side is not None), None)
    if one is None:
        return context.voice
    end = named_after(sentence.reading, one.end)
    return Voice(sentence.reading.written(one.at, end), one.stands_for or None, one.is_official, one.side)


def ruled_attribution(sentence: Sentence, roles: Roles, voice: Voice, event: str, modality: str) -> Attribution | None:
    """Return on whose word a sentence rests, where it says so; None where only the classifier can tell."""
    speech = sentence.speech
    if speech is not None and voice.spoke_for == roles.actor and _is_own_act(sentence, speech):
        return Attribution.SELF
    said = (speech.attribution if speech is not None else None) or voice.attribution
    if said is not None:
        return said
    if speech is None and any(cue.sense == _EXPERTS for cue in sentence.reading.cues):
        return None  # experts are there, if not said to speak
    side = _side(sentence, roles)
    if side is not None or voice.name is not None:
        return side or _own_word(roles, voice)
    return _untold(sentence, event, modality)


def _own_word(roles: Roles, voice: Voice) -> Attribution | None:
    """Return whether who speaks in office speaks for who acts; "the government will, the ministry said" is one side."""
    is_unsaid = roles.is_unsaid and voice.spoke_for is None
    is_own = voice.is_official and (is_unsaid or (roles.actor is not None and voice.spoke_for == roles.actor))
    return Attribution.SELF if is_own else None


def _others_word(sentence: Sentence, roles: Roles, voice: Voice) -> Attribution | None:
    """Return on whose word it is that a government tells of another: an opponent's, if told in anger."""
    told_of = (roles.actor, roles.recipient, *roles.others)
    if not (voice.is_official and voice.spoke_for and roles.actor) or voice.spoke_for == roles.actor:
        return None
    if any(cue.sense.family == "hostile" or cue.sense.label in _IN_ANGER for cue in sentence.reading.cues):
        return Attribution.OPPONENT
    return None if voice.spoke_for in told_of else Attribution.THIRD_PARTY


def weighed(chances: Mapping[str, float], sentence: Sentence, roles: Roles, voice: Voice) -> dict[str, float]:
    """Return how likely each attribution is in view of who speaks.

    Officials who tell of another state do not speak for the one who acts, nor does an expert who writes.
    """
    speech = sentence.speech
    if voice.attribution is not None and (speech is None or voice.attribution is not Attribution.UNNAMED):
        return {label: chance for label, chance in chances.items() if label not in _OWN}
    if sentence.is_opinion and speech is None and voice.name is None:
        return {Attribution.NARRATOR: 1.0}
    speaks = speech is not None or voice.name is not None
    if speaks and voice.is_official and voice.spoke_for and roles.actor and voice.spoke_for != roles.actor:
        likelier = _others_word(sentence, roles, voice)
        return {
            label: chance * (_OTHERS if label == likelier else 1.0)
            for label, chance in chances.items()
            if label not in _OWN
        }
    return dict(chances)


def _untold(sentence: Sentence, event: str, modality: str) -> Attribution | None:
    """Return whose word it is where nobody speaks: the article's own, for background and for what is only likely."""
    is_background = any(cue.sense == _BACKGROUND for cue in sentence.reading.cues)
    is_background = is_background or _is_standing(sentence.reading) or _is_eventless(sentence.reading)
    is_judged = sentence.is_opinion or event == PloverEvent.NONE or modality == Modality.SPECULATIVE
    return Attribution.NARRATOR if is_background or is_judged else None


def _is_eventless(reading: Reading) -> bool:
    """Say whether no word tells of an act or of speech, on any day: a sentence that describes."""
    acts = any(cue.sense.family in ("event", "says") for cue in reading.cues)
    return not acts and event_time(reading.text, _ANY_DAY) is None


def _is_standing(reading: Reading) -> bool:
    """Say whether a sentence tells what has long been so, not what happened: "has long armed", "does not arm"."""
    first = next((at for at in range(len(reading.words)) if surface(reading, at) in AUXILIARIES), len(reading.words))
    if surface(reading, first) == "had" and not any(cue.sense.family == "says" for cue in reading.cues):
        return True  # "had leaned on its ally for days"
    return surface(reading, first) in _HABITUAL or (
        surface(reading, first) in ("has", "have") and surface(reading, first + 1) in _LASTING
    )


def _is_own_act(sentence: Sentence, speech: Speech) -> bool:
    """Say whether to speak so is the act itself: officials who warn need no name, unless they ask for none."""
    cues = sentence.reading.cues
    return (
        speech.attribution is Attribution.UNNAMED
        and any(cue.at == speech.cue.at and cue.sense.label in _SPOKEN_ACTS for cue in cues)
        and not any(cue.sense.label == "unnamed" and cue.end - cue.at > 2 for cue in cues)
    )


def _side(sentence: Sentence, roles: Roles) -> Attribution | None:
    """Return the side of who speaks or acts, if they are known to stand for no government."""
    speech, mention = sentence.speech, roles.actor_mention
    for one in sentence.mentions:
        if one.side is not None and (speech is None or speech.at <= one.at < speech.end):
            return one.side
    start, end = (max(0, mention.at - 1), mention.end) if mention else (0, _FIRST_WORDS)
    if speech is None:
        start, end = 0, max(end, _FIRST_WORDS)
    dissents = any(word.key in _DISSENTING for word in sentence.reading.words[start:end])
    return Attribution.OPPONENT if dissents else None
