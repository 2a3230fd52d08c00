"""Conditions on alerts, as routes, silences and inhibition share them. Pure."""

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from alerts.faults import fault
from schemas.alert import Alert, AlertKind
from schemas.base import Contract
from schemas.watch import Severity

_READ: dict[str, Callable[[Alert], str | None]] = {
    "watch_topic": lambda alert: alert.watch_topic,
    "kind": lambda alert: alert.kind,
    "severity": lambda alert: alert.severity,
    "outlet": lambda alert: alert.article.outlet if alert.article else None,
    "lang": lambda alert: alert.article.lang if alert.article else None,
    "country": lambda alert: alert.article.country if alert.article else None,
    "story": lambda alert: alert.story.id if alert.story else alert.group_key,
}
# What alerts can be grouped and compared by, besides `labels.<name>`.
LABELS = tuple(_READ)
_CUSTOM = "labels."
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
Severities = Annotated[tuple[Severity, ...], BeforeValidator(_severities)]


class Matchers(Contract):
    """Conditions on an alert: all that are given must hold; one of several values is enough. None given: always holds.

    `severity` also takes ">= warning". An alert without an article has no outlet, lang or country. `story` is the id of
    a story, `group` the alert's own group key.
    """

    watch_topic: Words = ()
    kind: Annotated[tuple[AlertKind, ...], BeforeValidator(_one_or_many)] = ()
    severity: Severities = ()
    outlet: Words = ()
    lang: Words = ()
    country: Words = ()
    story: Words = ()
    group: Words = ()
    labels: Annotated[dict[str, tuple[str, ...]], BeforeValidator(_label_values)] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        known = list(cls.model_fields)
        faults = [fault((key,), _unknown_matcher(str(key), known), value[key]) for key in value if key not in known]
        if faults:
            raise ValidationError.from_exception_data("match", faults)
        return value


def _unknown_matcher(key: str, known: list[str]) -> str:
    near = get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
    return f"unknown matcher {key}; {hint} A label of the alert goes under labels: {{{key}: ...}}"


def label_fault(name: str) -> str | None:
    """Say what is wrong with a name that alerts are to be grouped or compared by."""
    if name in LABELS or (name.startswith(_CUSTOM) and len(name) > len(_CUSTOM)):
        return None
    near = get_close_matches(name, LABELS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(LABELS)}."
    return f"unknown label {name}; {hint} A label of the alert is written labels.{name}"


def label_of(alert: Alert, name: str) -> str:
    """Return the value of a label of LABELS, or of `labels.<name>`; empty where the alert has none.

    An alert without a story is a story of its own: its group key.
    """
    if name.startswith(_CUSTOM):
        return alert.labels.get(name.removeprefix(_CUSTOM), "")
    return _READ[name](alert) or ""


def mismatch(alert: Alert, matchers: Matchers) -> str | None:
    """Say which condition the alert fails first, or None if it meets them all."""
    conditions: list[tuple[str, str, tuple[str, ...]]] = [
        (name, label_of(alert, name), wanted) for name in LABELS if (wanted := getattr(matchers, name))
    ]
    if matchers.group:
        conditions.append(("group", alert.group_key, matchers.group))
    conditions += [(f"label {name}", alert.labels.get(name, ""), wanted) for name, wanted in matchers.labels.items()]
    for name, actual, wanted in conditions:
        if wanted and actual not in wanted:
            return f"{name} is {actual or 'not set'}, not {' or '.join(wanted)}"
    return None
