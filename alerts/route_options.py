"""What routes.yaml may say: the tree of routes, receivers, mute times and inhibition. Pure."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from alerts.faults import fault
from alerts.matchers import Matchers, Severities, label_fault
from alerts.options import AnyChannel, Name, at_least_one
from alerts.time_intervals import TimeInterval, TimeZoneName
from schemas.alert import AlertKind
from schemas.base import Contract

EACH_ALONE = "..."  # in group_by: no two alerts share a group
DAILY_AT_EIGHT = "0 8 * * *"
_SPAN = re.compile(r"^(\d+(?:\.\d+)?)\s*(s|m|h|d)$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _span(value: Any) -> Any:
    """Return `30s`, `15m`, `2h` or `1d` as the span it is."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and (match := _SPAN.match(value.strip())):
        return timedelta(**{_UNITS[match[2]]: float(match[1])})
    raise ValueError("a span is a number and its unit, such as 30s, 15m, 2h or 1d")


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than nothing")
    return value


def _cron(value: str) -> str:
    if len(value.split()) != 5:
        raise ValueError("a cron line has five fields: minute, hour, day of month, month, weekday")
    try:
        next(CronSim(value, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise ValueError(f"not a cron line: {str(error).lower()}") from error
    except StopIteration as error:
        raise ValueError("this moment never comes") from error
    return value


def _labels(value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if name != EACH_ALONE and (message := label_fault(name)):
            raise ValueError(message)
    if EACH_ALONE in value and len(value) > 1:
        raise ValueError("'...' puts each alert in a group of its own, so nothing stands beside it")
    return value


def _equal_labels(value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if message := label_fault(name):
            raise ValueError(message)
    return value


Span = Annotated[timedelta, BeforeValidator(_span)]
LongSpan = Annotated[Span, AfterValidator(_positive)]
Cron = Annotated[str, AfterValidator(_cron)]


@dataclass(frozen=True)
class GroupPolicy:
    """How alerts of a route become messages; each option is the route's own, or that of the nearest route above it."""

    group_by: tuple[str, ...] = ("watch_topic", "story")
    group_wait: timedelta = timedelta(0)
    group_interval: timedelta = timedelta(minutes=15)
    repeat_interval: timedelta | None = None
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    digest: bool = False


class Route(Contract):
    """A node of the tree. What it does not say itself, receiver and all options, it takes from its parent."""

    receiver: Name | None = None
    match: Matchers = Matchers()
    continue_: bool = Field(default=False, alias="continue")
    group_by: Annotated[tuple[str, ...], AfterValidator(_labels)] | None = None
    group_wait: Span | None = None
    group_interval: Span | None = None
    repeat_interval: LongSpan | None = None
    mute_time_intervals: tuple[Name, ...] | None = None
    active_time_intervals: tuple[Name, ...] | None = None
    digest: bool | None = None
    routes: tuple["Route", ...] = ()


class Budget(Contract):
    """How many messages a receiver gets in a day of its own; what is more waits for the digest.

    Alerts of an `exempt` severity are told all the same, and counted.
    """

    per_day: int = Field(ge=1)
    exempt: Severities = ()


class DigestOptions(Contract):
    """When what waited is told: a cron line in the receiver's time zone."""

    cron: Cron = DAILY_AT_EIGHT


class Receiver(Contract):
    """A named audience and the channels that reach it; every channel gets every alert of the receiver."""

    name: Name
    channels: Annotated[tuple[AnyChannel, ...], AfterValidator(at_least_one)]
    time_zone: TimeZoneName = "UTC"
    budget: Budget | None = None
    digest: DigestOptions = DigestOptions()

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which this receiver lives."""
        return ZoneInfo(self.time_zone)


class InhibitRule(Contract):
    """While an alert that meets `source_match` is fresh, those that meet `target_match` are not told.

    Both must have the same values of all labels in `equal`; one that has none equals another that has none.
    """

    source_match: Matchers
    target_match: Matchers
    equal: Annotated[tuple[str, ...], AfterValidator(_equal_labels)] = ()
    within: LongSpan = timedelta(hours=24)

    @model_validator(mode="after")
    def _both_sides_are_given(self) -> Self:
        for side in ("source_match", "target_match"):
            if getattr(self, side) == Matchers():
                raise ValueError(f"{side} must name at least one condition")
        return self


# Who reads of a shift need not be told of each article that mentions it.
DEFAULT_INHIBITION = (
    InhibitRule(
        source_match=Matchers(kind=(AlertKind.SHIFT,)),
        target_match=Matchers(kind=(AlertKind.MENTION,)),
        equal=("watch_topic", "story"),
    ),
)


class Routes(Contract):
    """routes.yaml, whole: who exists, who gets what, and when not."""

    route: Route
    receivers: Annotated[tuple[Receiver, ...], AfterValidator(at_least_one)]
    time_intervals: tuple[TimeInterval, ...] = ()
    inhibit_rules: tuple[InhibitRule, ...] = DEFAULT_INHIBITION

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        faults = [*_root_faults(self.route), *_repeated_names(self), *_unknown_names(self)]
        if faults:
            raise ValidationError.from_exception_data("Routes", faults)
        return self

    def receiver(self, name: str) -> Receiver:
        """Return the receiver of this name, which a route leads to."""
        return next(receiver for receiver in self.receivers if receiver.name == name)

    def intervals(self, names: tuple[str, ...]) -> tuple[TimeInterval, ...]:
        """Return the time intervals of these names."""
        return tuple(interval for interval in self.time_intervals if interval.name in names)


Path = tuple[int, ...]  # which child, from the root down


def _root_faults(root: Route) -> Iterator[InitErrorDetails]:
    if root.receiver is None:
        yield fault(("route", "receiver"), "the top route must name a receiver: it takes what no other takes", None)
    if root.match != Matchers():
        yield fault(("route", "match"), "the top route takes every alert; put match on a route below it", None)
    if root.continue_:
        yield fault(("route", "continue"), "the top route has no sibling to continue with", root.continue_)


def _repeated_names(routes: Routes) -> Iterator[InitErrorDetails]:
    for number, name in _repeated([receiver.name for receiver in routes.receivers]):
        yield fault(("receivers", number, "name"), f"receiver {name} is defined twice", name)
    for number, receiver in enumerate(routes.receivers):
        for place, name in _repeated([channel.name for channel in receiver.channels]):
            message = f"receiver {receiver.name} has two channels called {name}; give one of them another name"
            yield fault(("receivers", number, "channels", place, "name"), message, name)
    for number, name in _repeated([interval.name for interval in routes.time_intervals]):
        yield fault(("time_intervals", number, "name"), f"time interval {name} is defined twice", name)


def _repeated(names: list[str]) -> Iterator[tuple[int, str]]:
    seen: Counter[str] = Counter()
    for number, name in enumerate(names):
        seen[name] += 1
        if seen[name] > 1:
            yield number, name


def _unknown_names(routes: Routes) -> Iterator[InitErrorDetails]:
    receivers = sorted({receiver.name for receiver in routes.receivers})
    intervals = sorted({interval.name for interval in routes.time_intervals})
    for path, node in _nodes(routes.route):
        place = _location(path)
        if node.receiver is not None and node.receiver not in receivers:
            message = f"no receiver is called {node.receiver}; known are {', '.join(receivers)}"
            yield fault((*place, "receiver"), message, node.receiver)
        for option in ("mute_time_intervals", "active_time_intervals"):
            for number, name in enumerate(getattr(node, option) or ()):
                if name not in intervals:
                    message = f"no time interval is called {name}; known are {', '.join(intervals) or 'none'}"
                    yield fault((*place, option, number), message, name)


def _nodes(node: Route, path: Path = ()) -> Iterator[tuple[Path, Route]]:
    yield path, node
    for number, child in enumerate(node.routes):
        yield from _nodes(child, (*path, number))


def _location(path: Path) -> tuple[int | str, ...]:
    location: tuple[int | str, ...] = ("route",)
    for number in path:
        location = (*location, "routes", number)
    return location
