"""Groups and digests in Valkey/Redis; what a flush changes is changed by one script, or not at all.

Keys, all in the ledger's hash slot: `group:<key>` a hash of the group's state as JSON and its version; `groups:due` a
sorted set of group keys by when to look at them; `admitted:<alert id>` a hash from receiver to the group that has the
alert; `budget:<receiver>:<day>` messages sent; `digest:<receiver>` a hash from group key to the line that waits;
`digest:version:<receiver>` and `digest:since:<receiver>`; `digests:due` receivers by when their digest is due.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, cast

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from alerts.delivery import Lane
from alerts.groups import Group
from schemas.codec import decode, encode
from schemas.notification import DigestItem, Notification
from schemas.trace import TraceStep
from services.alerter import group_scripts
from services.alerter.faults import translated
from services.alerter.ledger import step_arguments, to_queue
from services.alerter.moments import micros, moment_of, text_of

GROUPS_DUE, DIGESTS_DUE = "groups:due", "digests:due"

Message = tuple[Notification, tuple[Lane, ...]]


class Admitted(StrEnum):
    """What became of an alert at the door of a group."""

    ADMITTED = "admitted"
    KNOWN = "known"  # a group of its receiver has it, or had it
    CONFLICT = "conflict"  # the group was changed meanwhile; nothing happened


@dataclass(frozen=True)
class HeldGroup:
    """A group as it was read; None if there is none. What is read can be replaced only while it is the same."""

    key: str
    group: Group | None
    version: str


@dataclass(frozen=True)
class HeldLine:
    """The line of a group in a receiver's digest, as it was read; None if there is none."""

    item: DigestItem | None
    raw: str = ""


@dataclass(frozen=True)
class HeldDigest:
    """What waits for a receiver's digest, as it was read."""

    receiver: str
    items: tuple[DigestItem, ...]
    since: datetime | None
    version: str


@dataclass(frozen=True)
class Spent:
    """A message that counts on a receiver's budget, where so many were counted before."""

    receiver: str
    day: date
    before: int


@dataclass(frozen=True)
class DigestLine:
    """A line for a receiver's digest in place of the one that was read; `due_at` where no digest is due yet."""

    receiver: str
    held: HeldLine
    item: DigestItem
    due_at: datetime


@dataclass(frozen=True)
class Commit:
    """All that one flush of a group changes. `group` None forgets it."""

    held: HeldGroup
    group: Group | None
    due_at: datetime | None = None
    messages: tuple[Message, ...] = ()
    spent: Spent | None = None
    line: DigestLine | None = None
    steps: tuple[TraceStep, ...] = field(default=())


class ValkeyGroups:
    """Keeps groups and digests for any number of alerters.

    Every method raises LedgerUnavailableError, and may then be called again: what was done is not done twice.
    """

    def __init__(self, client: Redis, *, namespace: str = "redline") -> None:
        self._client = client
        self._namespace = namespace
        self._prefix = f"{namespace}:{{outbox}}:"
        self._admit = client.register_script(group_scripts.ADMIT)
        self._commit = client.register_script(group_scripts.COMMIT)
        self._commit_digest = client.register_script(group_scripts.COMMIT_DIGEST)
        self._claim = client.register_script(group_scripts.CLAIM)
        self._reconsider = client.register_script(group_scripts.RECONSIDER)

    async def load(self, key: str) -> HeldGroup:
        """Return the group of this key. Raises DecodeError for one that cannot be read."""
        with translated():
            state, version = cast(
                "list[bytes | None]",
                await cast("Any", self._client.hmget(f"{self._prefix}group:{key}", ["state", "version"])),
            )
        if state is None or version is None:
            return HeldGroup(key, None, "")
        return HeldGroup(key, decode(Group, state), version.decode())

    async def admit(
        self,
        held: HeldGroup,
        group: Group,
        alert_id: str,
        steps: Sequence[TraceStep],
        *,
        due_at: datetime | None,
        leaving: str | None = None,
    ) -> tuple[Admitted, HeldGroup]:
        """Put the group with the alert in it in the place of what was read, unless its receiver has the alert.

        Return also the group as it is held then. `due_at` is when somebody has to look at it; `leaving` names the group
        that the alert leaves for this one.
        """
        args = [
            held.key,
            held.version,
            encode(group),
            _due(due_at),
            alert_id,
            group.receiver,
            leaving or "",
            *step_arguments(steps, self._namespace),
        ]
        answer, *version = await self._run(self._admit, args)
        admitted = Admitted(text_of(answer))
        return admitted, HeldGroup(held.key, group, str(version[0])) if admitted is Admitted.ADMITTED else held

    async def commit(self, commit: Commit, now: datetime) -> bool:
        """Do all of it; False if the group, the budget or the digest has changed since: then nothing was done."""
        spent, line = commit.spent, commit.line
        written = {
            "group": commit.held.key,
            "version": commit.held.version,
            "state": encode(commit.group).decode() if commit.group else "",
            "due": _due(commit.due_at),
            "budgets": [_spent(spent)] if spent else [],
            "digest": [_line(line)] if line else [],
            "messages": [to_queue(notification, lanes) for notification, lanes in commit.messages],
        }
        return await self._committed(self._commit, written, commit.steps, now)

    async def commit_digest(
        self, held: HeldDigest, messages: Sequence[Message], steps: Sequence[TraceStep], now: datetime
    ) -> bool:
        """Queue a digest's messages and take out what it tells; False if more came since: then nothing was done."""
        written = {
            "receiver": held.receiver,
            "version": held.version,
            "messages": [to_queue(notification, lanes) for notification, lanes in messages],
        }
        return await self._committed(self._commit_digest, written, steps, now)

    async def claim_due(self, name: str, now: datetime, *, limit: int, lease: timedelta) -> list[str]:
        """Return what is due in GROUPS_DUE or DIGESTS_DUE; nobody else gets it before the lease ends."""
        claimed = await self._run(self._claim, [name, micros(now), limit, micros(now + lease)])
        return [text_of(one) for one in claimed]

    async def next_due_at(self) -> datetime | None:
        """Return when the next group or digest is due."""
        pipeline = self._client.pipeline(transaction=False)
        for name in (GROUPS_DUE, DIGESTS_DUE):
            pipeline.zrange(f"{self._prefix}{name}", 0, 0, withscores=True)
        with translated():
            firsts = await pipeline.execute()
        return min((moment_of(rows[0][1]) for rows in firsts if rows), default=None)

    async def reconsider(self, now: datetime) -> int:
        """Make every group that waits for something due at once, so that changed options take hold."""
        return int(await self._run(self._reconsider, [micros(now)]))

    async def line(self, receiver: str, group_key: str) -> HeldLine:
        """Return the line of a group that waits for the receiver's digest."""
        with translated():
            raw = await cast("Any", self._client.hget(f"{self._prefix}digest:{receiver}", group_key))
        return HeldLine(decode(DigestItem, raw), raw.decode()) if raw is not None else HeldLine(None)

    async def digest(self, receiver: str) -> HeldDigest:
        """Return what waits for a receiver's digest."""
        pipeline = self._client.pipeline(transaction=True)
        pipeline.hvals(f"{self._prefix}digest:{receiver}")
        pipeline.mget(f"{self._prefix}digest:since:{receiver}", f"{self._prefix}digest:version:{receiver}")
        with translated():
            raws, (since, version) = await pipeline.execute()
        items = tuple(decode(DigestItem, raw) for raw in raws)
        return HeldDigest(receiver, items, moment_of(since) if since else None, version.decode() if version else "")

    async def digests(self) -> dict[str, tuple[int, datetime]]:
        """Return the receivers for whose digest something waits: how many lines, and when it is due."""
        with translated():
            due = cast(
                "list[tuple[bytes, float]]",
                await self._client.zrange(f"{self._prefix}{DIGESTS_DUE}", 0, -1, withscores=True),
            )
            pipeline = self._client.pipeline(transaction=False)
            for receiver, _ in due:
                pipeline.hlen(f"{self._prefix}digest:{receiver.decode()}")
            counts = await pipeline.execute()
        return {
            receiver.decode(): (count, moment_of(score))
            for (receiver, score), count in zip(due, counts, strict=True)
            if count
        }

    async def waiting_groups(self) -> dict[str, datetime]:
        """Return the keys of groups that wait for something, and until when."""
        with translated():
            rows = await self._client.zrange(f"{self._prefix}{GROUPS_DUE}", 0, -1, withscores=True)
        return {text_of(key): moment_of(score) for key, score in cast("list[tuple[bytes, float]]", rows)}

    async def set_digest_due(self, receiver: str, due_at: datetime) -> None:
        """Let the receiver's digest be due at `due_at`, if anything waits for it."""
        with translated():
            await self._client.zadd(f"{self._prefix}{DIGESTS_DUE}", {receiver: micros(due_at)}, xx=True)

    async def _committed(
        self, script: AsyncScript, written: dict[str, Any], steps: Sequence[TraceStep], now: datetime
    ) -> bool:
        args = [micros(now), json.dumps(written, ensure_ascii=False), *step_arguments(steps, self._namespace)]
        return text_of(await self._run(script, args)) == "committed"

    async def _run(self, script: AsyncScript, args: Sequence[Any]) -> Any:
        with translated():
            return await script(keys=[self._prefix], args=args)


def _due(moment: datetime | None) -> str:
    return str(micros(moment)) if moment else ""


def spent_key(receiver: str, day: date) -> str:
    """Return where the messages that a receiver was sent on a day of its budget are counted."""
    return f"budget:{receiver}:{day.isoformat()}"


def _spent(spent: Spent) -> dict[str, str]:
    return {
        "day": f"{spent.receiver}:{spent.day.isoformat()}",
        "was": str(spent.before),
        "now": str(spent.before + 1),
    }


def _line(line: DigestLine) -> dict[str, str]:
    return {
        "receiver": line.receiver,
        "group": line.item.group_key,
        "was": line.held.raw,
        "item": encode(line.item).decode(),
        "due": _due(line.due_at),
    }
