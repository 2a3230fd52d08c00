"""Ladder: the steps on which a topic's actors stand, and how coded statements lead to them. Written in topic files."""

from datetime import timedelta

from pydantic import ConfigDict, Field

from schemas.base import Contract, NonEmpty, Slug
from schemas.claim import Attribution, Modality, PloverEvent

Location = tuple[str | int, ...]


class Rung(Contract):
    """A step of a ladder, or a channel beside it."""

    id: Slug
    title: NonEmpty


class Condition(Contract):
    """What a statement must be: each key lists what will do, an absent key asks for nothing.

    `objects` are what it is about or names, `without_objects` what it must not. `names` are actors of whom one must be
    named beside the statement's actor and the ladder's recipients; `recipients` replaces these.
    `words` are phrases of which one must stand in the sentence, `without_words` phrases of which none may: without
    regard to case, as whole words, where `*` stands for any letters.
    """

    events: tuple[PloverEvent, ...] = ()
    modes: tuple[str, ...] = ()  # "" is a statement without a mode
    objects: tuple[NonEmpty, ...] = ()
    without_objects: tuple[NonEmpty, ...] = ()
    contexts: tuple[NonEmpty, ...] = ()
    modalities: tuple[Modality, ...] = ()
    attributions: tuple[Attribution, ...] = ()
    actors: tuple[Slug, ...] = ()
    recipients: tuple[Slug, ...] = ()
    names: tuple[Slug, ...] = ()
    words: tuple[NonEmpty, ...] = ()
    without_words: tuple[NonEmpty, ...] = ()


class MappingRule(Condition):
    """Statements like this speak for `rung`, a rung or a side channel.

    A denied statement speaks against its rung and moves nothing, unless `weigh_as` says what it is worth: "did not rule
    out" is a denied refusal, and asserts that a thing is considered.
    """

    rung: Slug
    weigh_as: Modality | None = None


class Stance(Contract):
    """What other actors do about the question: they ask, press, threaten. It has no steps, and shifts nobody.

    `towards` are those to whom it is said; without it, the ladder's actors and recipients.
    """

    id: Slug
    title: NonEmpty
    actors: tuple[Slug, ...] = Field(min_length=1)
    towards: tuple[Slug, ...] = ()
    when: tuple[Condition, ...] = Field(min_length=1)


class Weights(Contract):
    """How much a statement counts by whose word it is; notes on the measurement are in docs/ladders.md."""

    model_config = ConfigDict(serialize_by_alias=True)

    self_: float = Field(default=1.0, ge=0, le=1, alias="self")
    unnamed: float = Field(default=0.5, ge=0, le=1)
    third_party: float = Field(default=0.3, ge=0, le=1)
    opponent: float = Field(default=0.2, ge=0, le=1)
    analyst: float = Field(default=0.15, ge=0, le=1)
    asserted: float = Field(default=1.0, ge=0, le=1)
    conditional: float = Field(default=0.8, ge=0, le=1)
    speculative: float = Field(default=0.35, ge=0, le=1)

    def of(self, attribution: Attribution, modality: Modality) -> float:
        """Return the weight of a statement; the narrator's and a denied one have none."""
        if attribution is Attribution.NARRATOR or modality is Modality.DENIED:
            return 0.0
        word = self.self_ if attribution is Attribution.SELF else float(getattr(self, attribution.value))
        return word * float(getattr(self, modality.value))


class ShiftPolicy(Contract):
    """When a position has moved.

    In some stretch of time that ends now and is no longer than `window`, the new rung needs `origins` independent
    origins, one of them the actor's own word (else only the reported track moves), a score of `threshold`, and of more
    than `margin` times the present rung's in that stretch. A score is the sum over origins of their weightiest
    statement, fading by 1/e in `tau`.
    One statement is enough (with a score of `lone_threshold`, and of `margin` times all that was said for the present
    rung in the whole window) where no position is known yet; and, coded with `lone_confidence`: with `on_record`, the
    actor's own by a speaker who is named; with `lone_reports`, any other, which moves the reported track, as an
    unconfirmed shift.
    Statements coded with less than `least_confidence` move nothing. Decisions are told once `grace` has passed since
    the event, so that the order in which statements arrive changes nothing that was told, and not if they are older
    than `news_for`.
    """

    origins: int = Field(default=2, ge=1, le=20)
    threshold: float = Field(default=1.6, gt=0)
    margin: float = Field(default=1.5, ge=1)
    on_record: bool = False
    lone_reports: bool = False
    lone_threshold: float = Field(default=0.4, gt=0)
    lone_confidence: float = Field(default=0.7, ge=0, le=1)
    tau: timedelta = Field(default=timedelta(days=10), gt=timedelta(0))
    window: timedelta = Field(default=timedelta(days=7), gt=timedelta(0))
    grace: timedelta = Field(default=timedelta(hours=1), ge=timedelta(0))
    news_for: timedelta = Field(default=timedelta(days=30), gt=timedelta(0))
    least_confidence: float = Field(default=0.4, ge=0, le=1)
    weights: Weights = Weights()


class Ladder(Contract):
    """The question of a topic as steps: `rungs` from the lowest up, `actors` who stand on them, towards `recipients`.

    `mapping` is read from the top, and the first rule that fits decides. With `recipient_required`, only statements
    whose recipient is one of `recipients` are on the ladder; else those too that name one, or nobody.
    """

    actors: tuple[Slug, ...] = Field(min_length=1)
    recipients: tuple[Slug, ...] = ()
    recipient_required: bool = False
    rungs: tuple[Rung, ...] = Field(min_length=2)
    side_channels: tuple[Rung, ...] = ()
    stances: tuple[Stance, ...] = ()
    mapping: tuple[MappingRule, ...] = Field(min_length=1)
    policy: ShiftPolicy = ShiftPolicy()

    def index(self, rung: str) -> int:
        """Return how high a rung is, from 0, or raise LookupError."""
        for at, known in enumerate(self.rungs):
            if known.id == rung:
                return at
        raise LookupError(f"the ladder has no rung {rung!r}")

    def title(self, rung: str) -> str:
        """Return the title of a rung, side channel or stance; an unknown id is its own."""
        named = {known.id: known.title for known in (*self.rungs, *self.side_channels)}
        named |= {stance.id: stance.title for stance in self.stances}
        return named.get(rung, rung)

    def problems(self) -> list[tuple[Location, str]]:
        """Return what contradicts itself, each with its place in the ladder."""
        return [*self._repeats(), *self._strays()]

    def _repeats(self) -> list[tuple[Location, str]]:
        places: list[tuple[Location, str]] = [(("rungs", at, "id"), rung.id) for at, rung in enumerate(self.rungs)]
        places += [(("side_channels", at, "id"), channel.id) for at, channel in enumerate(self.side_channels)]
        places += [(("stances", at, "id"), stance.id) for at, stance in enumerate(self.stances)]
        ids = [name for _, name in places]
        return [
            (place, f"the id {name!r} is used twice") for at, (place, name) in enumerate(places) if name in ids[:at]
        ]

    def _strays(self) -> list[tuple[Location, str]]:
        places = [rung.id for rung in (*self.rungs, *self.side_channels)]
        led_to = {rule.rung for rule in self.mapping}
        strays: list[tuple[Location, str]] = [
            (
                ("mapping", at, "rung"),
                f"no rung and no side channel has the id {rule.rung!r}; known: {', '.join(places)}",
            )
            for at, rule in enumerate(self.mapping)
            if rule.rung not in places
        ]
        for key, held in (("rungs", self.rungs), ("side_channels", self.side_channels)):
            strays += [
                ((key, at, "id"), f"no rule under mapping leads to {rung.id!r}")
                for at, rung in enumerate(held)
                if rung.id not in led_to
            ]
        return strays

    def actor_ids(self) -> list[tuple[Location, str]]:
        """Return every actor that the ladder names, each with its place."""
        found: list[tuple[Location, str]] = []
        for key, ids in (("actors", self.actors), ("recipients", self.recipients)):
            found += [((key, at), actor) for at, actor in enumerate(ids)]
        for number, stance in enumerate(self.stances):
            found += [(("stances", number, "actors", at), actor) for at, actor in enumerate(stance.actors)]
            found += [(("stances", number, "towards", at), actor) for at, actor in enumerate(stance.towards)]
            for nth, condition in enumerate(stance.when):
                found += _actors_of(condition, ("stances", number, "when", nth))
        for number, rule in enumerate(self.mapping):
            found += _actors_of(rule, ("mapping", number))
        return found


def _actors_of(condition: Condition, place: Location) -> list[tuple[Location, str]]:
    named = (("actors", condition.actors), ("recipients", condition.recipients), ("names", condition.names))
    return [((*place, key, at), actor) for key, ids in named for at, actor in enumerate(ids)]
