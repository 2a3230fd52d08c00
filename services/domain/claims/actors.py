"""Who is named in a sentence, and for which state or organisation they stand."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from schemas.claim import Attribution
from schemas.watch import Actor, ActorKind
from services.domain.claims.cues import UNTRAINED
from services.domain.claims.grammar import is_broken, surface
from services.domain.claims.offices import Office, office_after, office_before, offices, side_in
from services.domain.claims.reading import Reading
from services.domain.claims.words import words_of
from services.domain.stories.actor_finder import ActorFinder
from services.domain.text.analyzer import analyze
from services.domain.text.gazetteer import Gazetteer

# What an office stands for of which the sentence does not say whose it is.
UNSAID = ""

# "Warsaw-based analysts", "Oslo-trained": a place, for which nobody speaks.
_NO_STATE = frozenset(("based", "born", "trained", "educated", "flagged", "registered", "listed"))
_POINTS = frozenset(("north", "south", "east", "west"))
# "The Korean Peninsula" is neither, and neither is the language, nor the war.
_NO_HALVES = frozenset(("peninsula", "war", "language", "strait", "sea"))
# Which half is meant by a name that both bear, where nothing speaks for the other: "Korea" is the South.
_USUAL_HALVES = ("south", "west")
_ENVOYS = frozenset(
    ("ambassador", "envoy", "embassy", "mission", "representative", "consul", "consulate", "delegation")
)
_FORMER = frozenset(("former", "ex", "retired", "ousted", "jailed", "exiled", "onetime", "late"))


class Mention(NamedTuple):
    """An actor named by the words from `at` to before `end`: `named` as it is, `stands_for` as what it speaks for.

    `is_official` is False for those who do not speak for a government: opposition, press, analysts, companies;
    `side` says, where that is known, on whose word rests what they say. "The government" alone names nobody and stands
    for UNSAID.
    """

    at: int
    end: int
    named: str
    stands_for: str
    is_official: bool = True
    side: Attribution | None = None
    has_office: bool = False
    is_definite: bool = False  # somebody spoken of before: "the ambassador"
    among: tuple[str, ...] = ()  # of whom it is one: "Korea" is South or North
    is_listed: bool = False  # as the gazetteer has it: in Russian in the nominative, in Korean without a particle

    @property
    def is_unsaid(self) -> bool:
        """Whether the sentence leaves to its context for whom it stands."""
        return self.stands_for == UNSAID


# What the role of somebody who stands for no government says about their word.
_SIDES = (
    (
        re.compile("analyst|expert|professor|researcher|scientist|scholar|fellow|historian|commentator|institute"),
        Attribution.ANALYST,
    ),
    (
        re.compile("opposition|lawmaker|member of (?:the )?parliament|parliament|assembly|party|former president"),
        Attribution.OPPONENT,
    ),
)


def side_of(actor: Actor) -> Attribution | None:
    """Return on whose word rests what an actor says who stands for no government; None where that is not known."""
    if actor.stands_for is not None or actor.kind not in (ActorKind.PERSON, ActorKind.ORGANISATION):
        return None
    about = f"{actor.name} {actor.role or ''}".lower()
    return next((side for pattern, side in _SIDES if pattern.search(about)), None)


def settled(mentions: Sequence[Mention], acted: Sequence[str]) -> list[Mention]:
    """Return the mentions, each name that two states bear as that of who acted last, or of the one usually meant."""
    return [_settled(one, acted) if one.among else one for one in mentions]


def _settled(mention: Mention, acted: Sequence[str]) -> Mention:
    state = next((one for one in acted if one in mention.among), mention.among[0])
    return mention._replace(named=state, stands_for=state)


class ActorReader:
    """Finds the actors of a gazetteer in sentences."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._finder = ActorFinder(gazetteer)
        self._sides = {actor.id: side for actor in gazetteer if (side := side_of(actor)) is not None}
        self._stands_for = {actor.id: actor.stands_for for actor in gazetteer}
        self._halves = _halves(gazetteer)
        self._by_code = {actor.code: actor.id for actor in gazetteer if actor.code}
        self._names = {
            (actor.id, name.removeprefix("=").lower())
            for actor in gazetteer
            for names in actor.aliases.values()
            for name in names
        }

    def state_of_code(self, code: str | None) -> str | None:
        """Return the state of an ISO 3166 alpha-3 code."""
        return self._by_code.get(code) if code else None

    def side_of_author(self, author: str | None) -> Attribution | None:
        """Return on whose word rests what an author writes; None where the author is not known."""
        found = self._finder.find([word.analysis for word in words_of(author)]) if author else []
        return next((self._sides[one.actor_id] for one in found if one.actor_id in self._sides), None)

    def mentions(self, reading: Reading) -> list[Mention]:
        """Return who is named, in order; names and offices that follow one another are one mention."""
        if reading.lang in UNTRAINED:
            return _as_written(reading, self._plain(reading))
        found_offices = offices(reading)
        found: list[Mention] = []
        for named in self._named(reading, found_offices):
            mention = _accredited(reading, found[-1], named) if found else named
            is_same = found and _is_same(reading, found[-1], mention)
            found.append(_joined(found.pop(), mention) if is_same else mention)
        found += self._halved(reading, found, found_offices)
        taken = {at for one in found for at in range(one.at, one.end)}
        found += [
            Mention(office.at, office.end, UNSAID, UNSAID, has_office=True, is_definite=not office.is_bare)
            for office in found_offices
            if (office.is_bare or office.is_definite) and taken.isdisjoint(range(office.at, office.end))
        ]
        return sorted(found, key=lambda one: one.at)

    def _halved(self, reading: Reading, found: list[Mention], found_offices: list[Office]) -> Iterator[Mention]:
        """Yield the names of which it is not said which of two states they mean: "the Korean side"."""
        taken = {at for one in found for at in range(one.at, one.end)}
        for at, word in enumerate(reading.words):
            among = self._halves.get(word.key) if word.is_capitalised and at not in taken else None
            if among is not None and surface(reading, at + 1) not in _NO_HALVES:
                after = office_after(reading, found_offices, at + 1)
                end = after.end if after is not None else at + 1
                yield Mention(at, end, UNSAID, UNSAID, has_office=after is not None, among=among)

    def _named(self, reading: Reading, found_offices: list[Office]) -> Iterator[Mention]:
        free = list(found_offices)
        for one in self._finder.find([word.analysis for word in reading.words]):
            at, end = one.at, one.at + one.words
            after = office_after(reading, free, end)
            end = max(end, after.end) if after else end
            before = office_before(reading, free, at)
            while before is not None:
                free.remove(before)
                at, end = before.at, max(end, before.end)
                before = office_before(reading, free, at)
            if after in free:
                free.remove(after)
            end = _with_private(reading, end)
            side = self._sides.get(one.actor_id) or side_in(reading, at, end)
            first = at - 1 if at > 0 and not is_broken(reading, at - 1) else at
            is_place = surface(reading, end) in _NO_STATE and bool(reading.between(end - 1).strip())
            private = any(cue.sense.family == "private" and first <= cue.at < end for cue in reading.cues)
            former = any(surface(reading, n) in _FORMER for n in range(first, end))
            is_official = one.actor_id not in self._sides and not (private or is_place or former) and side is None
            stands_for = self._state_of(one.actor_id)
            yield Mention(at, end, one.actor_id, stands_for, is_official, side, after is not None or at < one.at)

    def _plain(self, reading: Reading) -> Iterator[Mention]:
        """Yield who is named, and for whom the abbreviations and offices stand that the cue files name."""
        private = {at for cue in reading.cues if cue.sense.family == "private" for at in range(cue.at - 1, cue.end + 1)}
        for one in self._finder.find([word.analysis for word in reading.words]):
            end, side, state = one.at + one.words, self._sides.get(one.actor_id), self._state_of(one.actor_id)
            written = " ".join(word.surface.lower() for word in reading.words[one.at : end])
            yield Mention(
                one.at,
                end,
                one.actor_id,
                state,
                is_official=side is None and private.isdisjoint(range(one.at, end)),
                side=side,
                has_office=state != one.actor_id,
                is_listed=(one.actor_id, written) in self._names,
            )
        for cue in reading.cues:
            state, last = cue.sense.label, reading.words[cue.end - 1]
            if cue.sense.family in ("home", "parties") and state in self._stands_for:
                is_listed = last.surface.lower() == min(last.keys, key=len)
                has_office = cue.sense.family == "home"
                yield Mention(cue.at, cue.end, state, state, has_office=has_office, is_listed=is_listed)

    def _state_of(self, actor_id: str) -> str:
        seen = [actor_id]
        while (above := self._stands_for.get(seen[-1])) is not None and above not in seen:
            seen.append(above)
        return seen[-1]


def _halves(gazetteer: Gazetteer) -> dict[str, tuple[str, ...]]:
    """Return the words that, with a point of the compass before them, name two states ("Korea")."""
    states = [actor for actor in gazetteer if actor.kind is ActorKind.STATE]
    names = {(name.lower().removeprefix("="), actor.id) for actor in states for name in actor.aliases.get("en", ())}
    halves: dict[str, dict[str, None]] = {}
    for name, actor_id in sorted(names, key=lambda pair: (pair[0].partition(" ")[0] not in _USUAL_HALVES, pair)):
        point, _, rest = name.partition(" ")
        if point in _POINTS and rest and " " not in rest:
            halves.setdefault(analyze(rest).key, {})[actor_id] = None
    whole = {analyze(name).key for name, _ in names if " " not in name}
    return {word: tuple(ids) for word, ids in halves.items() if len(ids) > 1 and word not in whole}


def _as_written(reading: Reading, found: Iterable[Mention]) -> list[Mention]:
    """Return mentions in order; in Korean an office after the name of a state is that state's ("폴란드 외교부")."""
    kept: list[Mention] = []
    for one in sorted(found, key=lambda one: (one.at, -one.end)):
        last = kept[-1] if kept else None
        if last is not None and last.end > one.at and (last.at < one.at or last.stands_for == one.stands_for):
            continue
        joins = last is not None and last.end == one.at and last.is_listed and one.has_office and reading.lang == "ko"
        if last is not None and joins and not reading.between(last.end - 1).strip():
            kept[-1] = last._replace(end=one.end, has_office=True, is_listed=one.is_listed)
        else:
            kept.append(one)
    return kept


def _with_private(reading: Reading, end: int) -> int:
    """Return where a name ends with the people who are called by it: "South Korean media"."""
    private = {cue.at: cue.end for cue in reading.cues if cue.sense.family == "private"}
    while end in private and not is_broken(reading, end - 1):
        end = private[end]
    return end


def _joined(last: Mention, mention: Mention) -> Mention:
    return mention._replace(
        at=last.at,
        end=max(last.end, mention.end),
        is_official=last.is_official and mention.is_official,
        side=mention.side or last.side,
        has_office=last.has_office or mention.has_office,
    )


def _accredited(reading: Reading, before: Mention, mention: Mention) -> Mention:
    """Return a mention as its owner's, if it only says where somebody's envoy is: "Oslo's UN ambassador"."""
    is_owner = reading.words[before.end - 1].surface.endswith(("'s", "’s")) and before.end == mention.at
    if is_owner and any(surface(reading, at) in _ENVOYS for at in range(mention.at, mention.end)):
        return mention._replace(named=before.named, stands_for=before.stands_for)
    return mention


def _is_same(reading: Reading, before: Mention, mention: Mention) -> bool:
    """Say whether two names are one: "Moscow's Kremlin", "the foreign minister of Norway, Ole Berg"."""
    if before.stands_for != mention.stands_for or mention.at > before.end:
        return False
    is_holder = before.has_office and mention.named != mention.stands_for
    return is_holder or mention.at < before.end or not is_broken(reading, before.end - 1)
