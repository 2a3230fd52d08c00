from datetime import timedelta
from typing import Any

import pytest

from alerts.inhibition import Inhibitor, inhibited_by, inhibitor_keys, sources_of
from alerts.route_options import DEFAULT_INHIBITION, InhibitRule
from schemas.alert import Alert, AlertKind
from schemas.watch import Severity
from tests.unit.alerts.timeline import START, named

DAY = timedelta(days=1)
URGENT_FIRST = InhibitRule.model_validate_json(
    '{"source_match": {"severity": "critical"}, "target_match": {"severity": [">= warning"]}, '
    '"equal": ["labels.desk"], "within": "1h"}'
)


def found(alert: Alert, *sources: Alert, rules: tuple[InhibitRule, ...] = DEFAULT_INHIBITION, after: Any = None) -> Any:
    """What inhibits the alert once these sources were seen."""
    kept = {inhibitor.key: inhibitor for source in sources for inhibitor in sources_of(source, rules)}
    kept = {key: kept[key] for key in inhibitor_keys(alert, rules) if key in kept}
    return inhibited_by(alert, rules, kept, START + (after or timedelta(0)))


def shift(name: str = "moved", **changes: Any) -> Alert:
    return named(name, kind=AlertKind.SHIFT, decided_at=START, **changes)


def test_shift_inhibits_the_mentions_of_its_story_and_topic() -> None:
    inhibitor = found(named("a", story="s"), shift(story="s"))
    assert isinstance(inhibitor, Inhibitor)
    assert (inhibitor.alert_id, inhibitor.until) == (shift(story="s").id, START + DAY)


@pytest.mark.parametrize(
    "alert",
    [
        named("a", story="t"),
        named("a", story="s", watch_topic="other"),
        named("a", story="s", kind=AlertKind.SURGE),
        named("a"),
    ],
)
def test_shift_inhibits_nothing_else(alert: Alert) -> None:
    assert found(alert, shift(story="s")) is None


def test_inhibition_ends_with_its_time() -> None:
    alert, source = named("a", story="s"), shift(story="s")
    assert found(alert, source, after=DAY - timedelta(seconds=1))
    assert found(alert, source, after=DAY) is None


def test_alert_of_both_sides_inhibits_neither_itself_nor_its_like() -> None:
    critical = named("a", severity=Severity.CRITICAL, decided_at=START)
    assert found(critical, critical, rules=(URGENT_FIRST,)) is None
    assert found(named("b", severity=Severity.CRITICAL), critical, rules=(URGENT_FIRST,)) is None
    assert found(named("c", severity=Severity.WARNING), critical, rules=(URGENT_FIRST,)) is not None
    assert found(named("d", severity=Severity.INFO), critical, rules=(URGENT_FIRST,)) is None


def test_alert_of_both_sides_is_inhibited_by_one_of_the_source_side_only() -> None:
    rule = InhibitRule.model_validate_json(
        '{"source_match": {"kind": ["shift", "surge"]}, "target_match": {"kind": ["surge", "mention"]}, "within": "1h"}'
    )
    surge = named("surge", kind=AlertKind.SURGE, decided_at=START)
    assert found(surge, shift(), surge, rules=(rule,)) is not None
    assert found(named("other", kind=AlertKind.SURGE), surge, rules=(rule,)) is None


def test_labels_that_both_lack_are_equal() -> None:
    source = named("a", severity=Severity.CRITICAL, decided_at=START, labels={})
    assert found(named("b", labels={}), source, rules=(URGENT_FIRST,)) is not None
    assert found(named("b", labels={"desk": "europe"}), source, rules=(URGENT_FIRST,)) is None


def test_each_rule_has_keys_of_its_own() -> None:
    alert = named("a", story="s")
    two = (*DEFAULT_INHIBITION, URGENT_FIRST)
    keys = inhibitor_keys(alert, two)
    assert len(set(keys)) == len(keys) == 4  # it is on the target side of both, and a source of neither
    assert sources_of(alert, two) == ()
