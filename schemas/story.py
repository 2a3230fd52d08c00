"""Story: articles about one event, told once and then followed."""

from enum import StrEnum

from pydantic import Field

from schemas.base import ContentId, Contract, NonEmpty


class Novelty(StrEnum):
    """What an article adds to its story."""

    FIRST = "first"  # it begins the story
    FACTS = "facts"  # numbers, actors or dates that were not told yet
    OUTLET = "outlet"  # one more outlet tells it
    NOTHING = "nothing"


class StoryRef(Contract):
    """The story an alert belongs to, as it stood with this article; counts include it."""

    id: ContentId
    origin_id: ContentId
    novelty: Novelty
    articles: int = Field(ge=1)
    outlets: int = Field(ge=1)
    new_facts: tuple[NonEmpty, ...] = ()
