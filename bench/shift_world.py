"""A simulated stream of claims about one actor: positions that move, and all that makes it hard to see that they do.

What is simulated: a declared position that moves sharply now and then, and is restated in between; bursts of reports
when it moves, most of them copies of a few; articles that repeat the old policy as background long after; experts who
expect this or that; rumours by unnamed officials, some copied forty times; a coder that misses statements and gets some
rungs wrong; feeds that bring articles hours late, and now and then a day or two.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from schemas.base import content_id
from schemas.claim import Attribution, Claim, Modality, Plover, PloverEvent
from schemas.ladder import Ladder, MappingRule, Rung, ShiftPolicy
from schemas.match import Evidence, EvidenceField

TOPIC, ACTOR = "simulated", "south_korea"
RUNGS = ("refuse", "nonlethal", "consider", "agree", "deliver")
START = datetime(2024, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class World:
    """How the simulated stream is made. Rates are per day, shares between 0 and 1."""

    days: int = 360
    shift_every: float = 45.0  # days on average, at least 21
    restated: float = 0.7  # articles that restate the position
    burst: float = 14.0  # articles about a shift, most of them in its first two days
    background: float = 0.6  # articles that give the policy of weeks ago as background
    expected: float = 0.3  # experts' expectations, of any rung
    rumour_every: float = 30.0
    rumour_copies: int = 40
    rumour_origins: tuple[int, ...] = (1, 1, 1, 2)
    copied: float = 0.6  # of a burst's articles
    missed: float = 0.4  # statements that the coder does not find
    wrong: float = 0.15  # of those found, coded as another rung
    misattributed: float = 0.1


@dataclass(frozen=True)
class TrueShift:
    """When the simulated actor moved, and where to."""

    at: datetime
    to_rung: str


@dataclass
class Stream:
    """Claims by arrival, and what was true."""

    mentions: list[tuple[datetime, str]] = field(default_factory=list)  # when each article came, and what it says
    claims: list[Claim] = field(default_factory=list)
    shifts: list[TrueShift] = field(default_factory=list)
    start: str = ""


def ladder(policy: ShiftPolicy) -> Ladder:
    """Return the ladder that the simulated actor stands on."""
    return Ladder(
        actors=(ACTOR,),
        recipients=("ukraine",),
        rungs=tuple(Rung(id=rung, title=rung) for rung in RUNGS),
        mapping=tuple(MappingRule(rung=rung) for rung in RUNGS),
        policy=policy,
    )


def simulate(world: World, seed: int) -> Stream:
    """Return a stream; the same for the same seed."""
    return _Simulation(world, Random(seed)).run()


class _Simulation:
    def __init__(self, world: World, random: Random) -> None:
        self._world = world
        self._random = random
        self._number = 0
        self._mentions: list[tuple[datetime, str]] = []
        self._found: list[Claim] = []

    def run(self) -> Stream:
        world, random = self._world, self._random
        rung = random.choice(RUNGS)
        stream = Stream(start=rung)
        before = rung
        next_shift = 21 + random.expovariate(1 / (world.shift_every - 21))
        for day in range(world.days):
            if day >= next_shift:
                before, rung = rung, random.choice([other for other in RUNGS if other != rung])
                at = START + day * _DAY + timedelta(hours=random.uniform(0, 24))
                stream.shifts.append(TrueShift(at, rung))
                self._burst(at, rung)
                next_shift = day + 21 + random.expovariate(1 / (world.shift_every - 21))
            self._ordinary_day(START + day * _DAY, rung, before, bool(stream.shifts) and stream.shifts[-1].at)
        stream.mentions = sorted(self._mentions)
        stream.claims = sorted(self._found, key=lambda claim: (claim.seen_at, claim.id))
        return stream

    def _ordinary_day(self, day: datetime, rung: str, before: str, shifted_at: datetime | bool) -> None:
        random, world = self._random, self._world
        if isinstance(shifted_at, datetime) and shifted_at > day:
            rung = before  # on the very day the new position is told by the burst
        for at in self._moments(day, world.restated):
            word = random.choices((Attribution.SELF, Attribution.UNNAMED, Attribution.THIRD_PARTY), (6, 2, 2))[0]
            self._say(at, rung, word, Modality.ASSERTED)
        for at in self._moments(day, world.background):
            self._say(at, random.choice((rung, before)), Attribution.NARRATOR, Modality.ASSERTED)
        for at in self._moments(day, world.expected):
            self._say(at, random.choice(RUNGS), Attribution.ANALYST, Modality.SPECULATIVE)
        for at in self._moments(day, 1 / world.rumour_every):
            self._rumour(at, random.choice([other for other in RUNGS if other != rung]))

    def _burst(self, at: datetime, rung: str) -> None:
        random = self._random
        origins: list[str] = []
        for _ in range(max(4, round(random.gauss(self._world.burst, 3)))):
            moment = at + timedelta(hours=random.expovariate(1 / 18))
            copied = origins and random.random() < self._world.copied
            origin = random.choice(origins) if copied else None
            word = random.choices((Attribution.SELF, Attribution.UNNAMED, Attribution.ANALYST), (7, 2, 1))[0]
            modality = random.choices((Modality.ASSERTED, Modality.CONDITIONAL, Modality.SPECULATIVE), (6, 3, 1))[0]
            origins.append(self._say(moment, rung, word, modality, origin))

    def _rumour(self, at: datetime, rung: str) -> None:
        random, world = self._random, self._world
        origins = [content_id("rumour", str(at), str(n)) for n in range(random.choice(world.rumour_origins))]
        for _ in range(random.randint(len(origins), world.rumour_copies)):
            moment = at + timedelta(hours=random.expovariate(1 / 12))
            self._say(moment, rung, Attribution.UNNAMED, Modality.SPECULATIVE, random.choice(origins))

    def _moments(self, day: datetime, rate: float) -> Iterator[datetime]:
        at = self._random.expovariate(rate)
        while at < 1:
            yield day + at * _DAY
            at += self._random.expovariate(rate)

    def _say(self, at: datetime, rung: str, word: Attribution, modality: Modality, origin: str | None = None) -> str:
        """Let an article say it, and the coder find it or not; return the article's origin."""
        random, world = self._random, self._world
        self._number += 1
        article = content_id("article", str(self._number))
        origin = origin or article
        late = random.expovariate(1 / 2) if random.random() < 0.95 else random.uniform(12, 48)
        seen_at = at + timedelta(hours=late)
        self._mentions.append((seen_at, rung))
        if random.random() < world.missed:
            return origin
        sure = random.betavariate(6, 2)
        if random.random() < world.wrong:
            rung, sure = self._another(rung), random.betavariate(4, 3)
        if random.random() < world.misattributed:
            word = random.choice((Attribution.SELF, Attribution.UNNAMED, Attribution.NARRATOR))
        self._found.append(claim_at(at, rung, word, modality, article=article, origin=origin,
                                    seen_at=seen_at, confidence=sure))  # fmt: skip
        return origin

    def _another(self, rung: str) -> str:
        """Return what a coder takes a rung for: mostly its neighbour."""
        at = RUNGS.index(rung)
        near = [RUNGS[n] for n in (at - 1, at + 1) if 0 <= n < len(RUNGS)]
        far = [other for other in RUNGS if other != rung]
        return self._random.choice(near if self._random.random() < 0.7 else far)


def claim_at(
    at: datetime,
    rung: str,
    word: Attribution,
    modality: Modality,
    *,
    article: str,
    origin: str,
    seen_at: datetime,
    confidence: float = 0.9,
) -> Claim:
    """Return a claim about the simulated actor."""
    text = f"It is {rung}."
    return Claim(
        id=content_id("claim", article, rung),
        watch_topic=TOPIC,
        actor=ACTOR,
        rung=rung,
        plover=Plover(event=PloverEvent.AGREE, object="lethal_arms"),
        modality=modality,
        attribution=word,
        speaker="a minister" if word is Attribution.SELF else None,
        event_at=at,
        published_at=at,
        seen_at=seen_at,
        article_id=article,
        outlet="outlet",
        evidence=Evidence(field=EvidenceField.TEXT, start=0, end=len(text), text=text),
        origin_id=origin,
        confidence=confidence,
        eligible=word is not Attribution.NARRATOR,
        coder_version="simulated",
    )
