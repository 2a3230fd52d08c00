"""What will go wrong, decided beforehand from one seed: faults of receivers, and the end of each alerter's life."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from random import Random

from schemas.alert import Alert, AlertKind, ArticleRef, alert_id
from schemas.base import content_id
from schemas.watch import Severity
from tests.chaos.audit import Expected, Kind

# Slack takes one message a second for a channel, so the alerts are spread over several.
SLACK_CHANNELS = 10
MAILBOXES = ("desk@chaos.example", "night@chaos.example")
MARK = re.compile(r"item-(\d{5})")
# Every fault costs the message a pause, and each pause is twice the one before.
MOST_FAULTS = 2


class Fault(StrEnum):
    """What a receiver does with one message. `taken` in a name says that the message arrived nevertheless."""

    NONE = "answers 200"
    SLOW = "answers slowly"
    BUSY = "429 or 451, come again"
    ERROR = "500 or 452"
    ERROR_TAKEN = "500 after taking the message"
    PASSING = "ok: false, service_unavailable"
    UNCERTAIN = "ok: false, internal_error"
    UNCERTAIN_TAKEN = "ok: false, internal_error, after taking the message"
    GARBLED = "takes the message, answers nonsense"
    CLOSE = "reads the message and closes"
    CLOSE_TAKEN = "takes the message and closes"
    HANG = "takes the message and never answers"
    REFUSED = "refuses for good"


class Stage(StrEnum):
    """Where an SMTP conversation goes wrong before the relay knows which message it is about."""

    GREETING = "greeting"
    EHLO = "EHLO"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    CONTENT = "content"  # the connection ends within the message


# How often each fault is chosen, relative to the others of its kind.
FAULTS: Mapping[Kind, Mapping[Fault, int]] = {
    Kind.WEBHOOK: {
        Fault.SLOW: 8, Fault.BUSY: 4, Fault.ERROR: 4, Fault.GARBLED: 4, Fault.CLOSE: 4,
        Fault.CLOSE_TAKEN: 5, Fault.HANG: 1, Fault.REFUSED: 1,
    },
    Kind.SLACK: {
        Fault.SLOW: 8, Fault.BUSY: 3, Fault.ERROR: 3, Fault.ERROR_TAKEN: 4, Fault.PASSING: 2, Fault.UNCERTAIN: 2,
        Fault.UNCERTAIN_TAKEN: 2, Fault.GARBLED: 3, Fault.CLOSE: 3, Fault.CLOSE_TAKEN: 4, Fault.HANG: 1,
        Fault.REFUSED: 1,
    },
    Kind.EMAIL: {
        Fault.SLOW: 8, Fault.BUSY: 3, Fault.ERROR: 3, Fault.GARBLED: 3, Fault.CLOSE: 3, Fault.CLOSE_TAKEN: 6,
        Fault.HANG: 1, Fault.REFUSED: 1,
    },
}  # fmt: skip
HISTORY_FAULTS = (Fault.BUSY, Fault.ERROR, Fault.CLOSE, Fault.GARBLED, Fault.UNCERTAIN)
FINAL = frozenset({Fault.NONE, Fault.SLOW, Fault.REFUSED})
# The webhook's answer is not read beyond its status, so nonsense with a 200 is a success.
ENDS_WEBHOOK = FINAL | {Fault.GARBLED}


class End(StrEnum):
    """How a life of the alerter ends."""

    STARTING = "killed while starting"
    SOON = "killed at a random moment"
    READ = "killed when a receiver had read a message"
    WROTE = "killed when Valkey had carried out a command"
    VALKEY = "Valkey killed"
    BOTH = "both killed at once"


# Dealt like a deck of cards, so that a short campaign meets every end, too.
DECK: Mapping[End, int] = {End.STARTING: 1, End.SOON: 1, End.READ: 2, End.WROTE: 2, End.VALKEY: 1, End.BOTH: 1}


@dataclass(frozen=True)
class Life:
    """One life of the alerter: the alerts that are published before it, and its end.

    The kill comes at the `nth` message that a receiver reads or command that Valkey carries out; or when a `share` of
    the time that a start takes has passed; or that many seconds after it.
    """

    number: int
    items: tuple[int, ...]
    end: End
    share: float
    nth: int

    @property
    def kills_alerter(self) -> bool:
        """Whether the alerter is sent SIGKILL; an embedded Valkey's end ends the alerter by itself."""
        return self.end is not End.VALKEY


@dataclass(frozen=True)
class Plan:
    """Everything chance decides, as pure functions of the seed."""

    seed: int
    alerts: int
    kills: int

    def lives(self) -> tuple[Life, ...]:
        """Return lives with exactly `kills` kills of the alerter, which together publish all alerts."""
        chance = Random(f"{self.seed}/lives")
        ends: list[End] = []
        deck: list[End] = []
        while sum(end is not End.VALKEY for end in ends) < self.kills:
            deck = deck or chance.sample(list(DECK), counts=list(DECK.values()), k=sum(DECK.values()))
            ends.append(deck.pop())
        shares = [range(n, self.alerts, len(ends)) for n in range(len(ends))]
        return tuple(
            Life(number, tuple(shares[number]), end, chance.uniform(0.0, 1.2), chance.randint(1, 12))
            for number, end in enumerate(ends)
        )

    def faults(self, kind: Kind, item: int, mailbox: str = "") -> tuple[Fault, ...]:
        """Return what a receiver does with this item, each time that it comes; after that it takes it."""
        return _faults(self.seed, kind, item, mailbox)

    def slowness(self, kind: Kind, item: int) -> float:
        """Return the seconds that a slow answer takes."""
        return Random(f"{self.seed}/slow/{kind}/{item}").uniform(0.05, 0.8)

    def history_fault(self, number: int) -> Fault:
        """Return what the nth look into Slack's history, or its list of channels, meets."""
        chance = Random(f"{self.seed}/history/{number}")
        return chance.choice(HISTORY_FAULTS) if chance.random() < 0.15 else Fault.NONE

    def stage_fault(self, number: int) -> tuple[Stage, int] | None:
        """Return where the nth SMTP connection fails, and the reply's code; 0 for a connection that just ends."""
        chance = Random(f"{self.seed}/smtp/{number}")
        if chance.random() > 0.2:
            return None
        stage = chance.choice(list(Stage))
        if stage in {Stage.EHLO, Stage.CONTENT}:
            return stage, 0
        code = chance.choices([421, 451, 554, 0], [3, 4, 1, 3])[0]
        return stage, code

    def expected(self) -> tuple[Expected, ...]:
        """Return every message that has to arrive."""
        return tuple(expected for item in range(self.alerts) for expected in _expected(item))


def item_id(item: int) -> str:
    """Return the id of the alert about an item."""
    return alert_id(f"chaos/{item:05d}", "item")


def item_in(text: str) -> int | None:
    """Return the number of the item that a message is about, however it is rendered."""
    found = MARK.search(text)
    return int(found[1]) if found else None


def alert(item: int, now: datetime) -> Alert:
    """Return the alert about an item; its title names it, so that every rendering does."""
    mark = f"item-{item:05d}"
    return Alert(
        id=item_id(item),
        kind=AlertKind.MENTION,
        group_key=f"chaos/{item:05d}",
        watch_topic="chaos",
        watch_topic_title="Chaos",
        severity=Severity.WARNING,
        title=f"{mark}: the ferry leaves late",
        labels={"slack": str(item % SLACK_CHANNELS)},
        article=ArticleRef(
            id=content_id("article", mark),
            revision_id=content_id("revision", mark),
            title=f"{mark}: the ferry leaves late",
            outlet="Harbour Gazette",
            url=f"https://example.org/{mark}",
            first_seen_at=now,
        ),
        decided_at=now,
    )


def slack_channel(number: int) -> tuple[str, str]:
    """Return id and name of a Slack channel."""
    return f"C{number:07d}", f"lane-{number}"


def _expected(item: int) -> Iterable[Expected]:
    about = item_id(item)
    yield Expected(Kind.WEBHOOK, about)
    yield Expected(Kind.SLACK, about, slack_channel(item % SLACK_CHANNELS)[0])
    for mailbox in MAILBOXES:
        yield Expected(Kind.EMAIL, about, mailbox)


@cache
def _faults(seed: int, kind: Kind, item: int, mailbox: str) -> tuple[Fault, ...]:
    chance = Random(f"{seed}/{kind}/{item}/{mailbox}")
    ending = ENDS_WEBHOOK if kind is Kind.WEBHOOK else FINAL
    chosen: list[Fault] = []
    while len(chosen) < MOST_FAULTS and chance.random() < 0.4:
        fault = chance.choices(list(FAULTS[kind]), list(FAULTS[kind].values()))[0]
        chosen.append(fault)
        if fault in ending:
            break
    return tuple(chosen)
