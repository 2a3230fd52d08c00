"""Follows the stories of one watch topic as they begin, and says when their rate leaves its rhythm, once a surge."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from services.domain.surges.judging import Decision, Judgement, beginning, is_calm, judge
from services.domain.surges.policy import SurgePolicy
from services.domain.surges.records import StoryStart, Stretch, Surge, SurgeState, surge_id
from services.domain.surges.rhythm import Beginnings, Known

_HOUR = timedelta(hours=1)
_Key = tuple[datetime, str]


class SurgeTracker:
    """The beginnings of a topic's stories, and the surge that is on.

    Stories are judged in the order of StoryStart.counts_at, ties by id, once `grace` has passed since. So the surges
    are those of the set of stories: they do not hang on the order or the repeats in which these come, as long as each
    is noted before anything is settled up to `disorder` after it was seen. A story noted later still counts, from the
    moment up to which was judged. `state` and `starts` carry all over.
    """

    def __init__(
        self,
        watch_topic: str,
        policy: SurgePolicy,
        *,
        state: SurgeState | None = None,
        starts: Iterable[StoryStart] = (),
    ) -> None:
        self._watch_topic = watch_topic
        self._policy = policy
        self._starts = {start.story_id: start for start in starts}
        self._state = state or SurgeState()
        judged = [start for start in self._starts.values() if not self._is_ahead(start)]
        self._waiting = {start.story_id for start in self._starts.values() if self._is_ahead(start)}
        self._beginnings = Beginnings(start.at for start in judged)
        self._forgotten: datetime | None = None

    @property
    def state(self) -> SurgeState:
        """What is to be kept beside the beginnings of the stories."""
        return self._state

    @property
    def due_at(self) -> datetime | None:
        """When there is something to do next without another story; None if nothing waits."""
        if self._state.untold:
            return self._state.untold[0].at
        moments = [self._key(self._starts[story_id])[0] for story_id in self._waiting]
        return min(moments) + self._policy.grace if moments else None

    @property
    def forgets_before(self) -> datetime | None:
        """The moment before which no beginning is needed any more."""
        return self._state.up_to - self._policy.keep if self._state.up_to else None

    def note(self, start: StoryStart, title: str = "") -> bool:
        """Take the beginning of a story; False, and nothing changes, if it is known or too old to count."""
        outdated = self.forgets_before is not None and start.at <= self.forgets_before
        if start.story_id in self._starts or outdated or start.seen_at - start.at >= self._policy.keep:
            return False
        self._starts[start.story_id] = start
        self._waiting.add(start.story_id)
        known_from = min(self._state.known_from or start.seen_at, start.seen_at)
        self._change(known_from=known_from, title=title or self._state.title)
        return True

    def settle(self, until: datetime) -> tuple[Judgement, ...]:
        """Judge every story that counts `grace` before this moment; a surge that begins is noted as untold."""
        waiting = (self._starts[story_id] for story_id in self._waiting)
        due = sorted(self._key(start) for start in waiting if self._is_due(start, until))
        judgements = [self._judge(self._starts[story_id], moment) for moment, story_id in due]
        self._forget()
        return tuple(judgements)

    def told(self, surge: Surge) -> None:
        """Note that nobody need be told of this surge any more."""
        self._change(untold=tuple(one for one in self._state.untold if one.id != surge.id))

    def stories_of(self, surge: Surge) -> tuple[StoryStart, ...]:
        """Return the stories that began in the window of a surge, as far as they are known, in their order."""
        found = [start for start in self._starts.values() if surge.at - surge.window < start.at <= surge.at]
        return tuple(sorted(found, key=lambda start: (start.at, start.story_id)))

    def _judge(self, start: StoryStart, moment: datetime) -> Judgement:
        self._end_before(moment)
        self._waiting.discard(start.story_id)
        self._beginnings.add(start.at)
        self._move_on(moment, start.story_id)
        if self._state.on is not None:
            return Judgement(Decision.GOES_ON, f"since {self._state.on.since.isoformat()}")
        judgement = judge(self._beginnings, moment, self._known(), self._policy)
        if judgement.decision is Decision.BEGINS:
            surge = self._surge(start.story_id, moment, judgement)
            self._change(on=surge, untold=(*self._state.untold, surge))
        return judgement

    def _end_before(self, moment: datetime) -> None:
        """End the surge at the first full hour before this moment at which it is over."""
        surge = self._state.on
        if surge is None or self._state.up_to is None:
            return
        for hour in _hours(max(self._state.up_to, surge.at + self._policy.shortest), moment):
            if hour - surge.at >= self._policy.longest:
                self._change(on=None)  # this is its rhythm now, and says what is usual
                return
            if is_calm(self._beginnings, hour, self._known(), self._policy):
                past = (*self._state.past, Stretch(since=surge.since, until=hour))
                self._change(on=None, past=past)
                return

    def _surge(self, story_id: str, at: datetime, judgement: Judgement) -> Surge:
        if judgement.expected is None or judgement.window is None:
            raise ValueError("a surge needs what is usual")
        since, count_since = beginning(self._beginnings, at, judgement)
        return Surge(
            id=surge_id(self._watch_topic, story_id),
            watch_topic=self._watch_topic,
            story_id=story_id,
            at=at,
            window=judgement.window,
            count=judgement.count,
            usual=judgement.expected.usual(),
            probability=judgement.probability,
            since=since,
            count_since=count_since,
        )

    def _known(self) -> Known:
        surge = self._state.on
        current = (Stretch(since=surge.since, until=datetime.max.replace(tzinfo=UTC)),) if surge else ()
        return Known(self._state.known_from or datetime.max.replace(tzinfo=UTC), (*self._state.past, *current))

    def _key(self, start: StoryStart) -> _Key:
        """Return the place of a story in the order of judging: never before what was judged."""
        moment = start.counts_at(self._policy.late_after)
        return max(moment, self._state.up_to or moment), start.story_id

    def _is_due(self, start: StoryStart, until: datetime) -> bool:
        return self._key(start)[0] + self._policy.grace <= until or not self._is_ahead(start)

    def _is_ahead(self, start: StoryStart) -> bool:
        """Say whether a kept story is yet to be judged; one that came behind is judged when it is noted."""
        up_to = self._state.up_to
        return up_to is None or (start.counts_at(self._policy.late_after), start.story_id) > (
            up_to,
            self._state.up_to_story,
        )

    def _move_on(self, moment: datetime, story_id: str) -> None:
        if (moment, story_id) > (self._state.up_to or moment, self._state.up_to_story):
            self._change(up_to=moment, up_to_story=story_id)

    def _forget(self) -> None:
        before = self.forgets_before
        if before is None or (self._forgotten is not None and before - self._forgotten < timedelta(days=1)):
            return
        self._forgotten = before
        self._beginnings.forget(before)
        for story_id in [one.story_id for one in self._starts.values() if one.at <= before]:
            del self._starts[story_id]
        past = tuple(stretch for stretch in self._state.past if stretch.until > before)
        if past != self._state.past:
            self._change(past=past)

    def _change(self, **changes: object) -> None:
        self._state = self._state.model_copy(update=changes)


def _hours(after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the full hours after the one moment and up to the other."""
    hour = after.replace(minute=0, second=0, microsecond=0) + _HOUR
    while hour <= until:
        yield hour
        hour += _HOUR
