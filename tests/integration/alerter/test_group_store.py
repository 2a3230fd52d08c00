"""What was read is written only while it is the same: whoever comes second changes nothing, and learns it."""

from datetime import timedelta

import pytest
from redis.asyncio import Redis

from alerts.delivery import Lane
from alerts.digests import compose_digest, digest_item
from alerts.groups import Group, admit, group_key
from alerts.routing import targets
from schemas.alert import Alert
from schemas.notification import DigestReason
from services.alerter.group_store import Admitted, Commit, DigestLine, HeldGroup, Spent, ValkeyGroups
from services.alerter.ledger import ValkeyDeliveryLedger
from tests.fakes import EPOCH
from tests.integration.alerter.timeline import mention, routes_of
from tests.unit.alerts.examples import told

ROUTES = routes_of("route: {receiver: desk}")
DESK = Lane("desk", "console")
LATER = EPOCH + timedelta(hours=1)


@pytest.fixture
def groups(client: Redis, namespace: str) -> ValkeyGroups:
    return ValkeyGroups(client, namespace=namespace)


def group_of(alert: Alert, group: Group | None = None) -> Group:
    return admit(group, alert, targets(alert, ROUTES)[0], EPOCH)


async def held(groups: ValkeyGroups, alert: Alert) -> HeldGroup:
    """Return the alert's group as it is kept, with the alert in it."""
    key, _ = group_key(alert, targets(alert, ROUTES)[0])
    before = await groups.load(key)
    answer, after = await groups.admit(before, group_of(alert, before.group), alert.id, (), due_at=EPOCH)
    assert answer is Admitted.ADMITTED
    assert after == await groups.load(key)  # so that it need not be read again
    return after


async def add_line(groups: ValkeyGroups, alert: Alert) -> bool:
    return await groups.commit(await with_line(groups, await held(groups, alert), alert), EPOCH)


async def with_line(groups: ValkeyGroups, one: HeldGroup, alert: Alert) -> Commit:
    assert one.group is not None
    item = digest_item(one.group, [alert], DigestReason.ROUTED)
    return Commit(one, one.group, line=DigestLine("desk", await groups.line("desk", one.key), item, LATER))


async def test_second_admission_on_the_same_reading_is_a_conflict(groups: ValkeyGroups) -> None:
    a, b = mention("a", "story"), mention("b", "story")
    key, _ = group_key(a, targets(a, ROUTES)[0])
    before = await groups.load(key)
    answers = [await groups.admit(before, group_of(one), one.id, (), due_at=EPOCH) for one in (a, b)]
    answers.append(await groups.admit(await groups.load(key), group_of(a), a.id, (), due_at=EPOCH))
    assert [answer for answer, _ in answers] == [Admitted.ADMITTED, Admitted.CONFLICT, Admitted.KNOWN]
    assert answers[1][1] == before


async def test_group_that_began_anew_is_not_taken_for_the_old_one(groups: ValkeyGroups) -> None:
    a, b = mention("a", "story"), mention("b", "story")
    old = await held(groups, a)
    assert await groups.commit(Commit(old, None), EPOCH)
    await held(groups, b)
    assert not await groups.commit(Commit(old, None), EPOCH)


async def test_budget_that_was_spent_meanwhile_is_a_conflict(groups: ValkeyGroups) -> None:
    one, other = await held(groups, mention("a")), await held(groups, mention("b"))
    spent = Spent("desk", EPOCH.date(), 0)
    assert await groups.commit(Commit(one, one.group, spent=spent), EPOCH)
    assert not await groups.commit(Commit(other, other.group, spent=spent), EPOCH)
    third = Commit(other, other.group, spent=Spent("desk", EPOCH.date(), 1))
    assert await groups.commit(third, EPOCH)


async def test_line_that_was_told_meanwhile_is_not_merged_with(groups: ValkeyGroups) -> None:
    a, b = mention("a", "story"), mention("b", "story")
    assert await add_line(groups, a)
    late = await with_line(groups, await held(groups, b), b)
    assert await groups.commit_digest(await groups.digest("desk"), (), (), EPOCH)
    assert not await groups.commit(late, EPOCH)
    assert (await groups.digest("desk")).items == ()


async def test_line_that_came_while_the_digest_was_written_stays_for_the_next(
    groups: ValkeyGroups, client: Redis, namespace: str
) -> None:
    assert await add_line(groups, mention("a"))
    reading = await groups.digest("desk")
    assert await add_line(groups, mention("b"))
    messages = [(one, (DESK,)) for one in compose_digest(ROUTES.receiver("desk"), reading.items, EPOCH, LATER)]
    assert not await groups.commit_digest(reading, messages, (), LATER)
    ledger = ValkeyDeliveryLedger(client, namespace=namespace)
    assert await ledger.unfinished() == 0
    again = await groups.digest("desk")
    assert len(again.items) == 2
    assert await groups.commit_digest(again, messages, (), LATER)
    assert await ledger.waiting() == {DESK: 1}
    assert await groups.digests() == {}


async def test_refused_commit_queues_nothing(groups: ValkeyGroups, client: Redis, namespace: str) -> None:
    one = await held(groups, mention("a"))
    assert await groups.commit(Commit(one, one.group), EPOCH)
    assert not await groups.commit(Commit(one, None, messages=((told(), (DESK,)),)), EPOCH)
    assert await ValkeyDeliveryLedger(client, namespace=namespace).unfinished() == 0
    assert (await groups.load(one.key)).group is not None
