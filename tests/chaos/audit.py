"""The audit: from what receivers saw and what the alerter says it did, to every promise that was broken. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from schemas.delivery import Delivery, Outcome


class Kind(StrEnum):
    """A kind of channel; lanes are named after it."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    EMAIL = "email"


class Fate(StrEnum):
    """What a receiver did with a message that it read."""

    TAKEN = "taken"
    LEFT = "left"  # not taken; it may come again
    REFUSED = "refused"  # not taken, and told never to come again


@dataclass(frozen=True)
class Arrival:
    """One message as a receiver saw it; `at` in seconds since the epoch, when it had been read.

    `mailbox` is the address or the Slack channel's id. An SMTP relay that refuses before the message is sent knows
    neither alert nor key.
    """

    kind: Kind
    alert_id: str | None
    key: str | None
    mailbox: str
    at: float
    fate: Fate


@dataclass(frozen=True, order=True)
class Expected:
    """One message that has to arrive: an alert at a mailbox."""

    kind: Kind
    alert_id: str
    mailbox: str = ""


class Rule(StrEnum):
    """What must never happen."""

    LOST = "lost"  # neither taken, nor refused for good and reported as dead
    UNRESOLVED = "unresolved"  # its last attempt is neither sent nor dead, nor held as unknown
    DUPLICATE = "duplicate"  # twice on a channel that can be asked: Slack by its history, a mailbox by Message-ID
    UNEXPLAINED = "unexplained"  # a repeat without an earlier attempt of unknown outcome in the deliveries stream
    SECOND_KEY = "second_key"  # a repeat that the receiver cannot recognise
    SENT_AGAIN = "sent_again"  # a message that came after its delivery had been recorded as sent
    NEVER_CAME = "never_came"  # recorded as sent, but no receiver took it
    SENT_TWICE = "sent_twice"  # two attempts recorded as sent
    WRONGLY_DEAD = "wrongly_dead"  # given up, though nobody refused it for good
    UNTOLD = "untold"  # an attempt that the deliveries stream does not tell of
    CONTRADICTED = "contradicted"  # one attempt, two outcomes
    UNASKED = "unasked"  # a message that nobody was to get


@dataclass(frozen=True)
class Violation:
    """One broken promise."""

    rule: Rule
    kind: Kind
    alert_id: str
    detail: str


@dataclass
class Tally:
    """Figures of one kind of channel. `repeats` are messages that a receiver took again under the same key."""

    expected: int = 0
    taken: int = 0
    dead: int = 0
    lost: int = 0
    held: int = 0
    unknown: int = 0
    interrupted: int = 0
    repeats: int = 0
    duplicates: int = 0


@dataclass(frozen=True)
class Verdict:
    """What the audit found."""

    violations: tuple[Violation, ...]
    tallies: Mapping[Kind, Tally] = field(default_factory=dict)

    def broken(self, *rules: Rule) -> tuple[Violation, ...]:
        """Return the violations of these rules."""
        return tuple(violation for violation in self.violations if violation.rule in rules)


# What the alerter says of an attempt that it was killed in.
INTERRUPTED = "stopped before the outcome was recorded"
# Receiver and alerter read the same clock, but rounding and a moment between reading and stamping remain.
CLOCK_TOLERANCE = 0.005


def audit(expected: Iterable[Expected], arrivals: Sequence[Arrival], deliveries: Iterable[Delivery]) -> Verdict:
    """Hold what arrived against what had to, and every repeat against the deliveries that must explain it."""
    books = _Books(arrivals, deliveries)
    wanted = set(expected)
    violations: list[Violation] = []
    tallies = {kind: Tally() for kind in Kind}
    for one in sorted(wanted):
        violations += _of_message(one, books, tallies[one.kind])
    for key, attempts in sorted(books.by_key.items()):
        violations += _of_attempts(key, attempts, books)
    for kind, tally in tallies.items():
        of_kind = [one for attempts in books.by_key.values() for one in attempts if kind_of(one) is kind]
        tally.unknown = len(_unknown(of_kind))
        tally.interrupted = len(_unknown(one for one in of_kind if INTERRUPTED in one.reason))
    violations += [
        Violation(Rule.UNASKED, one.kind, one.alert_id or "?", f"{one.key} at {one.mailbox}")
        for one in arrivals
        if one.fate is Fate.TAKEN and Expected(one.kind, one.alert_id or "?", one.mailbox) not in wanted
    ]
    violations += _wrongly_dead(books, arrivals)
    return Verdict(tuple(violations), tallies)


def kind_of(delivery: Delivery) -> Kind:
    """Return the kind of channel that a delivery went through; lanes of one address are `email/<address>`."""
    return Kind(delivery.channel.partition("/")[0])


class _Books:
    """Arrivals by message and deliveries by key; the same record published twice counts once."""

    def __init__(self, arrivals: Sequence[Arrival], deliveries: Iterable[Delivery]) -> None:
        self.taken: dict[Expected, list[Arrival]] = defaultdict(list)
        self.keys: dict[Expected, set[str]] = defaultdict(set)
        self.by_arrival: dict[str, list[Arrival]] = defaultdict(list)
        for arrival in sorted(arrivals, key=lambda one: one.at):
            if arrival.alert_id is None:
                continue
            where = Expected(arrival.kind, arrival.alert_id, arrival.mailbox)
            if arrival.key is not None:
                self.keys[where].add(arrival.key)
                self.by_arrival[arrival.key].append(arrival)
            if arrival.fate is Fate.TAKEN:
                self.taken[where].append(arrival)
        self.by_key: dict[str, list[Delivery]] = defaultdict(list)
        self.of_alert: dict[tuple[Kind, str], set[str]] = defaultdict(set)
        for delivery in set(deliveries):
            self.by_key[delivery.idempotency_key].append(delivery)
            self.of_alert[kind_of(delivery), delivery.alert_id].add(delivery.idempotency_key)

    def keys_of(self, one: Expected) -> set[str]:
        """Return the keys a message came under; while it never came, those of its alert that reached nobody else."""
        if one in self.keys:
            return self.keys[one]
        return {key for key in self.of_alert[one.kind, one.alert_id] if not self.by_arrival.get(key)}

    def outcomes(self, keys: Iterable[str]) -> list[Delivery]:
        """Return the recorded attempts under these keys, in order."""
        found = [delivery for key in keys for delivery in self.by_key.get(key, ())]
        return sorted(found, key=lambda one: (one.idempotency_key, one.attempt))


def _of_message(one: Expected, books: _Books, tally: Tally) -> list[Violation]:
    """Judge one message at one mailbox, and count it."""
    taken, keys = books.taken[one], books.keys_of(one)
    attempts = books.outcomes(keys)
    dead = any(attempt.outcome is Outcome.DEAD for attempt in attempts)
    held = bool(attempts) and attempts[-1].outcome is Outcome.UNKNOWN and "held" in attempts[-1].reason
    resolved = dead or held or any(attempt.outcome is Outcome.SENT for attempt in attempts)
    repeats = len(taken) - 1
    distinct = len(taken) if one.kind is Kind.SLACK else len({arrival.key for arrival in taken})
    unknown = len(_unknown(attempts))
    tally.expected += 1
    tally.taken += bool(taken)
    tally.dead += dead and not taken
    tally.held += held
    tally.repeats += max(repeats, 0)
    found: list[tuple[Rule, str]] = []
    if not taken and not dead:
        tally.lost += 1
        found.append((Rule.LOST, f"{one.mailbox} never took it; its attempts: {_list(attempts)}"))
    if not resolved:
        found.append((Rule.UNRESOLVED, _list(attempts)))
    if one.kind is not Kind.WEBHOOK and distinct > 1:
        tally.duplicates += distinct - 1
        found.append((Rule.DUPLICATE, f"{one.mailbox} took it {len(taken)} times; its attempts: {_list(attempts)}"))
    if repeats > unknown:
        found.append((Rule.UNEXPLAINED, f"taken {len(taken)} times, its attempts: {_list(attempts)}"))
    if len(keys) > 1 and one in books.keys:
        found.append((Rule.SECOND_KEY, f"came under {', '.join(sorted(keys))}"))
    return [Violation(rule, one.kind, one.alert_id, detail) for rule, detail in found]


def _of_attempts(key: str, deliveries: Sequence[Delivery], books: _Books) -> list[Violation]:
    """Judge what the deliveries stream says of one key."""
    attempts = sorted(deliveries, key=lambda one: one.attempt)
    kind, alert_id = kind_of(attempts[0]), attempts[0].alert_id
    outcomes: dict[int, set[Outcome]] = defaultdict(set)
    for attempt in attempts:
        outcomes[attempt.attempt].add(attempt.outcome)
    found: list[tuple[Rule, str]] = []
    if missing := sorted(set(range(1, max(outcomes) + 1)) - set(outcomes)):
        found.append((Rule.UNTOLD, f"attempts {missing} of {max(outcomes)}: {_list(attempts)}"))
    if any(len(each) > 1 for each in outcomes.values()):
        found.append((Rule.CONTRADICTED, _list(attempts)))
    sent = [attempt for attempt in attempts if attempt.outcome is Outcome.SENT]
    arrivals = books.by_arrival.get(key, [])
    if len(sent) > 1:
        found.append((Rule.SENT_TWICE, _list(attempts)))
    if sent and not any(arrival.fate is Fate.TAKEN for arrival in arrivals):
        found.append((Rule.NEVER_CAME, _list(attempts)))
    if sent:
        ended_at = (sent[0].attempted_at + timedelta(seconds=sent[0].duration_seconds)).timestamp()
        late = [arrival for arrival in arrivals if arrival.at > ended_at + CLOCK_TOLERANCE]
        if late:
            found.append((Rule.SENT_AGAIN, f"{late[0].at - ended_at:.3f} s after it was sent: {_list(attempts)}"))
    return [Violation(rule, kind, alert_id, detail) for rule, detail in found]


def _wrongly_dead(books: _Books, arrivals: Iterable[Arrival]) -> list[Violation]:
    """Judge dead deliveries: each needs a refusal of its own, or one by a relay that had not seen the message yet."""
    unseen = Counter(one.kind for one in arrivals if one.alert_id is None and one.fate is Fate.REFUSED)
    found = []
    for key, attempts in sorted(books.by_key.items()):
        for attempt in attempts:
            if attempt.outcome is not Outcome.DEAD:
                continue
            if any(arrival.fate is Fate.REFUSED for arrival in books.by_arrival.get(key, ())):
                continue
            kind = kind_of(attempt)
            unseen[kind] -= 1
            if unseen[kind] < 0:
                found.append(Violation(Rule.WRONGLY_DEAD, kind, attempt.alert_id, attempt.reason))
    return found


def _unknown(attempts: Iterable[Delivery]) -> set[tuple[str, int]]:
    return {(one.idempotency_key, one.attempt) for one in attempts if one.outcome is Outcome.UNKNOWN}


def _list(attempts: Iterable[Delivery]) -> str:
    shown = (f"{one.attempt} {one.outcome.value} ({one.reason[:80]})" for one in attempts)
    return "; ".join(shown) or "none"
