"""What users watch for: actors and their aliases, rules, and the topics that hold the rules together."""

from enum import StrEnum

from pydantic import Field, field_validator

from schemas.base import Contract, NonEmpty, Slug, UtcDatetime, content_id

MAX_QUERY_CHARS = 20_000


class Severity(StrEnum):
    """How urgent a hit is, in rising order; routes match on it."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Position in rising order of urgency, from 0."""
        return list(Severity).index(self)


class ActorKind(StrEnum):
    """What an actor of the gazetteer is."""

    STATE = "state"
    PERSON = "person"
    ORGANISATION = "organisation"
    TERM_SET = "term_set"  # not an actor: named terms that rules share, such as kinds of arms


class Actor(Contract):
    """An actor or term set that rules name as `@id`, in all its aliases and languages.

    `aliases` maps a language (ISO 639-1) to names; a name that begins with `=` matches only in exactly that case and
    form (`=ROK`, because Polish "rok" is a year). `includes` adds the aliases of other actors.
    """

    id: Slug
    kind: ActorKind
    name: NonEmpty
    code: str | None = Field(default=None, pattern=r"^[A-Z]{3}$", description="ISO 3166 alpha-3, for states")
    stands_for: Slug | None = Field(default=None, description="the state or organisation this one speaks for")
    role: str | None = None
    aliases: dict[str, tuple[NonEmpty, ...]] = Field(default_factory=dict)
    includes: tuple[Slug, ...] = ()


class WatchRule(Contract):
    """A stored query of one watch topic, with the examples that say what it is meant to catch."""

    id: Slug
    watch_topic: Slug
    query: str = Field(min_length=1, max_length=MAX_QUERY_CHARS)
    title: str = ""
    severity: Severity = Severity.INFO
    labels: dict[str, str] = Field(default_factory=dict)
    enabled: bool = True
    must_match: tuple[NonEmpty, ...] = ()
    must_not_match: tuple[NonEmpty, ...] = ()
    author: str | None = None
    created_at: UtcDatetime | None = None
    updated_by: str | None = None
    updated_at: UtcDatetime | None = None

    @property
    def version(self) -> str:
        """Content hash of what decides a match; editing the title or the examples keeps it."""
        return content_id("rule", self.watch_topic, self.id, self.query)


class WatchTopic(Contract):
    """A question users watch, and the rules that find articles about it."""

    id: Slug
    title: NonEmpty
    description: str = ""
    rules: tuple[WatchRule, ...] = ()

    @field_validator("rules")
    @classmethod
    def _rules_have_distinct_ids(cls, rules: tuple[WatchRule, ...]) -> tuple[WatchRule, ...]:
        seen: set[str] = set()
        for rule in rules:
            if rule.id in seen:
                raise ValueError(f"rule id {rule.id!r} is used twice")
            seen.add(rule.id)
        return rules
