"""A server that knows how a feed reader should behave, and writes down everything else.

The criteria are those by which servers' owners judge feed readers: validators come back byte for byte, nothing is asked
for in full more than once a day, nor with conditions more than once an hour unless the server said so, what it says of
when to come back is obeyed, and nothing is sent that a feed reader has no use for.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import TypeAlias

from tests.integration.fetcher.server import Reply, Request

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LISTED = 12
# If-None-Match and If-Modified-Since, as they came.
Conditions: TypeAlias = tuple[bytes | None, bytes | None]


@dataclass
class Scored:
    """One feed: what it answers, and what it was told by its reader's requests.

    `special` may answer in its own way, and says with `wait` how long the reader has to stay away then.
    """

    name: str
    # Feeds of one host of this name are one feed at several addresses.
    host: str = ""
    item_every: timedelta = HOUR
    etag: bool = True
    last_modified: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    channel: str = ""
    wait: timedelta = HOUR
    delay: float = 0.0
    is_closed: Callable[[datetime], bool] = lambda _: False
    special: Callable[["Scored", datetime, Conditions], Reply | None] = lambda *_: None
    asked_at: list[datetime] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)
    not_before: datetime | None = None
    in_full_at: datetime | None = None
    validators: Conditions = (None, None)

    @property
    def path(self) -> str:
        return f"/{self.name}.xml"


class ScoringServer:
    """Answers for all feeds and keeps every violation."""

    def __init__(self, feeds: list[Scored], start: datetime, clock: Callable[[], datetime]) -> None:
        self.violations: list[str] = []
        self._start, self._clock = start, clock
        self._busy: Counter[str] = Counter()
        self.feeds = {feed.path: feed for feed in feeds}

    def respond(self, request: Request) -> Reply:
        """Judge a request, then answer it."""
        feed, now = self.feeds.get(request.path), self._clock()
        if feed is None:
            self._blame(request.path, "is an address no feed was given")
            return Reply(404)
        self._judge_manners(feed, request)
        self._judge_time(feed, now)
        conditions: Conditions = (request.headers.get("if-none-match"), request.headers.get("if-modified-since"))
        self._judge_conditions(feed, conditions, now)
        feed.asked_at.append(now)
        special = feed.special(feed, now, conditions)
        if special is not None:
            return special
        feed.not_before = now + feed.wait
        return self._document(feed, conditions, now)

    def host_of(self, request: Request) -> str:
        return request.headers["host"].decode().partition(":")[0]

    def begin(self, request: Request) -> None:
        """Note that a host is being asked."""
        host = self.host_of(request)
        self._busy[host] += 1
        if self._busy[host] > 1:
            self._blame(request.path, f"was asked while {host} was busy with another")

    def end(self, request: Request) -> None:
        """Note that an answer is complete, or was given up."""
        self._busy[self.host_of(request)] -= 1

    def _document(self, feed: Scored, conditions: Conditions, now: datetime) -> Reply:
        newest = int((now - self._start) / feed.item_every)
        # Opaque to readers, and as odd as servers make them.
        etag = f'W/"{feed.name}\xe9 {newest}"'.encode("latin-1") if feed.etag else None
        at = self._start + newest * feed.item_every
        date = format_datetime(at).encode() if feed.last_modified else None
        headers: dict[str, str | bytes] = {**feed.headers, "Set-Cookie": "reader=1; Path=/"}
        headers |= {"ETag": etag} if etag else {}
        headers |= {"Last-Modified": date} if date else {}
        feed.validators = (etag, date)
        if any(conditions) and conditions == (etag, date):
            return Reply(304, headers=headers, delay=feed.delay)
        numbers = range(newest, max(newest - LISTED, -1), -1)
        feed.listed |= {f"{feed.name} {number}" for number in numbers}
        return Reply(200, self._items(feed, numbers), headers, delay=feed.delay)

    def _items(self, feed: Scored, numbers: range) -> bytes:
        items = "".join(
            f"<item><guid isPermaLink='false'>{number}</guid><title>{feed.name} {number}</title>"
            f"<pubDate>{format_datetime(self._start + number * feed.item_every)}</pubDate></item>"
            for number in numbers
        )
        return f"<rss version='2.0'><channel><title>{feed.name}</title>{feed.channel}{items}</channel></rss>".encode()

    def _judge_manners(self, feed: Scored, request: Request) -> None:
        for name in ("cookie", "referer", "authorization"):
            if name in request.headers:
                self._blame(feed.path, f"was asked with {name}")
        if b"+https://redline.example/contact" not in request.headers.get("user-agent", b""):
            self._blame(feed.path, "was asked by somebody who does not say how to be reached")

    def _judge_time(self, feed: Scored, now: datetime) -> None:
        if feed.not_before is not None and now < feed.not_before:
            self._blame(feed.path, f"was asked {feed.not_before - now} too early")
        if feed.asked_at and feed.is_closed(now):  # before its first answer nobody knows
            self._blame(feed.path, f"was asked at {now:%a %H:%M}, which it skips")

    def _judge_conditions(self, feed: Scored, conditions: Conditions, now: datetime) -> None:
        # A redirect has no validators of its own: those of the document it leads to, or did, are sent to it too.
        given = {other.validators for other in self.feeds.values() if other.host and other.host == feed.host}
        if conditions not in {(None, None), feed.validators} | given:
            self._blame(feed.path, f"was given {conditions} back instead of {feed.validators}")
        if any(conditions):
            return
        if any(feed.validators) and feed.in_full_at is not None and now - feed.in_full_at < DAY:
            self._blame(feed.path, f"was asked in full again after {now - feed.in_full_at}")
        feed.in_full_at = now

    def _blame(self, path: str, what: str) -> None:
        self.violations.append(f"{self._clock():%a %H:%M:%S} {path} {what}")
