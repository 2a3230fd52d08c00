"""Claim: who said or did what about whom, as one sentence has it; and what it means on a topic's ladder."""

from enum import StrEnum

from pydantic import ConfigDict, Field

from schemas.base import ContentId, Contract, NonEmpty, Slug, StreamContract, UtcDatetime, content_id
from schemas.match import Evidence, EvidenceField


class PloverEvent(StrEnum):
    """The root events of PLOVER; NONE where a sentence tells of no act or stance."""

    AGREE = "AGREE"
    CONSULT = "CONSULT"
    SUPPORT = "SUPPORT"
    CONCEDE = "CONCEDE"
    COOPERATE = "COOPERATE"
    AID = "AID"
    RETREAT = "RETREAT"
    REQUEST = "REQUEST"
    ACCUSE = "ACCUSE"
    REJECT = "REJECT"
    THREATEN = "THREATEN"
    PROTEST = "PROTEST"
    SANCTION = "SANCTION"
    MOBILIZE = "MOBILIZE"
    COERCE = "COERCE"
    ASSAULT = "ASSAULT"
    NONE = "NONE"


class Modality(StrEnum):
    """How real what is said is meant to be."""

    ASSERTED = "asserted"
    DENIED = "denied"
    CONDITIONAL = "conditional"
    SPECULATIVE = "speculative"


class Attribution(StrEnum):
    """On whose word a statement rests."""

    SELF = "self"  # the actor's own officials, on record
    UNNAMED = "unnamed"
    ANALYST = "analyst"
    OPPONENT = "opponent"
    THIRD_PARTY = "third_party"
    NARRATOR = "narrator"  # the article itself


class CueKind(StrEnum):
    """What a cue speaks for."""

    EVENT = "event"
    OBJECT = "object"
    ACTOR = "actor"
    RECIPIENT = "recipient"
    NEGATION = "negation"
    MODALITY = "modality"
    ATTRIBUTION = "attribution"
    TIME = "time"


class Cue(Contract):
    """Words that decided something: `text` is the field between `start` and `end`, `says` what they stand for."""

    kind: CueKind
    field: EvidenceField
    start: int = Field(ge=0)
    end: int = Field(gt=0)
    text: str
    says: NonEmpty


class Plover(Contract):
    """A PLOVER code: event, mode and contexts; `object_` is what it is about (lethal_arms, visit_talks, ...)."""

    # What the codec writes must be readable again.
    model_config = ConfigDict(serialize_by_alias=True)

    event: PloverEvent
    mode: str = ""
    contexts: tuple[str, ...] = ()
    object_: str = Field(default="", alias="object")


class ReadAs(Contract):
    """An event that a sentence may tell of: how likely by all there is, and by its words alone, without the cues."""

    plover: Plover
    chance: float = Field(ge=0, le=1)
    by_words: float = Field(ge=0, le=1)


class Statement(Contract):
    """One coded sentence, before any topic: the generic coder's result.

    `actor` and `recipient` are ids of the gazetteer, of the state or organisation that a person or office stands for;
    `named_actor` and `speaker` are who is named. `agreed` says that the cues by themselves, and the words without
    the cues, have the event of `plover` too; `readings` are the events that it may tell of, the likeliest first.
    `objects` are all that the sentence names by a cue. `confidence` is 0 to 1.
    """

    evidence: Evidence
    actor: Slug | None = None
    named_actor: Slug | None = None
    unsaid_actor: bool = Field(default=False, description="a government acts, and nothing says which")
    recipient: Slug | None = None
    others: tuple[Slug, ...] = ()
    plover: Plover
    objects: tuple[str, ...] = ()
    modality: Modality
    attribution: Attribution
    speaker: str | None = None
    cited_outlet: str | None = None
    event_at: UtcDatetime
    confidence: float = Field(ge=0, le=1)
    agreed: bool
    readings: tuple[ReadAs, ...] = ()
    cues: tuple[Cue, ...] = ()
    lang: str = "en"


class Claim(StreamContract):
    """A statement that means something on a topic's ladder. `id` is made of article, span, topic, actor and rung."""

    id: ContentId
    watch_topic: Slug
    actor: Slug
    recipient: Slug | None = None
    rung: Slug
    side_channel: bool = False
    plover: Plover
    modality: Modality
    weighed_as: Modality | None = Field(
        default=None, description="where the ladder's rule weighs it as another modality"
    )
    attribution: Attribution
    speaker: str | None = None
    event_at: UtcDatetime
    published_at: UtcDatetime | None = None
    seen_at: UtcDatetime
    article_id: ContentId
    outlet: NonEmpty
    url: str | None = None
    evidence: Evidence
    origin_id: ContentId
    confidence: float = Field(ge=0, le=1)
    eligible: bool
    why_not: str = Field(default="", description="why it may not move a position")
    cues: tuple[Cue, ...] = ()
    coder_version: NonEmpty


def claim_id(article_id: str, watch_topic: str, actor: str, rung: str, evidence: Evidence) -> str:
    """Return the id of a claim: the same sentence of the same article says the same thing once."""
    place = (evidence.field, str(evidence.start), str(evidence.end))
    return content_id("claim", article_id, watch_topic, actor, rung, *place)
