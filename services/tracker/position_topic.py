"""The positions of one watch topic in memory: what one step changes of them, as it is to be kept. Does no I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from schemas.alert import Alert, ArticleRef
from schemas.article import Arrival, Article
from schemas.claim import Claim
from schemas.ladder import Ladder
from schemas.shift import Correction, Position, PositionState, Shift, Told
from services.domain.positions.tracker import PositionTracker
from services.tracker.position_records import Change, HeardArticle, StoredPositions


class NewShift(NamedTuple):
    """A shift to tell; `position` is where the actor stands by all that counts."""

    shift: Shift
    position: Position


class NewCorrection(NamedTuple):
    """A correction to tell, of `told`, as that was told."""

    correction: Correction
    told: Shift
    position: Position


News = NewShift | NewCorrection


class TopicPositions:
    """A tracker for each actor of a topic, as of `version` of what is kept.

    Each step changes this at once and returns what is to be kept of it; whoever cannot keep it throws this away.
    """

    def __init__(self, ladder: Ladder, watch_topic: str, stored: StoredPositions) -> None:
        self.ladder = ladder
        self.version = stored.version
        self.outbox: dict[str, Alert] = {alert.id: alert for alert in stored.outbox}
        self.articles = dict(stored.articles)
        self._watch_topic = watch_topic
        self._due_at = stored.due_at
        self._claims = {claim.id: claim for state in stored.states for claim in state.claims}
        self._trackers = {state.actor: PositionTracker.restore(ladder, state) for state in stored.states}

    def hear(self, article: Article, claims: Iterable[Claim]) -> Change | None:
        """Take what a revision of an article says in place of what the one before said; None if nothing is new.

        The latest revision counts, in whatever order they come.
        """
        held = self.articles.get(article.id)
        if held is not None and (held.revision, held.revision_id) > (article.revision, article.revision_id):
            return None
        said = {claim.id: claim.model_copy(update={"cues": ()}) for claim in claims}
        new = tuple(claim for claim in said.values() if self._claims.get(claim.id) != claim)
        gone = tuple(claim_id for claim_id in (held.claims if held else ()) if claim_id not in said)
        heard = _heard(article, said, held)
        if not new and not gone and heard == held:
            return None
        moments = [self._claims[claim_id].event_at for claim_id in gone if claim_id in self._claims]
        self._replace(new, gone)
        self.articles[article.id] = heard
        moments += [claim.event_at for claim in new]
        counts_at = [moment + self.ladder.policy.grace for moment in moments]
        self._due_at = min([*counts_at, *([self._due_at] if self._due_at else [])], default=None)
        return Change(claims=new, withdrawn=gone, articles={article.id: heard}, due_at=self._due_at)

    def decide(self, now: datetime) -> tuple[Change | None, tuple[News, ...]]:
        """Return what is to be told by the claims that count now, and what to keep of it; None if nothing changes."""
        news: list[News] = []
        change = Change(due_at=min(self._due_after(now), default=None))
        for actor in sorted(self._trackers):
            tracker = self._trackers[actor]
            before = tracker.told
            items = tracker.announce(now, self._is_history)
            if tracker.told is before:
                continue
            if items:
                position = tracker.position(now - self.ladder.policy.grace)
                known = (*before.values(), *tracker.told.values())
                news += [_news(item, known, position) for item in items]
            changed = tuple(one for name, one in tracker.told.items() if before.get(name) != one)
            untold = tuple(name for name in before if name not in tracker.told)
            change = replace(change, told=(*change.told, *changed), untold=(*change.untold, *untold))
        is_same = not change.told and not change.untold and change.due_at == self._due_at
        self._due_at = change.due_at
        return None if is_same else change, tuple(news)

    def post(self, change: Change, alerts: Sequence[Alert], now: datetime) -> Change:
        """Return the change with these alerts to publish, due at once, so that they are found if nobody gets to it."""
        if not alerts:
            return change
        self.outbox |= {alert.id: alert for alert in alerts}
        return replace(change, outbox=tuple(alerts), due_at=now)

    def published(self) -> Change:
        """Return the change by which everything in the outbox is published."""
        change = Change(published=tuple(self.outbox), due_at=self._due_at)
        self.outbox.clear()
        return change

    @property
    def claims(self) -> Mapping[str, Claim]:
        """All claims by their id."""
        return self._claims

    def reference(self, article_id: str) -> ArticleRef | None:
        """Return the article of a claim, if it is known."""
        heard = self.articles.get(article_id)
        return heard.article if heard else None

    def _replace(self, new: Sequence[Claim], gone: Sequence[str]) -> None:
        outdated = [*gone, *(claim.id for claim in new if claim.id in self._claims)]
        for tracker in self._trackers.values():
            tracker.withdraw(outdated)
        for claim_id in gone:
            self._claims.pop(claim_id, None)
        for claim in new:
            self._claims[claim.id] = claim
            if claim.actor not in self._trackers:
                state = PositionState(watch_topic=self._watch_topic, actor=claim.actor)
                self._trackers[claim.actor] = PositionTracker.restore(self.ladder, state)
            self._trackers[claim.actor].add((claim,))

    def _due_after(self, now: datetime) -> list[datetime]:
        moments = (self._trackers[actor].due_after(now) for actor in self.ladder.actors if actor in self._trackers)
        return [moment for moment in moments if moment is not None]

    def _is_history(self, shift: Shift) -> bool:
        """Say whether all that decided a shift stood in feeds before anybody followed these."""
        heard = [self.articles.get(claim.article_id) for claim in shift.evidence]
        return all(article is not None and article.back_list for article in heard)


def _heard(article: Article, said: dict[str, Claim], held: HeardArticle | None) -> HeardArticle:
    is_back_list = article.arrival is Arrival.BACK_LIST and (held is None or held.back_list)
    return HeardArticle(
        revision=article.revision,
        revision_id=article.revision_id,
        back_list=is_back_list,
        claims=tuple(said),
        article=ArticleRef.to(article) if said else None,
    )


def _news(item: Shift | Correction, known: Iterable[Told], position: Position) -> News:
    if isinstance(item, Shift):
        return NewShift(item, position)
    told = next(one.shift for one in known if one.shift.id == item.corrects)
    return NewCorrection(item, told, position)
