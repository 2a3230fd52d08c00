"""Who can be told at this moment: the routes, and the channels that are open."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from alerts.channels.assemble import OpenChannel, lanes_of
from alerts.delivery import Lane
from alerts.route_options import Receiver, Routes
from alerts.routing import Place, Target, find_target, targets
from schemas.alert import Alert


@dataclass(frozen=True)
class Audience:
    """Routes and channels that belong together; a reload puts another one in its place, whole."""

    routes: Routes
    channels: tuple[OpenChannel, ...]
    _targets: dict[str, Target | None] = field(default_factory=dict, repr=False, compare=False)

    def lanes_of(self, receiver: str) -> tuple[Lane, ...]:
        """Return the open lanes to a receiver."""
        return tuple(opened.lane for opened in self.channels if opened.lane.receiver == receiver)

    def digest_lanes_of(self, receiver: str) -> dict[int | None, tuple[Lane, ...]]:
        """Return the open lanes to a receiver by how many lines of a digest they take at once."""
        found: dict[int | None, tuple[Lane, ...]] = {}
        for opened in self.channels:
            if opened.lane.receiver == receiver:
                found[opened.digest_items] = (*found.get(opened.digest_items, ()), opened.lane)
        return found

    def receiver(self, name: str) -> Receiver | None:
        """Return the receiver of this name, or None if the routes know none."""
        return next((receiver for receiver in self.routes.receivers if receiver.name == name), None)

    def targets_of(self, alert: Alert) -> tuple[Target, ...]:
        """Return the routes that take an alert, each for another receiver."""
        return targets(alert, self.routes, self._top)

    @cached_property
    def _top(self) -> Place:
        return Place(self.routes.route)

    def target(self, route_id: str) -> Target | None:
        """Return the route of this id, or None if it is gone."""
        if route_id not in self._targets:
            self._targets[route_id] = find_target(self.routes, route_id)
        return self._targets[route_id]


class CurrentAudience:
    """The audience of now, for those who ask whenever they need it."""

    def __init__(self, first: Audience) -> None:
        self._audience = first

    def __call__(self) -> Audience:
        """Return the audience of now."""
        return self._audience

    def become(self, audience: Audience) -> None:
        """Let another one be that of now."""
        self._audience = audience


def unchanged_lanes(before: Routes, after: Routes, among: Sequence[Lane]) -> frozenset[Lane]:
    """Return those of these lanes whose channel has the same options in both."""
    old, new = _options(before), _options(after)
    return frozenset(lane for lane in among if lane in old and old[lane] == new.get(lane))


def _options(routes: Routes) -> dict[Lane, object]:
    return {
        lane: options
        for receiver in routes.receivers
        for options in receiver.channels
        for lane in lanes_of(receiver.name, options)
    }
