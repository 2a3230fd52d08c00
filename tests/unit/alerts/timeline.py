"""An alerter on paper: alerts are pushed at moments of a day, and what the receivers would get is written down.

It does what the service does, with dictionaries for stores and a clock that jumps: `admit` what the routes take, `plan`
what is due, write down all that a plan says. Times are seconds from START unless they are datetimes.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import yaml

from alerts.budget import budget_day
from alerts.digests import compose_digest, merge_items, next_digest_at
from alerts.groups import Group, admit, group_key, wanted_alerts
from alerts.inhibition import Inhibitor, inhibited_by, inhibitor_keys, sources_of
from alerts.matchers import Matchers
from alerts.pipeline import Plan, admission_steps, plan
from alerts.route_options import Routes
from alerts.routing import Target, find_target, targets
from alerts.silences import Silence, silence_id
from alerts.stages import Surroundings
from schemas.alert import Alert, AlertKind
from schemas.base import content_id
from schemas.notification import DigestItem, Notification, NotificationKind
from schemas.story import Novelty, StoryRef
from schemas.trace import Stage, TraceStep
from tests.unit.alerts.examples import an_alert, article

START = datetime(2024, 11, 27, 9, 0, tzinfo=UTC)
SUPPRESSED = {Stage.SILENCED, Stage.INHIBITED, Stage.REPEATED}


def routes_of(text: str) -> Routes:
    """The routes that this YAML describes; a console for each receiver that names no channel."""
    data = yaml.safe_load(text)
    for receiver in data.setdefault("receivers", [{"name": data["route"]["receiver"]}]):
        receiver.setdefault("channels", [{"type": "console"}])
    return Routes.model_validate_json(json.dumps(data))


def named(name: str, *, story: str | None = None, outlets: int = 1, **changes: Any) -> Alert:
    """An alert that tests call by a name, in the story `story` or in one of its own."""
    ref = None
    if story is not None:
        story_id = content_id("story", story)
        ref = StoryRef(
            id=story_id,
            origin_id=content_id("origin", story),
            novelty=changes.pop("novelty", Novelty.OUTLET),
            articles=outlets,
            outlets=outlets,
        )
    return an_alert(
        id=content_id("alert", name),
        title=name,
        group_key=f"mention/{name}",
        story=ref,
        **{"article": article(id=content_id("article", name)), **changes},
    )


def health(name: str, change: str) -> Alert:
    """An alert about the feed `f`."""
    labels = {"feed_id": "f", "change": change}
    return an_alert(
        id=content_id("alert", name),
        title=name,
        kind=AlertKind.FEED_HEALTH,
        group_key="feed-health:f",
        labels=labels,
        article=None,
    )


@dataclass
class Timeline:
    """The world of one test. `told` are the messages in order, `steps` every decision."""

    routes: Routes
    now: datetime = START
    alerts: dict[str, Alert] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    silences: list[Silence] = field(default_factory=list)
    inhibitors: dict[str, Inhibitor] = field(default_factory=dict)
    waiting: defaultdict[str, dict[str, DigestItem]] = field(default_factory=lambda: defaultdict(dict))
    digest_since: dict[str, datetime] = field(default_factory=dict)
    spent: Counter[tuple[str, date]] = field(default_factory=Counter)
    told: list[Notification] = field(default_factory=list)
    steps: list[TraceStep] = field(default_factory=list)

    def push(self, at: float | datetime, alert: Alert) -> None:
        """Let an alert be decided and come at this moment; one that came before comes as it was."""
        self.run(at)
        alert = self.alerts.setdefault(alert.id, alert.model_copy(update={"decided_at": self.now}))
        for inhibitor in sources_of(alert, self.routes.inhibit_rules):
            self.inhibitors[inhibitor.key] = inhibitor
        for target in targets(alert, self.routes):
            self._admit(alert, target)

    def silence(self, at: float | datetime, match: dict[str, Any], until: float | datetime) -> None:
        """Let Kim silence something."""
        self.run(at)
        matchers = Matchers.model_validate(match, strict=False)
        self.silences.append(
            Silence(
                id=silence_id(matchers, "kim", self.now, self.now),
                match=matchers,
                author="kim",
                comment="known story",
                starts_at=self.now,
                ends_at=moment(until),
                created_at=self.now,
            )
        )

    def reload(self, at: float | datetime, text: str) -> None:
        """Let the routes be changed: every group is looked at again, and what lost its route is routed anew."""
        self.run(at)
        self.routes = routes_of(text)
        for group in list(self.groups.values()):
            if find_target(self.routes, group.route_id) is None:
                del self.groups[group.key]
                for alert_id in group.pending:
                    for target in targets(self.alerts[alert_id], self.routes):
                        self._admit(self.alerts[alert_id], target)
            else:
                self._flush(group)
        self.run(at)

    def run(self, until: float | datetime) -> None:
        """Let time go on to this moment, with all that is due by then."""
        end = moment(until)
        while (due := self._next_due()) is not None and due <= end:
            self.now = max(self.now, due)
            for group in list(self.groups.values()):
                if group.flush_at is not None and group.flush_at <= self.now:
                    self._flush(group)
            for name in [name for name, items in self.waiting.items() if items]:
                if self._digest_at(name) <= self.now:
                    self._tell_digest(name)
        self.now = max(self.now, end)

    def messages(self, *kinds: NotificationKind) -> list[tuple[float, str, list[str]]]:
        """What was told: seconds from START, kind, and the names of the alerts."""
        return [
            ((message.decided_at - START).total_seconds(), message.kind.value, names(message))
            for message in self.told
            if not kinds or message.kind in kinds
        ]

    def verdicts(self, stage: Stage) -> list[tuple[str, str]]:
        """The alerts that a stage decided about, and why."""
        return [(self.alerts[step.subject].title, step.reason) for step in self.steps if step.stage is stage]

    def _admit(self, alert: Alert, target: Target) -> None:
        key, _ = group_key(alert, target)
        before = self.groups.get(key)
        after = admit(before, alert, target, self.now)
        if after is not before:
            self.groups[key] = after
            self.steps += admission_steps(alert, target, after, self.now)
        self.run(self.now)

    def _flush(self, group: Group) -> None:
        target = find_target(self.routes, group.route_id)
        assert target is not None
        alerts = [self.alerts[alert_id] for alert_id in wanted_alerts(group)]
        self.commit(group, plan(group, alerts, target, self.surroundings(target, alerts), self.now))

    def surroundings(self, target: Target, alerts: list[Alert]) -> Surroundings:
        """The world as a flush of these alerts sees it now."""
        receiver = self.routes.receiver(target.receiver)
        rules = self.routes.inhibit_rules
        found = ((alert.id, inhibited_by(alert, rules, self._lookup(alert), self.now)) for alert in alerts)
        return Surroundings(
            receiver=receiver,
            mute=self.routes.intervals(target.policy.mute_time_intervals),
            active=self.routes.intervals(target.policy.active_time_intervals),
            silences=self.silences,
            inhibited={alert_id: inhibitor for alert_id, inhibitor in found if inhibitor},
            spent_today=self.spent[receiver.name, budget_day(receiver, self.now)],
        )

    def _lookup(self, alert: Alert) -> dict[str, Inhibitor]:
        keys = inhibitor_keys(alert, self.routes.inhibit_rules)
        return {key: self.inhibitors[key] for key in keys if key in self.inhibitors}

    def commit(self, group: Group, made: Plan) -> None:
        """Write down all that a plan says."""
        assert made.missing == ()
        if made.group is None:
            del self.groups[group.key]
        else:
            assert made.due_at == made.group.flush_at
            self.groups[group.key] = Group.model_validate_json(made.group.model_dump_json())
        if made.notification is not None:
            self.told.append(made.notification)
        if made.budget_day is not None:
            self.spent[group.receiver, made.budget_day] += 1
        for item in made.digest_items:
            waiting = self.waiting[group.receiver]
            waiting[item.id] = merge_items(waiting.get(item.id), item)
            self.digest_since.setdefault(group.receiver, self.now)
        self.steps += made.steps

    def _digest_at(self, name: str) -> datetime:
        return next_digest_at(self.routes.receiver(name), self.digest_since[name])

    def _tell_digest(self, name: str) -> None:
        receiver, since = self.routes.receiver(name), self.digest_since.pop(name)
        self.told += compose_digest(receiver, self.waiting.pop(name).values(), since, self.now)

    def _next_due(self) -> datetime | None:
        return min(self._dues(), default=None)

    def _dues(self) -> Iterator[datetime]:
        yield from (group.flush_at for group in self.groups.values() if group.flush_at is not None)
        yield from (self._digest_at(name) for name, items in self.waiting.items() if items)


def moment(at: float | datetime) -> datetime:
    """The moment that a test means."""
    return at if isinstance(at, datetime) else START + timedelta(seconds=at)


def names(message: Notification) -> list[str]:
    """The names of the alerts of a message, or the titles of the lines of a digest."""
    return [item.title for item in message.digest.items] if message.digest else [one.title for one in message.alerts]
