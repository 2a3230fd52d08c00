"""`redline alerts resend`: what failed is sent again when somebody says so, and what was sent never is."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from redis.asyncio import Redis

from alerts.delivery import Entry, EntryState, Finish, Lane
from schemas.base import content_id
from schemas.delivery import Outcome
from services.alerter.alert_store import ValkeyAlerts
from services.alerter.ledger import ValkeyDeliveryLedger
from services.runtime.traces import ValkeyTraces
from tests.integration.cli.conftest import InStore, Run
from tests.integration.cli.told_alerts import (
    DELIVERED,
    MAIL,
    QUEUED,
    SLACK,
    UNDECIDED,
    alert,
    key_of,
    message,
    record,
    remember,
)

ROUTES = """
route: {receiver: desk}
receivers:
  - name: desk
    channels:
      - {type: slack, webhook_url: {secret: HOOK}}
      - {type: webhook, url: "http://127.0.0.1:9/", allow_private: true}
"""
WEBHOOK = Lane("desk", "webhook")


@pytest.fixture
def after(run: Run, in_store: InStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A state with which an alerter has worked, that had a channel for e-mail."""
    (tmp_path / "routes.yaml").write_text(ROUTES)
    monkeypatch.setenv("REDLINE_ROUTES", str(tmp_path / "routes.yaml"))
    in_store(remember)
    return run


def entries(in_store: InStore) -> dict[Lane, Entry]:
    async def read(valkey: Redis) -> Sequence[Entry]:
        return await ValkeyDeliveryLedger(valkey).entries_of(DELIVERED.id)

    return {entry.lane: entry for entry in in_store(read)}


def test_what_is_dead_is_queued_again_and_what_was_sent_is_not(after: Run, in_store: InStore) -> None:
    ran = after("alerts", "resend", "--dead")
    assert ran.code == 0, ran.err
    assert "SMTP 550 no such user" in ran.out
    assert "queued 1 of 1 again" in ran.out
    found = entries(in_store)
    assert (found[MAIL].state, found[SLACK].state) == (EntryState.PENDING, EntryState.SENT)


def test_an_alert_that_was_sent_is_refused(after: Run, in_store: InStore) -> None:
    ran = after("alerts", "resend", DELIVERED.id, "--channel", "slack")
    assert (ran.code, "is not sent twice" in ran.err) == (1, True)
    assert entries(in_store)[SLACK].state is EntryState.SENT


def test_all_failed_deliveries_of_an_alert_are_meant(after: Run, in_store: InStore) -> None:
    ran = after("alerts", "resend", DELIVERED.id[:8])
    assert (ran.code, "queued 1 of 2 again" in ran.out) == (0, True)
    assert entries(in_store)[MAIL].state is EntryState.PENDING


def test_what_waits_already_is_said_to(after: Run) -> None:
    ran = after("alerts", "resend", key_of(QUEUED, SLACK))
    assert (ran.code, "waits or is being sent already" in ran.err) == (1, True)


def test_a_channel_that_is_gone_is_warned_of_and_can_be_replaced(after: Run, in_store: InStore) -> None:
    assert "no channel desk/email" in after("alerts", "resend", "--dead").err
    moved = after("alerts", "resend", key_of(DELIVERED, MAIL), "--to", "desk/webhook")
    assert (moved.code, moved.err) == (0, "")
    assert (entries(in_store)[WEBHOOK].state, MAIL in entries(in_store)) == (EntryState.PENDING, False)
    ran = after("alerts", "resend", key_of(QUEUED, SLACK), "--to", "desk/webhok")
    assert (ran.code, "did you mean 'desk/webhook'?" in ran.err) == (2, True)


def test_only_what_is_meant_is_sent_again(after: Run, in_store: InStore) -> None:
    for options in (
        ("--unknown",),
        ("--dead", "--since", "1h"),
        ("--dead", "--receiver", "night"),
        ("--dead", "--channel", "slack"),
    ):
        ran = after("alerts", "resend", *options)
        assert (ran.code, "no delivery is meant" in ran.out) == (0, True)
    assert entries(in_store)[MAIL].state is EntryState.DEAD
    assert "1 of 1" in after("alerts", "resend", "--dead", "--unknown", "--since", "6h", "--receiver", "desk").out


def test_an_alert_that_was_never_queued_has_nothing_to_send(after: Run) -> None:
    ran = after("alerts", "resend", UNDECIDED.id)
    assert (ran.code, "no delivery is meant" in ran.out) == (1, True)


def test_it_is_seen_in_the_way_of_the_alert(after: Run, in_store: InStore) -> None:
    after("alerts", "resend", "--dead")

    async def reasons(valkey: Redis) -> list[str]:
        return [step.reason for step in await ValkeyTraces(valkey).of_alert(DELIVERED.id)]

    assert any("sent again by command" in reason for reason in in_store(reasons))


def test_before_many_it_asks(after: Run, in_store: InStore) -> None:
    async def fail(valkey: Redis) -> None:
        ledger, alerts = ValkeyDeliveryLedger(valkey), ValkeyAlerts(valkey)
        for number in range(20):
            one = alert(f"failed {number}", 8 + number / 10)
            await alerts.keep(one)
            await ledger.enqueue(message(one), [WEBHOOK], one.decided_at)
            await record(ledger, WEBHOOK, Finish(Outcome.UNKNOWN, "connection broke"))

    async def failed(valkey: Redis) -> int:
        return len(await ValkeyDeliveryLedger(valkey).failed())

    in_store(fail)
    refused = after("alerts", "resend", "--unknown", "--dead", stdin=b"n\n")
    assert (refused.code, "Send 21 deliveries again?" in refused.out + refused.err) == (1, True)
    assert in_store(failed) == 21
    assert after("alerts", "resend", "--unknown", "--dead", "--channel", "webhook").code == 0, "20 are few"
    assert in_store(failed) == 1
    assert after("alerts", "resend", "--dead", "--yes").code == 0
    assert in_store(failed) == 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "give either an ID"),
        (("abcdef", "--dead"), "give either an ID"),
        (("abcdef", "--since", "1h"), "--since goes with"),
        (("--dead", "--since", "yesterday"), "--since yesterday"),
        ((content_id("x"),), "no article, alert or delivery"),
    ],
)
def test_what_is_not_clear_is_refused(after: Run, options: tuple[str, ...], reason: str) -> None:
    ran = after("alerts", "resend", *options)
    assert (ran.code, reason in ran.err) == (2, True)


def test_where_nothing_has_run_there_is_nothing_to_send(run: Run, tmp_path: Path) -> None:
    assert "nothing has run here yet" in run("alerts", "resend", "--dead").err
    assert not (tmp_path / "data").exists()
