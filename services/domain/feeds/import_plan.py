"""What becomes of each feed of a list that is imported: decided beside the feeds that are there."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from schemas.codec import DecodeError, decode
from schemas.feed import Feed
from services.domain.feeds.addresses import address_key
from services.domain.feeds.feed_ids import IdPool, host_of, id_from_title


class Verdict(StrEnum):
    """What becomes of a feed that a list names."""

    ADDED = "added"
    PRESENT = "present"
    REPEATED = "repeated"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class ListedFeed:
    """A feed as some list names it: fields of a Feed, without an id where the list gives none."""

    place: str
    line: int | None
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Imported:
    """The verdict on one line of a list: the feed where it is added, else the reason."""

    place: str
    line: int | None
    url: str
    verdict: Verdict
    feed: Feed | None = None
    message: str = ""


class ImportPlan:
    """Judges listed feeds one after the other, beside those that are there and those before."""

    def __init__(self, known: Iterable[Feed]) -> None:
        self._holders: dict[str, tuple[str, Verdict]] = {}
        self._ids = IdPool()
        for feed in known:
            self._holders.setdefault(address_key(feed.url), (feed.id, Verdict.PRESENT))
            self._ids.take(feed.id)

    def judge(self, listed: ListedFeed) -> Imported:
        """Return what becomes of a listed feed. An id that is taken gets a number, and a message says so."""
        url = str(listed.fields.get("url", ""))
        if holder := self._holders.get(address_key(url)):
            feed_id, verdict = holder
            return Imported(listed.place, listed.line, url, verdict, message=f"{feed_id} has this address already")
        try:
            feed = _feed(listed.fields, url)
        except DecodeError as error:
            return Imported(listed.place, listed.line, url, Verdict.UNUSABLE, message=str(error))
        given = self._ids.take(feed.id)
        self._holders[address_key(url)] = (given, Verdict.REPEATED)
        message = f"the id {feed.id} is taken" if given != feed.id and "id" in listed.fields else ""
        feed = feed.model_copy(update={"id": given})
        return Imported(listed.place, listed.line, url, Verdict.ADDED, feed, message)


def _feed(fields: Mapping[str, Any], url: str) -> Feed:
    title = fields.get("title") or ""
    made = {"id": id_from_title(title, url) if isinstance(title, str) else "feed", "outlet": title or host_of(url)}
    return decode(Feed, json.dumps({**made, **fields}).encode())
