"""Keeps one actor's position on one topic as claims come, in any order, and says what to tell of it."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from schemas.claim import Claim
from schemas.ladder import Ladder
from schemas.shift import Correction, Position, PositionState, Shift, Told
from services.domain.positions.corrections import news
from services.domain.positions.folding import Folded
from services.domain.positions.lane import Move
from services.domain.positions.shifts import position_of, shifts_of

_Key = tuple[datetime, str]
_CHECKPOINT_EVERY = 64  # a late claim costs folding at most so many claims again before those that follow it


class PositionTracker:
    """The claims of one actor on one topic, and what was told about them.

    Positions depend on the set of claims only: not on their order, repeats, or on when anybody asked. What was told is
    kept beside them, so that what changes later is told as a correction. `state` and `restore` carry both over.
    """

    def __init__(self, ladder: Ladder, watch_topic: str, actor: str) -> None:
        self._ladder = ladder
        self._watch_topic = watch_topic
        self._actor = actor
        self._claims: dict[str, Claim] = {}
        self._order: list[_Key] = []
        self._told: dict[str, Told] = {}
        self._told_up_to: int | None = (
            None  # how many claims the latest announcement was made from, None if any changed
        )
        self._told_moves: list[Move] | None = None
        self._folded = Folded.begin(ladder)
        self._checkpoints: list[Folded] = [self._folded.copy()]

    @classmethod
    def restore(cls, ladder: Ladder, state: PositionState) -> "PositionTracker":
        """Return the tracker that `state` came from; the ladder may have changed in between."""
        tracker = cls(ladder, state.watch_topic, state.actor)
        tracker.add(state.claims)
        tracker._told = {told.id: told for told in state.told}
        return tracker

    def state(self) -> PositionState:
        """Return all there is to know, with the claims in their order."""
        return PositionState(
            watch_topic=self._watch_topic,
            actor=self._actor,
            claims=tuple(self._claims[claim_id] for _, claim_id in self._order),
            told=tuple(self._told.values()),
        )

    def add(self, claims: Iterable[Claim]) -> tuple[Claim, ...]:
        """Take claims, and return those that were new, as they are kept: without their cues.

        ValueError for a claim of another topic or actor.
        """
        new: list[Claim] = []
        for claim in claims:
            if (claim.watch_topic, claim.actor) != (self._watch_topic, self._actor):
                raise ValueError(f"claim {claim.id} is about {claim.watch_topic}/{claim.actor}")
            if claim.id not in self._claims:
                kept = claim.model_copy(update={"cues": ()})
                self._claims[kept.id] = kept
                key = (kept.event_at, kept.id)
                insort(self._order, key)
                self._rewind(bisect_left(self._order, key))
                new.append(kept)
        return tuple(new)

    def withdraw(self, claim_ids: Iterable[str]) -> tuple[str, ...]:
        """Forget claims that their article no longer makes, and return the ids of those that were held."""
        gone = [claim_id for claim_id in dict.fromkeys(claim_ids) if claim_id in self._claims]
        for claim_id in gone:
            at = bisect_left(self._order, (self._claims.pop(claim_id).event_at, claim_id))
            del self._order[at]
            self._rewind(at)
        return tuple(gone)

    def position(self, until: datetime | None = None) -> Position:
        """Return where the actor stands by the claims up to `until`, or by all of them."""
        return position_of(self.folded(until), self._watch_topic, self._actor)

    def announce(
        self, now: datetime, is_history: Callable[[Shift], bool] = lambda _: False
    ) -> tuple[Shift | Correction, ...]:
        """Return what is to be told now, once. Claims count when the policy's grace has passed since their event.

        A shift that is new and `is_history` is noted, and not told.
        """
        policy = self._ladder.policy
        folded = self.folded(now - policy.grace)
        if folded.claims == self._told_up_to:
            return ()
        self._told_up_to = folded.claims
        moves = folded.moves()
        if self._told_moves is not None and _are_same(moves, self._told_moves):
            return ()
        self._told_moves = moves
        shifts = shifts_of(folded, self._watch_topic, self._actor)
        told, self._told = news(self._told, shifts, now, policy, is_history)
        return told

    @property
    def told(self) -> Mapping[str, Told]:
        """The shifts that are known as of the latest announcement, by their present ids."""
        return self._told

    def due_after(self, now: datetime) -> datetime | None:
        """Return when the next claim that does not count yet at `now` begins to; None if all count."""
        grace = self._ladder.policy.grace
        at = bisect_right(self._order, now - grace, key=lambda key: key[0])
        return self._order[at][0] + grace if at < len(self._order) else None

    def claims(self) -> tuple[Claim, ...]:
        """Return the claims in their order."""
        return tuple(self._claims[claim_id] for _, claim_id in self._order)

    def folded(self, until: datetime | None = None) -> Folded:
        """Return the state by the claims up to `until`; not to be changed."""
        wanted = len(self._order) if until is None else bisect_right(self._order, until, key=lambda key: key[0])
        if wanted < self._folded.claims:
            folded = self._checkpoints[min(wanted // _CHECKPOINT_EVERY, len(self._checkpoints) - 1)].copy()
            for _, claim_id in self._order[folded.claims : wanted]:
                folded.hear(self._claims[claim_id])
            return folded
        for _, claim_id in self._order[self._folded.claims : wanted]:
            self._folded.hear(self._claims[claim_id])
            if self._folded.claims % _CHECKPOINT_EVERY == 0:
                self._checkpoints.append(self._folded.copy())
        return self._folded

    def _rewind(self, at: int) -> None:
        """Go back to before the claim at this place, if it was folded already."""
        self._told_up_to = None
        if at < self._folded.claims:
            del self._checkpoints[at // _CHECKPOINT_EVERY + 1 :]
            self._folded = self._checkpoints[-1].copy()


def _are_same(moves: Sequence[Move], others: Sequence[Move]) -> bool:
    return len(moves) == len(others) and all(move is other for move, other in zip(moves, others, strict=True))


def positions_of(ladder: Ladder, watch_topic: str, claims: Iterable[Claim]) -> dict[str, Position]:
    """Return the position of every actor that claims of a topic name, folded from nothing; actors in order."""
    trackers: dict[str, PositionTracker] = {}
    for claim in claims:
        tracker = trackers.setdefault(claim.actor, PositionTracker(ladder, watch_topic, claim.actor))
        tracker.add((claim,))
    return {actor: trackers[actor].position() for actor in sorted(trackers)}
