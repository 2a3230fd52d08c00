"""Inhibition: what need not be told because something greater was, by Alertmanager's rules. Pure.

An alert that meets a rule's `source_match` leaves an Inhibitor under a key that holds the rule and the values of the
labels in `equal`; an alert that meets `target_match` is inhibited by what it finds under the key of its own values. One
that meets both sides does not inhibit itself, nor others that meet both.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from alerts.matchers import label_of, mismatch
from alerts.route_options import InhibitRule
from schemas.alert import Alert, AlertKind
from schemas.base import ContentId, Contract, UtcDatetime, content_id


class Inhibitor(Contract):
    """An alert that inhibits others until a moment. Of two under one key, the one that lasts longer is kept."""

    key: ContentId
    until: UtcDatetime
    alert_id: ContentId
    kind: AlertKind
    title: str


def sources_of(alert: Alert, rules: Iterable[InhibitRule]) -> tuple[Inhibitor, ...]:
    """Return what this alert inhibits, by each rule that it is a source of."""
    found = []
    for rule in rules:
        if mismatch(alert, rule.source_match) is None:
            both_sides = mismatch(alert, rule.target_match) is None
            found.append(
                Inhibitor(
                    key=_key(rule, alert, both_sides=both_sides),
                    until=alert.decided_at + rule.within,
                    alert_id=alert.id,
                    kind=alert.kind,
                    title=alert.title,
                )
            )
    return tuple(found)


def inhibitor_keys(alert: Alert, rules: Iterable[InhibitRule]) -> tuple[str, ...]:
    """Return the keys under which an inhibitor of this alert would be, in the order of the rules."""
    keys = []
    for rule in rules:
        if mismatch(alert, rule.target_match) is None:
            keys.append(_key(rule, alert, both_sides=False))
            if mismatch(alert, rule.source_match) is not None:
                keys.append(_key(rule, alert, both_sides=True))
    return tuple(keys)


def inhibited_by(
    alert: Alert, rules: Sequence[InhibitRule], lookup: Mapping[str, Inhibitor], now: datetime
) -> Inhibitor | None:
    """Return what inhibits an alert at `now`, or None; `lookup` holds at least what its `inhibitor_keys` lead to."""
    found = (lookup[key] for key in inhibitor_keys(alert, rules) if key in lookup)
    return next((one for one in found if now < one.until), None)


def _key(rule: InhibitRule, alert: Alert, *, both_sides: bool) -> str:
    conditions = (side.model_dump_json(exclude_defaults=True) for side in (rule.source_match, rule.target_match))
    values = (part for name in sorted(rule.equal) for part in (name, label_of(alert, name)))
    return content_id("inhibitor", *conditions, "both" if both_sides else "source", *values)
