"""What is kept of the positions of a watch topic, record by record, and what one step changes of it.

A record that cannot be read is logged and left out: a claim less, or a shift that is told again under its id, is better
than a topic that stops.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

import structlog
from pydantic import Field, ValidationError

from schemas.alert import Alert, ArticleRef
from schemas.base import ContentId, Contract
from schemas.claim import Claim
from schemas.shift import PositionState, Told

T = TypeVar("T", bound=Contract)
Records = Mapping[str, bytes]

log = structlog.get_logger(__name__)


class Shelf(StrEnum):
    """The hashes of a topic, from id to record."""

    CLAIMS = "claims"
    ARTICLES = "articles"
    TOLD = "told"
    OUTBOX = "outbox"  # alerts that are decided and recorded, and perhaps not published yet


class HeardArticle(Contract):
    """What an article was last heard to say. A later revision takes back the claims that it does not make.

    `article` is kept where there are claims, for alerts to refer to. `back_list` says that it was in its feed before
    anybody followed that: history, and no news.
    """

    revision: int = Field(ge=1)
    revision_id: ContentId
    back_list: bool = False
    claims: tuple[ContentId, ...] = ()
    article: ArticleRef | None = None


@dataclass(frozen=True)
class StoredPositions:
    """All that is kept of a topic, as of one moment: claims and what was told by actor, heard articles by their id."""

    states: tuple[PositionState, ...] = ()
    articles: Mapping[str, HeardArticle] = field(default_factory=dict)
    outbox: tuple[Alert, ...] = ()
    due_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True)
class Change:
    """What one step changes of a topic, committed whole or not at all.

    `told` and `outbox` replace or add, by id. `due_at` is when there is something to decide or to publish: as a rule,
    when a claim that waits for the policy's grace begins to count; None if nothing waits.
    """

    claims: tuple[Claim, ...] = ()
    withdrawn: tuple[str, ...] = ()
    articles: Mapping[str, HeardArticle] = field(default_factory=dict)
    told: tuple[Told, ...] = ()
    untold: tuple[str, ...] = ()
    outbox: tuple[Alert, ...] = ()
    published: tuple[str, ...] = ()
    due_at: datetime | None = None

    def written(self) -> Iterator[tuple[Shelf, str, bytes]]:
        """Yield every record to write: its shelf, its id and its bytes."""
        yield from ((Shelf.CLAIMS, claim.id, _line(claim)) for claim in self.claims)
        yield from ((Shelf.ARTICLES, article_id, _line(heard)) for article_id, heard in self.articles.items())
        yield from ((Shelf.TOLD, told.id, _line(told)) for told in self.told)
        yield from ((Shelf.OUTBOX, alert.id, _line(alert)) for alert in self.outbox)

    def removed(self) -> Iterator[tuple[Shelf, str]]:
        """Yield every record to remove."""
        yield from ((Shelf.CLAIMS, claim_id) for claim_id in self.withdrawn)
        yield from ((Shelf.TOLD, shift_id) for shift_id in self.untold)
        yield from ((Shelf.OUTBOX, alert_id) for alert_id in self.published)


def stored(
    watch_topic: str, shelves: Mapping[Shelf, Records], due_at: datetime | None, version: int
) -> StoredPositions:
    """Return what the records of a topic say, in an order that does not hang on theirs."""
    claims = [claim for claim in _read(watch_topic, Shelf.CLAIMS, shelves, Claim) if claim.watch_topic == watch_topic]
    told = sorted(_read(watch_topic, Shelf.TOLD, shelves, Told), key=lambda told: (told.shift.decided_at, told.id))
    actors = sorted({*(claim.actor for claim in claims), *(one.shift.actor for one in told)})
    states = tuple(
        PositionState(
            watch_topic=watch_topic,
            actor=actor,
            claims=tuple(sorted((c for c in claims if c.actor == actor), key=lambda claim: (claim.event_at, claim.id))),
            told=tuple(one for one in told if one.shift.actor == actor),
        )
        for actor in actors
    )
    articles = dict(_named(watch_topic, Shelf.ARTICLES, shelves, HeardArticle))
    outbox = sorted(_read(watch_topic, Shelf.OUTBOX, shelves, Alert), key=lambda alert: (alert.decided_at, alert.id))
    return StoredPositions(states, articles, tuple(outbox), due_at, version)


def _read(watch_topic: str, shelf: Shelf, shelves: Mapping[Shelf, Records], contract: type[T]) -> Iterable[T]:
    return [record for _, record in _named(watch_topic, shelf, shelves, contract)]


def _named(
    watch_topic: str, shelf: Shelf, shelves: Mapping[Shelf, Records], contract: type[T]
) -> Iterator[tuple[str, T]]:
    for name, line in shelves.get(shelf, {}).items():
        try:
            yield name, contract.model_validate_json(line)
        except ValidationError as error:
            log.error(
                "position_record_unreadable",
                watch_topic=watch_topic,
                shelf=shelf.value,
                id=name,
                reason="; ".join(fault["msg"] for fault in error.errors(include_url=False)[:3]),
            )


def _line(record: Contract) -> bytes:
    return record.model_dump_json(exclude_defaults=True).encode()
