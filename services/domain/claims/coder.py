"""Code the sentences of an article: the generic coder, which knows of no topic."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from schemas.article import Article
from schemas.claim import Attribution, Cue, CueKind, Modality, Plover, PloverEvent, ReadAs, Statement
from schemas.match import Evidence
from services.domain.claims.actors import ActorReader
from services.domain.claims.anaphora import points_back
from services.domain.claims.by_cues import answers_by_cues
from services.domain.claims.context import Discourse
from services.domain.claims.cues import UNTRAINED
from services.domain.claims.decide import (
    CombinedEvent,
    Decided,
    attribution_of,
    combined_event,
    contexts_of,
    modality_of,
    named_objects,
    object_of,
)
from services.domain.claims.events import RuleEvent, rule_events
from services.domain.claims.features import features
from services.domain.claims.frames import Voice
from services.domain.claims.model import ClaimModel, best_of, shipped_model
from services.domain.claims.passages import Passage, passages
from services.domain.claims.reading import Reading, masks_of
from services.domain.claims.roles import Roles
from services.domain.claims.semantic import SemanticReading
from services.domain.claims.times import FoundTime
from services.domain.claims.voices import ReadArticle, Sentence, ruled_attribution, weighed
from services.domain.stories.origins import cited_outlet
from services.domain.text.gazetteer import Gazetteer

# Changes whenever the same article would be coded otherwise: cues, rules or weights.
CODER_VERSION = "1"

# What the cue of an office says that nothing says whose it is.
UNDERSTOOD = "a government that is not named"
# Each doubt about modality or attribution lowers the confidence of the whole.
_DOUBT = 0.9
# What is less likely than this by any reading is not worth telling.
_LEAST_CHANCE = 0.03
_MODAL_EVENTS = frozenset(("AGREE", "REQUEST", "REJECT", "THREATEN"))


class _Answers(NamedTuple):
    event: CombinedEvent
    mode: str
    modality: Decided
    attribution: Decided
    about: Decided
    doubt: float
    confidence: float
    is_carried: bool = False

    def readings(self) -> tuple[ReadAs, ...]:
        """Return what the sentence may tell of, the likeliest first."""
        chances, by_words = self.event.chances, self.event.by_words
        if self.event.is_double_negation:  # the words see a refusal, and not that it is refused
            by_words = {**by_words, "AGREE": by_words["AGREE"] + by_words["REJECT"], "REJECT": 0.0}
        return tuple(
            ReadAs(
                plover=self.plover(event, next((rule for rule in self.event.rules if rule.event == event), None)),
                chance=round(chance * self.doubt, 4),
                by_words=round(by_words[event], 4),
            )
            for event, chance in sorted(chances.items(), key=lambda pair: (-pair[1], pair[0]))
            if max(chance, by_words[event]) >= _LEAST_CHANCE
        )

    def plover(self, event: str, rule: RuleEvent | None) -> Plover:
        """Return the code of one reading of the event."""
        own_mode = rule.mode if rule else ""
        return Plover(
            event=PloverEvent(event),
            mode=self.mode if event in _MODAL_EVENTS else own_mode,
            contexts=contexts_of(self.about.label),
            object=self.about.label,
        )


class Coder:
    """Codes articles into statements. Pure: the same article, gazetteer and weights give the same statements."""

    def __init__(
        self, gazetteer: Gazetteer, model: ClaimModel | None = None, semantic: SemanticReading | None = None
    ) -> None:
        self._actors = ActorReader(gazetteer)
        self._model = model
        self._semantic = semantic

    @property
    def version(self) -> str:
        """The version of the coder, and of the model of meaning that reads along, as claims have it."""
        return CODER_VERSION if self._semantic is None else f"{CODER_VERSION}+{self._semantic.name}"

    def code(self, article: Article, spans: Sequence[Evidence] | None = None) -> tuple[Statement, ...]:
        """Return a statement for each sentence that one of `spans` touches, in order; for all sentences if None.

        Sentences before them are read for context only, so that a sentence is coded alike whichever others are. One
        that tells of no act is coded NONE.
        """
        found = passages(article)
        read = ReadArticle(article, found, self._actors)
        discourse = Discourse(article, read, self._actors)
        return tuple(
            self._statement(article, read, discourse, at)
            for at, passage in enumerate(found)
            if spans is None or _is_touched(passage, spans)
        )

    def _statement(self, article: Article, read: ReadArticle, discourse: Discourse, at: int) -> Statement:
        sentence, voice, roles, time, event_at = discourse[at]
        sentence = sentence._replace(is_opinion=read.is_opinion)
        before = read.before(at) if _leans_back(sentence, roles) else None
        answers = self._answers(sentence, roles, voice, before)
        passage, text = sentence.passage, sentence.reading.text
        event = answers.event
        return Statement(
            evidence=Evidence(field=passage.field, start=passage.start, end=passage.end, text=text),
            actor=roles.actor,
            named_actor=(roles.actor_mention.named or None) if roles.actor_mention else None,
            unsaid_actor=roles.is_unsaid and event.event != PloverEvent.NONE,
            recipient=roles.recipient,
            others=roles.others,
            plover=answers.plover(event.event, event.rule),
            objects=named_objects(sentence.reading) or ((answers.about.label,) if answers.is_carried else ()),
            modality=Modality(answers.modality.label),
            attribution=Attribution(answers.attribution.label),
            speaker=voice.name,
            cited_outlet=cited_outlet("", text),
            event_at=event_at,
            confidence=answers.confidence,
            agreed=event.is_ruled and event.is_read,
            readings=answers.readings(),
            cues=_cues(sentence, roles, answers, time),
            lang=sentence.reading.lang,
        )

    def _answers(self, sentence: Sentence, roles: Roles, voice: Voice, before: Reading | None) -> _Answers:
        """Ask rules and classifiers, and make one answer of what they say."""
        if sentence.reading.lang in UNTRAINED:
            return _Answers(*answers_by_cues(sentence, roles, voice))
        model = self._model or shipped_model()
        reading = _masked(sentence.reading, roles)
        chances = model.probabilities(features(reading, before))
        if self._semantic is not None:
            chances = self._semantic.joined(chances, reading, before)
        event = combined_event(chances["event"], rule_events(reading), chances["read"])
        modality = modality_of(chances["modality"], reading, event.rule)
        ruled = ruled_attribution(sentence, roles, voice, event.event, modality.label)
        attribution = attribution_of(weighed(chances["attribution"], sentence, roles, voice), sentence.speech, ruled)
        carried = _carried(before, reading)
        about = carried or object_of(chances["object"], reading, event.rule)
        mode = best_of(chances["mode"])[0]
        doubt = _DOUBT ** (2 - modality.agreed - attribution.agreed)
        confidence = model.confidence(event.probability, is_ruled=event.is_ruled, is_read=event.is_read)
        return _Answers(
            event, mode, modality, attribution, about, doubt, round(confidence * doubt, 4), carried is not None
        )


def _is_touched(passage: Passage, spans: Sequence[Evidence]) -> bool:
    return any(span.field is passage.field and span.start < passage.end and span.end > passage.start for span in spans)


def _masked(reading: Reading, roles: Roles) -> Reading:
    actor, recipient = roles.actor_mention, roles.recipient_mention
    masks = masks_of(
        reading.words,
        range(actor.at, actor.end) if actor else (),
        range(recipient.at, recipient.end) if recipient else (),
    )
    return reading._replace(masks=masks)


def _leans_back(sentence: Sentence, roles: Roles) -> bool:
    """Say whether a sentence cannot be coded without the one before it."""
    return roles.actor_mention is None or sentence.passage.continues_quote or points_back(sentence.reading)


def _carried(before: Reading | None, reading: Reading) -> Decided | None:
    """Return the object of the sentence before, where a sentence names none and points back: "this request"."""
    if before is None or named_objects(reading) or not points_back(reading):
        return None
    objects = Counter(cue.sense.label for cue in before.cues if cue.sense.family == "object")
    return Decided(objects.most_common(1)[0][0], None, agreed=True) if objects else None


def _cues(sentence: Sentence, roles: Roles, answers: _Answers, time: FoundTime | None) -> tuple[Cue, ...]:
    """Return the words that decided, at their places in the article."""
    words, rule = sentence.reading.words, answers.event.rule
    found = [
        (kind, mention.at, mention.end, mention.stands_for or roles.actor or UNDERSTOOD)
        for kind, mention in ((CueKind.ACTOR, roles.actor_mention), (CueKind.RECIPIENT, roles.recipient_mention))
        if mention is not None
    ]
    found += [
        (kind, cue.at, cue.end, says)
        for kind, cue, says in (
            (CueKind.EVENT, rule.cue if rule else None, answers.event.event),
            (CueKind.NEGATION, rule.negated_by if rule else None, "not"),
            (CueKind.MODALITY, answers.modality.cue, answers.modality.label),
            (CueKind.ATTRIBUTION, answers.attribution.cue, answers.attribution.label),
            (CueKind.OBJECT, answers.about.cue, answers.about.label),
        )
        if cue is not None
    ]
    spans = [(kind, words[at].start, words[end - 1].end, says) for kind, at, end, says in found]
    offset = sentence.reading.offset
    if time is not None:
        spans.append((CueKind.TIME, offset + time.start, offset + time.end, time.at.date().isoformat()))
    return tuple(
        Cue(
            kind=kind,
            field=sentence.passage.field,
            start=start,
            end=end,
            text=sentence.reading.text[start - offset : end - offset],
            says=says,
        )
        for kind, start, end, says in spans
    )
