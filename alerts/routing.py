"""Whom to tell: the route tree of routes.yaml, with Alertmanager's semantics. Pure."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Any, Self, cast

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from alerts.options import AnyChannel, Name, at_least_one
from schemas.alert import Alert, AlertKind
from schemas.base import Contract
from schemas.watch import Severity

_AT_LEAST = re.compile(r"^>=\s*(\w+)$")


def _one_or_many(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _severities(value: Any) -> Any:
    """Spell `>= warning` out as the severities it means; leave everything else to the enum."""
    given = _one_or_many(value)
    if not isinstance(given, tuple):
        return given
    meant: list[Any] = []
    for one in given:
        at_least = _AT_LEAST.match(one.strip()) if isinstance(one, str) else None
        if at_least and at_least[1] in set(Severity):
            floor = Severity(at_least[1]).rank
            meant += [severity.value for severity in Severity if severity.rank >= floor]
        else:
            meant.append(one)
    return tuple(meant)


def _label_values(value: Any) -> Any:
    return {name: _one_or_many(one) for name, one in value.items()} if isinstance(value, dict) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]


class Matchers(Contract):
    """Conditions on an alert: all that are given must hold; one of several values is enough. None given: always holds.

    `severity` also takes ">= warning". An alert without an article has no outlet, lang or country.
    """

    watch_topic: Words = ()
    kind: Annotated[tuple[AlertKind, ...], BeforeValidator(_one_or_many)] = ()
    severity: Annotated[tuple[Severity, ...], BeforeValidator(_severities)] = ()
    outlet: Words = ()
    lang: Words = ()
    country: Words = ()
    labels: Annotated[dict[str, tuple[str, ...]], BeforeValidator(_label_values)] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        known = list(cls.model_fields)
        faults = [_fault((key,), _unknown_matcher(str(key), known), value[key]) for key in value if key not in known]
        if faults:
            raise ValidationError.from_exception_data("match", faults)
        return value


def _unknown_matcher(key: str, known: list[str]) -> str:
    near = get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
    return f"unknown matcher {key}; {hint} A label of the alert goes under labels: {{{key}: ...}}"


class Route(Contract):
    """A node of the tree. Without a receiver of its own it takes its parent's."""

    receiver: Name | None = None
    match: Matchers = Matchers()
    continue_: bool = Field(default=False, alias="continue")
    routes: tuple["Route", ...] = ()


class Receiver(Contract):
    """A named audience and the channels that reach it; every channel gets every alert of the receiver."""

    name: Name
    channels: Annotated[tuple[AnyChannel, ...], AfterValidator(at_least_one)]


class Routes(Contract):
    """routes.yaml, whole: who exists, and who gets what."""

    route: Route
    receivers: Annotated[tuple[Receiver, ...], AfterValidator(at_least_one)]

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        faults = [*_root_faults(self.route), *_name_faults(self.receivers)]
        known = {receiver.name for receiver in self.receivers}
        for path, node in _nodes(self.route):
            if node.receiver is not None and node.receiver not in known:
                message = f"no receiver is called {node.receiver}; known are {', '.join(sorted(known))}"
                faults.append(_fault((*_location(path), "receiver"), message, node.receiver))
        if faults:
            raise ValidationError.from_exception_data("Routes", faults)
        return self


Path = tuple[int, ...]  # which child, from the root down


class Verdict(StrEnum):
    """What became of an alert at one node of the tree."""

    PASSED_ON = "passed_on"  # the node matches, and so does a child of it
    DELIVERED = "delivered"  # the node matches and no child does: its receiver gets the alert
    NOT_MATCHED = "not_matched"
    NOT_REACHED = "not_reached"  # an earlier sibling matched and did not say continue


@dataclass(frozen=True)
class RouteStep:
    """One node of the tree and what it decided; `path` () is the root, (0, 2) the third child of its first child."""

    path: Path
    verdict: Verdict
    receiver: str
    reason: str


def route(alert: Alert, routes: Routes) -> tuple[str, ...]:
    """Return the receivers of an alert, each once, in the order of the tree."""
    delivered = (step.receiver for step in explain_route(alert, routes) if step.verdict is Verdict.DELIVERED)
    return tuple(dict.fromkeys(delivered))


def explain_route(alert: Alert, routes: Routes) -> tuple[RouteStep, ...]:
    """Return what every node decided about an alert, in the order of the tree.

    The first matching child takes the alert, and the next ones only if it says continue; a node none of whose children
    match keeps the alert itself.
    """
    return tuple(_descend(alert, routes.route, (), routes.route.receiver or ""))


def _descend(alert: Alert, node: Route, path: Path, inherited: str) -> list[RouteStep]:
    receiver = node.receiver or inherited
    below: list[RouteStep] = []
    taken = stopped = False
    for number, child in enumerate(node.routes):
        where = (*path, number)
        misfit = mismatch(alert, child.match)
        name = child.receiver or receiver
        if stopped:
            below.append(RouteStep(where, Verdict.NOT_REACHED, name, "an earlier route took the alert"))
        elif misfit is not None:
            below.append(RouteStep(where, Verdict.NOT_MATCHED, name, misfit))
        else:
            below += _descend(alert, child, where, receiver)
            taken, stopped = True, not child.continue_
    if taken:
        return [RouteStep(path, Verdict.PASSED_ON, receiver, "a route below matches"), *below]
    why = "no route below matches" if node.routes else "matches"
    return [RouteStep(path, Verdict.DELIVERED, receiver, why), *below]


def mismatch(alert: Alert, matchers: Matchers) -> str | None:
    """Say which condition the alert fails first, or None if it meets them all."""
    article = alert.article
    conditions: list[tuple[str, str | None, tuple[str, ...]]] = [
        ("watch_topic", alert.watch_topic, matchers.watch_topic),
        ("kind", alert.kind, matchers.kind),
        ("severity", alert.severity, matchers.severity),
        ("outlet", article.outlet if article else None, matchers.outlet),
        ("lang", article.lang if article else None, matchers.lang),
        ("country", article.country if article else None, matchers.country),
    ]
    conditions += [(f"label {name}", alert.labels.get(name), wanted) for name, wanted in matchers.labels.items()]
    for name, actual, wanted in conditions:
        if wanted and actual not in wanted:
            return f"{name} is {actual or 'not set'}, not {' or '.join(wanted)}"
    return None


def _fault(location: tuple[int | str, ...], message: str, given: object) -> InitErrorDetails:
    # LiteralString keeps user text out of message templates; without a context nothing is substituted.
    return InitErrorDetails(type=PydanticCustomError("routes", cast("Any", message)), loc=location, input=given)


def _root_faults(root: Route) -> list[InitErrorDetails]:
    faults = []
    if root.receiver is None:
        faults.append(
            _fault(("route", "receiver"), "the top route must name a receiver: it takes what no other takes", None)
        )
    if root.match != Matchers():
        faults.append(
            _fault(("route", "match"), "the top route takes every alert; put match on a route below it", None)
        )
    if root.continue_:
        faults.append(_fault(("route", "continue"), "the top route has no sibling to continue with", root.continue_))
    return faults


def _name_faults(receivers: tuple[Receiver, ...]) -> list[InitErrorDetails]:
    faults = []
    for number, name in _repeated([receiver.name for receiver in receivers]):
        faults.append(_fault(("receivers", number, "name"), f"receiver {name} is defined twice", name))
    for number, receiver in enumerate(receivers):
        for place, name in _repeated([channel.name for channel in receiver.channels]):
            message = f"receiver {receiver.name} has two channels called {name}; give one of them another name"
            faults.append(_fault(("receivers", number, "channels", place, "name"), message, name))
    return faults


def _repeated(names: list[str]) -> Iterator[tuple[int, str]]:
    seen: Counter[str] = Counter()
    for number, name in enumerate(names):
        seen[name] += 1
        if seen[name] > 1:
            yield number, name


def _nodes(node: Route, path: Path = ()) -> Iterator[tuple[Path, Route]]:
    yield path, node
    for number, child in enumerate(node.routes):
        yield from _nodes(child, (*path, number))


def _location(path: Path) -> tuple[int | str, ...]:
    location: tuple[int | str, ...] = ("route",)
    for number in path:
        location = (*location, "routes", number)
    return location
