"""Whom to tell: the route tree of routes.yaml, with Alertmanager's semantics. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import cached_property

from alerts.matchers import Matchers, mismatch
from alerts.route_options import GroupPolicy, Path, Receiver, Route, Routes
from schemas.alert import Alert
from schemas.base import content_id

__all__ = [
    "GroupPolicy", "Matchers", "Path", "Place", "Receiver", "Route", "RouteStep", "Routes", "Target", "Verdict",
    "explain_route", "find_target", "route", "targets",
]  # fmt: skip
_OPTIONS = tuple(option.name for option in fields(GroupPolicy))


class Verdict(StrEnum):
    """What became of an alert at one node of the tree."""

    PASSED_ON = "passed_on"  # the node matches, and so does a child of it
    DELIVERED = "delivered"  # the node matches and no child does: its receiver gets the alert
    HAD_ALREADY = "had_already"  # likewise, but an earlier route has given it to this receiver
    NOT_MATCHED = "not_matched"
    NOT_REACHED = "not_reached"  # an earlier sibling matched and did not say continue


@dataclass(frozen=True)
class Target:
    """A route that takes an alert, for one receiver.

    `route_id` is made of the conditions and receivers named on the way to it below the root, and of the receiver; it
    stays the same when other routes are added, moved or removed, or options change. `label` is for people:
    `root / 2 / 1` is the first route of the second.
    """

    route_id: str
    label: str
    receiver: str
    policy: GroupPolicy
    path: Path = ()


@dataclass(frozen=True)
class Place:
    """A node of the tree: the `number`-th, from 0, of the routes below another; the root is below none."""

    node: Route
    above: "Place | None" = None
    number: int = 0

    @property
    def path(self) -> Path:
        """Which child, from the root down."""
        return (*self.above.path, self.number) if self.above else ()

    @property
    def receiver(self) -> str:
        """The receiver of the node: its own, or that of the nearest node above it that has one."""
        return self.node.receiver or (self.above.receiver if self.above else "")

    @cached_property
    def target(self) -> Target:
        """The node as the target that it is for alerts which it keeps."""
        return Target(
            route_id=content_id(_fingerprint(self), self.receiver),
            label=" / ".join(["root", *(str(number + 1) for number in self.path)]),
            receiver=self.receiver,
            policy=_policy(self),
            path=self.path,
        )

    @cached_property
    def below(self) -> "tuple[Place, ...]":
        """The routes below this one, in the order of the file."""
        return tuple(Place(child, self, number) for number, child in enumerate(self.node.routes))


@dataclass(frozen=True)
class RouteStep:
    """One node of the tree and what it decided; `path` () is the root, (0, 2) the third child of its first child."""

    place: Place
    verdict: Verdict
    reason: str

    @property
    def path(self) -> Path:
        """Which child, from the root down."""
        return self.place.path

    @property
    def receiver(self) -> str:
        """The receiver of the node, inherited or its own."""
        return self.place.receiver

    @property
    def target(self) -> Target:
        """The node with its id and the options that apply."""
        return self.place.target


def route(alert: Alert, routes: Routes) -> tuple[str, ...]:
    """Return the receivers of an alert, each once, in the order of the tree."""
    return tuple(target.receiver for target in targets(alert, routes))


def targets(alert: Alert, routes: Routes, top: Place | None = None) -> tuple[Target, ...]:
    """Return the routes that take an alert, in the order of the tree; of those to one receiver only the first.

    `top` is `Place(routes.route)`, for those who ask often: it remembers what it has worked out.
    """
    return tuple(step.target for step in explain_route(alert, routes, top) if step.verdict is Verdict.DELIVERED)


def explain_route(alert: Alert, routes: Routes, top: Place | None = None) -> tuple[RouteStep, ...]:
    """Return what each node that an alert came to decided about it, in the order of the tree.

    The first matching child takes the alert, and the next ones only if it says continue; a node none of whose children
    match keeps the alert itself.
    """
    steps = []
    first: dict[str, Place] = {}
    for step in _descend(alert, top or Place(routes.route)):
        earlier = first.setdefault(step.receiver, step.place) if step.verdict is Verdict.DELIVERED else step.place
        if earlier is step.place:
            steps.append(step)
        else:
            reason = f"matches, but {step.receiver} has it by {earlier.target.label} already"
            steps.append(replace(step, verdict=Verdict.HAD_ALREADY, reason=reason))
    return tuple(steps)


def find_target(routes: Routes, route_id: str) -> Target | None:
    """Return the route of this id with the options it has now, or None if the file has no such route any more."""
    return next((place.target for place in _all(Place(routes.route)) if place.target.route_id == route_id), None)


def _fingerprint(place: Place) -> str:
    """Return an id of the conditions and receivers named on the way to a node; twins among siblings are numbered."""
    if place.above is None:
        return content_id("route")
    conditions = _conditions(place.node)
    siblings = place.above.node.routes[: place.number]
    twins = sum(_conditions(sibling) == conditions for sibling in siblings)
    return content_id(_fingerprint(place.above), *conditions, str(twins))


def _conditions(node: Route) -> tuple[str, str]:
    return node.match.model_dump_json(exclude_defaults=True), node.receiver or ""


def _policy(place: Place) -> GroupPolicy:
    inherited = _policy(place.above) if place.above else GroupPolicy()
    own = {name: value for name in _OPTIONS if (value := getattr(place.node, name)) is not None}
    return replace(inherited, **own) if own else inherited


def _all(place: Place) -> Iterator[Place]:
    yield place
    for child in place.below:
        yield from _all(child)


def _descend(alert: Alert, place: Place) -> list[RouteStep]:
    below: list[RouteStep] = []
    taken = stopped = False
    for child in place.below:
        misfit = mismatch(alert, child.node.match)
        if stopped:
            below.append(RouteStep(child, Verdict.NOT_REACHED, "an earlier route took the alert"))
        elif misfit is not None:
            below.append(RouteStep(child, Verdict.NOT_MATCHED, misfit))
        else:
            below += _descend(alert, child)
            taken, stopped = True, not child.node.continue_
    if taken:
        return [RouteStep(place, Verdict.PASSED_ON, "a route below matches"), *below]
    why = "no route below matches" if place.node.routes else "matches"
    return [RouteStep(place, Verdict.DELIVERED, why), *below]
