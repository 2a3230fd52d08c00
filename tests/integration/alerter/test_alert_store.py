"""Every alert is kept for the record, and found by id, time, article, and by how its id begins."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from schemas.alert import Alert
from schemas.base import content_id
from schemas.trace import Stage, TraceStep
from services.alerter.alert_store import KEEP_ALERTS, AlertStoreUnavailableError, ValkeyAlerts
from services.runtime.faults import UnavailableError
from services.runtime.id_index import FoundId, IdKind, ValkeyIds
from services.runtime.traces import ValkeyTraces
from tests.unit.alerts.examples import DECIDED_AT, an_alert, article

HOUR = timedelta(hours=1)
ARTICLE = content_id("article")


@pytest.fixture
def alerts(client: Redis, namespace: str) -> ValkeyAlerts:
    return ValkeyAlerts(client, namespace=namespace)


def alert_at(hours: float, name: str | None = None) -> Alert:
    return an_alert(id=content_id(name or str(hours)), decided_at=at(hours))


def at(hours: float) -> datetime:
    return DECIDED_AT + hours * HOUR


async def test_an_alert_is_kept_once_and_as_it_was_first(alerts: ValkeyAlerts) -> None:
    assert await alerts.keep(an_alert())
    assert not await alerts.keep(an_alert(title="said again"))
    assert await alerts.get(an_alert().id) == an_alert()
    assert await alerts.get(content_id("another")) is None


async def test_the_newest_come_first_within_both_bounds(alerts: ValkeyAlerts) -> None:
    kept = [alert_at(hours) for hours in (2, 0, 3, 1)]
    for alert in kept:
        await alerts.keep(alert)
    newest_first = tuple(sorted(kept, key=lambda alert: alert.decided_at, reverse=True))
    assert await alerts.recent(at(0), at(3), 10) == newest_first
    assert await alerts.recent(at(1), at(2), 10) == newest_first[1:3]
    assert await alerts.recent(at(0), at(3), 2) == newest_first[:2]
    assert await alerts.recent(at(0), at(3), 2, offset=2) == newest_first[2:]
    assert await alerts.recent(at(4), at(9), 10) == ()


async def test_several_are_returned_as_asked_for_without_those_that_are_not_there(alerts: ValkeyAlerts) -> None:
    first, second = alert_at(0), alert_at(1)
    await alerts.keep(first)
    await alerts.keep(second)
    assert await alerts.get_many([second.id, content_id("x"), first.id]) == {second.id: second, first.id: first}
    assert await alerts.get_many([]) == {}


async def test_an_article_leads_to_its_alerts(alerts: ValkeyAlerts) -> None:
    for alert in (alert_at(1), alert_at(0), an_alert(id=content_id("x"), article=article(id=content_id("other")))):
        await alerts.keep(alert)
    await alerts.keep(an_alert(id=content_id("feed"), article=None))
    assert [alert.decided_at for alert in await alerts.of_article(ARTICLE)] == [at(0), at(1)]
    assert await alerts.of_article(content_id("none")) == ()


async def test_what_is_older_than_35_days_is_forgotten(alerts: ValkeyAlerts, client: Redis, namespace: str) -> None:
    await alerts.keep(alert_at(0))
    await alerts.keep(alert_at(1))
    later = KEEP_ALERTS / HOUR + 1
    await alerts.keep(alert_at(later))
    kept = (alert_at(later).id, alert_at(1).id)
    assert await alerts.recent_ids(at(0), at(later), 10) == kept, "one of just 35 days is kept"
    keys = [key async for key in client.scan_iter(f"{namespace}:*")]
    spans = [await client.pttl(key) for key in keys]
    assert len(keys) == 8, "three alerts and ids, one article, one index"
    assert all(0 < span <= KEEP_ALERTS / timedelta(milliseconds=1) for span in spans), "nothing is kept for ever"


async def test_an_alert_that_cannot_be_read_hides_no_other(alerts: ValkeyAlerts, client: Redis, namespace: str) -> None:
    await alerts.keep(alert_at(0))
    await alerts.keep(alert_at(1))
    await client.set(f"{namespace}:{{outbox}}:alert:{alert_at(1).id}", "{")
    assert await alerts.recent(at(0), at(1), 10) == (alert_at(0),)


async def test_a_store_that_does_not_answer_is_said(namespace: str) -> None:
    gone = Redis(unix_socket_path="/nonexistent/s", retry=Retry(NoBackoff(), 0))
    alerts = ValkeyAlerts(gone, namespace=namespace)
    for asked in (
        alerts.keep(an_alert()), alerts.get("x"), alerts.recent(at(0), at(1), 1), alerts.of_article("x"),
    ):  # fmt: skip
        with pytest.raises(AlertStoreUnavailableError):
            await asked
    with pytest.raises(UnavailableError):
        await ValkeyIds(gone, namespace=namespace).beginning_with("abcdef")


async def test_articles_and_alerts_are_found_by_how_their_ids_begin(
    alerts: ValkeyAlerts, client: Redis, namespace: str
) -> None:
    ids = ValkeyIds(client, namespace=namespace)
    await alerts.keep(an_alert())
    step = TraceStep(subject_kind="article", subject=ARTICLE, stage=Stage.MATCHED, at=DECIDED_AT)
    await ValkeyTraces(client, namespace=namespace).note([step, step])
    assert await ids.beginning_with(an_alert().id[:6]) == (FoundId(IdKind.ALERT, an_alert().id),)
    assert await ids.beginning_with(ARTICLE) == (FoundId(IdKind.ARTICLE, ARTICLE),)
    assert await ids.beginning_with(ARTICLE[:5]) == ()
    assert await ids.beginning_with(ARTICLE[:8] + "z") == ()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tails=st.sets(st.text("0123456789abcdef", min_size=26, max_size=26), min_size=1, max_size=6), length=st.data())
async def test_every_id_with_a_beginning_is_found_and_no_other(
    alerts: ValkeyAlerts, client: Redis, namespace: str, tails: set[str], length: st.DataObject
) -> None:
    kept = {f"abcdef{tail}" for tail in tails}
    for alert_id in kept:
        await alerts.keep(an_alert(id=alert_id))
    one = length.draw(st.sampled_from(sorted(kept)))
    prefix = one[: length.draw(st.integers(6, 32))]
    found = {row.id for row in await ValkeyIds(client, namespace=namespace).beginning_with(prefix)}
    assert {alert_id for alert_id in kept if alert_id.startswith(prefix)} <= found
    assert all(alert_id.startswith(prefix) for alert_id in found)
