"""A campaign: lives of the alerter, each ended as planned, one last life that finishes the work, and the audit."""

import asyncio
import contextlib
import resource
import signal
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.audit import Rule, Verdict, audit
from tests.chaos.house import SLACK_TOKEN, House, a_house
from tests.chaos.plan import End, Life, Plan, alert
from tests.chaos.receivers import serving_http
from tests.chaos.register import Register
from tests.chaos.relay import serving_smtp

# After being ready: how long to wait for the message or command at which to kill; it may never come.
PATIENCE_SECONDS = 2.0
# An external Valkey is gone for at most this long, more than the alerter's client waits by itself; and how long the
# alerter may take to notice that the embedded one is.
VALKEY_GONE_SECONDS = 4.0
KILLED_SECONDS = 30.0
# What is still open when nothing has moved for this long stays open. A delivery that was killed before it was
# published waits 75 seconds for that; a message that failed often waits 300 for its next attempt.
QUIET_SECONDS = 90.0
PATIENT_QUIET_SECONDS = 330.0
SETTLED_POLL_SECONDS = 1.0
OPEN_QUESTIONS = (Rule.LOST, Rule.UNRESOLVED, Rule.UNTOLD, Rule.UNEXPLAINED, Rule.NEVER_CAME)


@dataclass(frozen=True)
class Report:
    """What a campaign did and found. Seconds of processor time are those of all processes that ended."""

    plan: Plan
    external: bool
    verdict: Verdict
    ends: Counter[End]
    kills: int
    valkey_kills: int
    served: Mapping[tuple[str, str], int]
    seconds: float
    cpu_seconds: float


class Campaign:
    """One plan carried out on one house."""

    def __init__(self, plan: Plan, house: House, register: Register, *, patient: bool) -> None:
        self._plan = plan
        self._patient = patient
        self._house = house
        self._register = register
        self._kills = 0
        self.valkey_kills = 0
        self.ends: Counter[End] = Counter()

    @property
    def kills(self) -> int:
        """How often the alerter was killed while it was alive."""
        return self._kills

    async def run(self) -> Verdict:
        """Live every life of the plan and a last one, and return what the audit says."""
        for life in self._plan.lives():
            await self._live(life)
        await self._house.start()
        await self._house.until_ready()
        verdict = await self._settled()
        await self._stop()
        return verdict

    async def _live(self, life: Life) -> None:
        await self._house.publish(alert(item, datetime.now(UTC)) for item in life.items)
        await self._house.start()
        self.ends[life.end] += 1
        match life.end:
            case End.STARTING:
                await asyncio.sleep(life.share * self._house.start_seconds)
            case End.SOON:
                await self._house.until_ready()
                await asyncio.sleep(life.share)
            case End.READ:
                await self._at_message(life.nth)
            case End.WROTE:
                await self._at_command(life.nth)
            case End.VALKEY:
                return await self._without_valkey(life)
            case End.BOTH:
                await self._under_way(life.nth)
                await self._kill_valkey()
        self._kill()
        await self._gone(*({1} if life.end is End.BOTH else ()))
        if life.end is End.BOTH:
            await self._house.start_valkey()
        return None

    async def _under_way(self, nth: int) -> None:
        """Return when the nth message of this life has been read, and others are on their way."""
        read = asyncio.Event()
        self._register.trap(nth, read.set)
        await self._house.until_ready()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await read.wait()
        self._register.disarm()

    async def _at_message(self, nth: int) -> None:
        self._register.trap(nth, self._kill)
        await self._house.until_ready()
        await self._wait_for_death()
        self._register.disarm()

    async def _at_command(self, nth: int) -> None:
        async def spring() -> None:
            async with aclosing(self._house.commands()) as commands:
                left = nth
                async for _ in commands:
                    left -= 1
                    if left == 0:
                        self._kill()

        trap = asyncio.create_task(spring())
        await self._house.until_ready()
        await self._wait_for_death()
        trap.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await trap

    async def _without_valkey(self, life: Life) -> None:
        """Take Valkey away from a running alerter: one of its own ends it, another one it waits for."""
        await self._under_way(life.nth)
        await self._kill_valkey()
        if self._house.embedded:
            return await self._gone(1)
        await asyncio.sleep(life.share * VALKEY_GONE_SECONDS)
        await self._house.start_valkey()
        await self._under_way(life.nth)
        assert self._house.running, f"the alerter ended with its Valkey:\n{self._house.output()}"
        return await self._stop()

    async def _wait_for_death(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._house.running and time.monotonic() < deadline:
            await asyncio.sleep(0.01)

    def _kill(self) -> None:
        if self._house.kill():
            self._kills += 1

    async def _kill_valkey(self) -> None:
        self.valkey_kills += await self._house.kill_valkey()

    async def _gone(self, *codes: int) -> None:
        """Make sure that the alerter ended by our hand, or with one of these codes."""
        code = await self._house.ended(KILLED_SECONDS)
        assert code in {-signal.SIGKILL, *codes}, f"the alerter ended with {code}:\n{self._house.output()}"

    async def _stop(self) -> None:
        """Ask the alerter to stop, and make sure that it does so in good order."""
        code = await self._house.stop()
        assert code == 0, f"the alerter stopped with {code}:\n{self._house.output()}"

    async def _settled(self) -> Verdict:
        """Wait until nothing is open: all that will arrive has arrived, and all that was done is told."""
        quiet_seconds = PATIENT_QUIET_SECONDS if self._patient else QUIET_SECONDS
        seen, seen_at = (0, 0), time.monotonic()
        while True:
            # First what is left behind: it may be published, and no longer be left, in between.
            left_behind = [] if self._patient else await self._house.left_behind()
            deliveries = [*left_behind, *self._house.deliveries()]
            verdict = audit(self._plan.expected(), self._register.arrivals, deliveries)
            if (now_seen := (len(self._register.arrivals), len(deliveries))) != seen:
                seen, seen_at = now_seen, time.monotonic()
            if not verdict.broken(*OPEN_QUESTIONS) or time.monotonic() > seen_at + quiet_seconds:
                return verdict
            await asyncio.sleep(SETTLED_POLL_SECONDS)
            assert self._house.running, f"the last alerter ended:\n{self._house.output()}"


async def run_campaign(plan: Plan, folder: Path, *, external: bool, patient: bool) -> Report:
    """Carry out a plan in this folder; with `external`, on a Valkey that the alerter did not start.

    A `patient` audit believes the deliveries stream only; else also what the ledger holds to be published.
    """
    started, cpu = time.monotonic(), _cpu_seconds()
    register = Register(plan)
    async with (
        serving_http(register, SLACK_TOKEN) as url,
        serving_smtp(register) as smtp_port,
        a_house(folder, url, smtp_port, external=external) as house,
    ):
        campaign = Campaign(plan, house, register, patient=patient)
        verdict = await campaign.run()
    return Report(
        plan=plan,
        external=external,
        verdict=verdict,
        ends=campaign.ends,
        kills=campaign.kills,
        valkey_kills=campaign.valkey_kills,
        served=register.served,
        seconds=time.monotonic() - started,
        cpu_seconds=_cpu_seconds() - cpu,
    )


def _cpu_seconds() -> float:
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, who))
