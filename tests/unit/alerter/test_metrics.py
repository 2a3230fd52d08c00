"""What the alerter shows of itself."""

from datetime import timedelta

from prometheus_client import REGISTRY

from alerts.delivery import Lane
from schemas.base import content_id
from schemas.trace import Stage, TraceStep
from services.alerter import metrics
from tests.fakes import EPOCH
from tests.unit.alerts.examples import an_alert, told


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_what_was_decided_is_counted() -> None:
    alerts = [an_alert(), an_alert(id=content_id("2"))]
    step = TraceStep(subject_kind="alert", subject=alerts[0].id, stage=Stage.SILENCED, at=EPOCH)
    before = sample("redline_alerts_suppressed_total", reason="silenced") or 0
    metrics.count([told(*alerts, receiver="counted")], [step, step.model_copy(update={"stage": Stage.QUEUED})])
    assert sample("redline_alerts_told_total", receiver="counted") == 2
    assert sample("redline_notifications_total", receiver="counted", kind="new") == 1
    assert sample("redline_alerts_suppressed_total", reason="silenced") == before + 1
    assert sample("redline_alerts_suppressed_total", reason="queued") is None


def test_lanes_with_nothing_waiting_vanish() -> None:
    metrics.show_queue({Lane("a", "b"): 3}, EPOCH - timedelta(minutes=1), EPOCH)
    assert sample("redline_deliveries_waiting", receiver="a", channel="b") == 3
    assert sample("redline_delivery_oldest_seconds") == 60
    metrics.show_queue({}, None, EPOCH)
    assert sample("redline_deliveries_waiting", receiver="a", channel="b") is None
    assert sample("redline_delivery_oldest_seconds") == 0
