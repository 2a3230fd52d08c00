from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.digests import compose_digest, digest_item, merge_items, next_digest_at, rank
from alerts.groups import Group, admit
from alerts.options import ConsoleOptions
from alerts.route_options import DigestOptions, GroupPolicy, Receiver
from alerts.routing import Target
from schemas.alert import AlertKind
from schemas.base import content_id
from schemas.notification import DigestItem, DigestReason
from schemas.watch import Severity
from tests.unit.alerts.examples import article
from tests.unit.alerts.timeline import START, named

ZONES = ("Europe/Kyiv", "America/Havana", "Africa/Cairo", "Australia/Lord_Howe", "America/New_York", "UTC")
TARGET = Target(content_id("route"), "root", "desk", GroupPolicy())


def desk(cron: str = "0 8 * * *", time_zone: str = "Europe/Kyiv") -> Receiver:
    console = ConsoleOptions(type="console")
    return Receiver(name="desk", channels=(console,), time_zone=time_zone, digest=DigestOptions(cron=cron))


def group(name: str) -> Group:
    return admit(None, named(name, story=name), TARGET, START)


def an_item(name: str = "a", *alerts: str, **changes: Any) -> DigestItem:
    found = [named(one, story=name) for one in alerts or (name,)]
    return digest_item(group(name), found, DigestReason.ROUTED).model_copy(update=changes)


moments = st.integers(0, 700 * 24 * 3600).map(
    lambda second: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
)
items = st.builds(
    an_item,
    st.sampled_from("abcdefgh"),
    severity=st.sampled_from(Severity),
    kind=st.sampled_from(AlertKind),
    outlets=st.integers(1, 3),
    at=st.integers(0, 3).map(lambda hours: START + timedelta(hours=hours)),
)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(ZONES), moments, st.integers(0, 1439))
def test_daily_digest_comes_once_on_every_day(zone: str, asked_at: datetime, minute: int) -> None:
    receiver = desk(f"{minute % 60} {minute // 60} * * *", zone)
    found = [next_digest_at(receiver, asked_at)]
    for _ in range(5):
        found.append(next_digest_at(receiver, found[-1]))
    days = [moment.astimezone(ZoneInfo(zone)).date() for moment in found]
    assert days == [days[0] + timedelta(days=number) for number in range(6)]
    assert found[0] - timedelta(hours=25) <= asked_at < found[0]
    assert next_digest_at(receiver, found[0] - timedelta(seconds=1)) == found[0]


@pytest.mark.parametrize(
    ("cron", "zone", "day", "wall"),
    [
        ("30 3 * * *", "Europe/Kyiv", date(2024, 3, 31), "04:00"),  # 03:00 to 04:00 is skipped
        ("30 3 * * *", "Europe/Kyiv", date(2024, 10, 27), "03:30"),  # comes twice, counts once
        ("0 8 * * *", "Europe/Kyiv", date(2024, 10, 27), "08:00"),
        ("0 0 * * *", "Africa/Cairo", date(2024, 4, 26), "01:00"),  # midnight is skipped
    ],
)
def test_days_on_which_clocks_change(cron: str, zone: str, day: date, wall: str) -> None:
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) - timedelta(minutes=90)
    moments = [next_digest_at(desk(cron, zone), start)]
    moments.append(next_digest_at(desk(cron, zone), moments[0]))
    local = [moment.astimezone(ZoneInfo(zone)) for moment in moments]
    assert (local[0].date(), f"{local[0]:%H:%M}") == (day, wall)
    assert local[1].date() == day + timedelta(days=1)


def test_hour_that_comes_twice_leads_no_digest_back() -> None:
    second_half_past_three = datetime(2024, 10, 27, 1, 30, tzinfo=UTC)
    due = next_digest_at(desk("45 3 * * *"), second_half_past_three)
    assert due == datetime(2024, 10, 28, 1, 45, tzinfo=UTC)


def test_item_is_led_by_the_most_urgent_and_counts_what_its_story_says() -> None:
    alerts = [
        named("first", story="s", outlets=2),
        named("urgent", story="s", severity=Severity.CRITICAL, outlets=5, article=article(outlet="Second")),
    ]
    item = digest_item(group("s"), alerts, DigestReason.OVER_BUDGET)
    assert (item.title, item.outlet, item.severity) == ("urgent", "Second", Severity.CRITICAL)
    assert item.alert_ids == tuple(alert.id for alert in alerts)
    assert (item.articles, item.outlets) == (5, 5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(Severity), st.lists(st.sampled_from("abcdef"), min_size=1)), min_size=1))
def test_merged_item_has_every_alert_once(parts: list[tuple[Severity, list[str]]]) -> None:
    merged = None
    for severity, names in parts:
        merged = merge_items(merged, an_item("s", *dict.fromkeys(names), severity=severity))
    assert merged is not None
    every = [content_id("alert", name) for _, names in parts for name in names]
    assert merged.alert_ids == tuple(dict.fromkeys(every))
    assert merged.severity is max((severity for severity, _ in parts), key=lambda one: one.rank)
    assert merged.id == an_item("s").id


def test_later_alert_leads_only_if_it_is_more_urgent() -> None:
    before = an_item("s", "a", severity=Severity.WARNING, at=START)
    same = merge_items(before, an_item("s", "b", severity=Severity.WARNING, at=START + timedelta(hours=1)))
    worse = merge_items(before, an_item("s", "b", severity=Severity.CRITICAL))
    assert (same.title, same.at) == ("a", START + timedelta(hours=1))
    assert worse.title == "b"


def test_lines_without_a_story_add_up() -> None:
    first = an_item("s", "a", outlets=2, articles=2, outlet_names=("Gazette", "Post"))
    second = an_item("s", "b", outlets=2, articles=3, outlet_names=("Herald", "Post"))
    merged = merge_items(first, second)
    assert (merged.articles, merged.outlets) == (5, 3)
    assert merge_items(merged, second).articles == 5  # the same again adds nothing
    of_story = merge_items(an_item("s", "a", articles=4, outlets=3), an_item("s", "b", articles=5, outlets=4))
    assert (of_story.articles, of_story.outlets) == (5, 4)


def test_order_of_reading() -> None:
    ordered = [
        an_item("a", severity=Severity.CRITICAL, kind=AlertKind.FEED_HEALTH),
        an_item("b", kind=AlertKind.SHIFT),
        an_item("c", kind=AlertKind.CORRECTION),
        an_item("d", kind=AlertKind.SURGE),
        an_item("e", outlets=5),
        an_item("f", at=START + timedelta(hours=1)),
        an_item("g", at=START),
        an_item("h", kind=AlertKind.FEED_HEALTH),
    ]
    assert rank(reversed(ordered)) == tuple(ordered)


@settings(max_examples=25, deadline=None)
@given(st.lists(items, max_size=20), st.none() | st.integers(1, 7))
def test_digest_holds_all_that_waited_in_order(waiting: list[DigestItem], capacity: int | None) -> None:
    parts = compose_digest(desk(), waiting, START, START + timedelta(days=1), capacity)
    digests = [part.digest for part in parts if part.digest]
    assert [item for digest in digests for item in digest.items] == list(rank(waiting))
    assert [digest.part for digest in digests] == list(range(1, len(parts) + 1)) == [part.revision for part in parts]
    assert {(digest.parts, digest.total) for digest in digests} <= {(len(parts), len(waiting))}
    assert all(len(digest.items) <= (capacity or len(waiting)) for digest in digests)
    assert len({part.id for part in parts}) == len(parts)
    assert len({part.thread for part in parts}) <= 1
    assert parts == compose_digest(desk(), reversed(waiting), START, START + timedelta(days=1), capacity)


def test_whole_digest_and_its_first_part_are_different_messages() -> None:
    waiting, until = [an_item("a"), an_item("b")], START + timedelta(days=1)
    (whole,), (part, _) = (compose_digest(desk(), waiting, START, until, capacity) for capacity in (None, 1))
    (next_day,) = compose_digest(desk(), waiting, START, until + timedelta(days=1))
    assert len({whole.id, part.id, next_day.id}) == 3
    assert whole.thread != next_day.thread
