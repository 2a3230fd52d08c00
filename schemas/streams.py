"""Every stream: name, key, contract, partitions, retention. This table is the data flow."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from schemas.alert import Alert
from schemas.article import Article
from schemas.base import StreamContract
from schemas.dead_letter import DeadLetter
from schemas.delivery import Delivery
from schemas.match import Match

C = TypeVar("C", bound=StreamContract)


@dataclass(frozen=True)
class Stream(Generic[C]):
    """A named, partitioned log of one contract. Messages with the same key stay in order."""

    name: str
    contract: type[C]
    key_name: str
    key_of: Callable[[C], str]
    partitions: int
    retention: timedelta


ARTICLES = Stream("redline.articles.v1", Article, "article id", lambda article: article.id, 8, timedelta(days=90))
# Keyed by watch topic: the tracker has one writer per topic.
MATCHES = Stream("redline.matches.v1", Match, "watch topic id", lambda match: match.watch_topic, 8, timedelta(days=90))
ALERTS = Stream("redline.alerts.v1", Alert, "group key", lambda alert: alert.group_key, 4, timedelta(days=365))
DELIVERIES = Stream(
    "redline.deliveries.v1", Delivery, "alert id", lambda delivery: delivery.alert_id, 4, timedelta(days=365)
)
DEAD_LETTERS = Stream(
    "redline.dead_letters.v1",
    DeadLetter,
    "origin stream",
    lambda letter: letter.origin_stream,
    1,
    timedelta(days=365),
)

STREAMS: tuple[Stream[Any], ...] = (ARTICLES, MATCHES, ALERTS, DELIVERIES, DEAD_LETTERS)
