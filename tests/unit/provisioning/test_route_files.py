"""routes.yaml: options as people write them, and faults with the file, line and key at which they stand."""

from datetime import timedelta
from pathlib import Path

import pytest

from alerts.route_options import DEFAULT_INHIBITION, Budget, Routes
from schemas.watch import Severity
from services.provisioning.catalogues import load_routes
from services.provisioning.faults import ConfigurationError

WHOLE = """\
route:
  receiver: desk
  group_by: [watch_topic, labels.desk]
  group_wait: 30s
  group_interval: 15m
  repeat_interval: 1d
  mute_time_intervals: [nights, new-year]
  routes:
  - match: {story: x}
    group_by: ['...']
    active_time_intervals: [office]
    digest: true
receivers:
- name: desk
  time_zone: Europe/Kyiv
  budget: {per_day: 30, exempt: [critical]}
  digest: {cron: "30 7 * * mon-fri"}
  channels:
  - type: console
time_intervals:
- name: nights
  times:
  - {start_time: "22:00", end_time: "07:00"}
- name: office
  time_zone: Asia/Seoul
  weekdays: [monday:friday]
  times:
  - {start_time: 09:00, end_time: "18:00"}
- name: new-year
  days_of_month: [1, "-1"]
  months: [december, january]
  years: [2024, 2025:2027]
inhibit_rules:
- source_match: {severity: critical}
  target_match: {severity: [info, warning]}
  equal: [watch_topic, labels.desk]
  within: 2h
"""
SHORT = "route:\n  receiver: desk\nreceivers:\n- name: desk\n  channels:\n  - type: console\n"


def loaded(folder: Path, text: str) -> Routes:
    (folder / "routes.yaml").write_text(text)
    return load_routes(folder / "routes.yaml")


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        loaded(folder, text)
    return [str(fault).replace(f"{folder}/", "") for fault in caught.value.faults]


def test_options_are_read_as_people_write_them(tmp_path: Path) -> None:
    routes = loaded(tmp_path, WHOLE)
    root = routes.route
    assert (root.group_wait, root.group_interval) == (timedelta(seconds=30), timedelta(minutes=15))
    assert (root.repeat_interval, root.group_by) == (timedelta(days=1), ("watch_topic", "labels.desk"))
    assert (root.routes[0].group_by, root.routes[0].digest) == (("...",), True)
    desk = routes.receiver("desk")
    assert desk.budget == Budget(per_day=30, exempt=(Severity.CRITICAL,))
    assert (desk.time_zone, desk.digest.cron) == ("Europe/Kyiv", "30 7 * * mon-fri")
    assert [interval.name for interval in routes.intervals(("nights", "new-year"))] == ["nights", "new-year"]
    assert routes.inhibit_rules[0].within == timedelta(hours=2)


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    routes = loaded(tmp_path, SHORT)
    desk = routes.receiver("desk")
    assert (desk.time_zone, desk.budget, desk.digest.cron) == ("UTC", None, "0 8 * * *")
    assert routes.inhibit_rules == DEFAULT_INHIBITION
    assert loaded(tmp_path, SHORT + "inhibit_rules: []\n").inhibit_rules == ()


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ("group_wait: 30s", "group_wait: 30", "routes.yaml:4: route.group_wait: a span is a number and its unit"),
        ("group_interval: 15m", "group_interval: -5m", "routes.yaml:5: route.group_interval: a span is a number"),
        ("repeat_interval: 1d", "repeat_interval: 0s", "routes.yaml:6: route.repeat_interval: must be longer"),
        ("repeat_interval: 1d", "repeat_intervall: 1d", "routes.yaml:6: route.repeat_intervall: unknown key (did you"),
        (
            "group_by: [watch_topic,",
            "group_by: [watch_topik,",
            "routes.yaml:3: route.group_by: unknown label watch_topik",
        ),
        ("labels.desk]\n  group_w", "desk]\n  group_w", "routes.yaml:3: route.group_by: unknown label desk; known are"),
        ("group_by: ['...']", "group_by: ['...', kind]", "routes.yaml:10: route.routes[0].group_by: '...' puts each"),
        (
            "mute_time_intervals: [nights, new-year]",
            "mute_time_intervals: [nights, new-yaer]",
            "routes.yaml:7: route.mute_time_intervals[1]: no time interval is called new-yaer; known are new-year",
        ),
        (
            "active_time_intervals: [office]",
            "active_time_intervals: [offices]",
            "routes.yaml:11: route.routes[0].active_time_intervals[0]: no time interval is called offices",
        ),
        ("digest: true", "digest: daily", "routes.yaml:12: route.routes[0].digest: Input should be a valid boolean"),
        ("match: {story: x}", "match: {storey: x}", "routes.yaml:9: route.routes[0].match.storey: unknown matcher"),
        ("Europe/Kyiv", "Europe/Kiew", "routes.yaml:15: receivers[0].time_zone: not a time zone"),
        ("per_day: 30", "per_day: 0", "routes.yaml:16: receivers[0].budget.per_day: Input should be greater"),
        ("exempt: [critical]", "exempt: [urgent]", "routes.yaml:16: receivers[0].budget.exempt[0]: Input should be"),
        ("30 7 * * mon-fri", "30 7 * *", "routes.yaml:17: receivers[0].digest.cron: a cron line has five fields"),
        ("30 7 * * mon-fri", "30 25 * * *", "routes.yaml:17: receivers[0].digest.cron: not a cron line: bad hour"),
        ("30 7 * * mon-fri", "30 7 31 2 *", "routes.yaml:17: receivers[0].digest.cron: not a cron line: bad day-of-"),
        (
            'start_time: "22:00"',
            "start_time: 22:00",
            "routes.yaml:23: time_intervals[0].times[0].start_time: a time is written in quotes",
        ),
        (
            "name: office",
            "name: nights",
            "routes.yaml:24: time_intervals[1].name: time interval nights is defined twice",
        ),
        ("monday:friday", "monday:frday", "routes.yaml:26: time_intervals[1].weekdays[0]: not a weekday"),
        ("Asia/Seoul", "Seoul", "routes.yaml:25: time_intervals[1].time_zone: not a time zone"),
        ('[1, "-1"]', "[32]", "routes.yaml:30: time_intervals[2].days_of_month[0]: not a day of a month"),
        ("2025:2027", "2027:2025", "routes.yaml:32: time_intervals[2].years[1]: the range ends before it begins"),
        ("{severity: critical}", "{}", "routes.yaml:34: inhibit_rules[0]: source_match must name at least one"),
        (
            "equal: [watch_topic,",
            "equal: [watch_topics,",
            "routes.yaml:36: inhibit_rules[0].equal: unknown label watch_t",
        ),
        ("within: 2h", "within: 0h", "routes.yaml:37: inhibit_rules[0].within: must be longer than nothing"),
    ],
)
def test_fault_is_told_with_its_line_and_key(tmp_path: Path, right: str, wrong: str, fault: str) -> None:
    assert right in WHOLE
    (found,) = [one for one in faults(tmp_path, WHOLE.replace(right, wrong, 1)) if fault.split(":")[1] in one]
    assert found.startswith(fault)


def test_faults_of_all_parts_are_told_at_once(tmp_path: Path) -> None:
    text = WHOLE.replace("30s", "soon").replace("Europe/Kyiv", "Kyiv").replace("within: 2h", "within: 2")
    assert [fault.split(": ")[1] for fault in faults(tmp_path, text)] == [
        "route.group_wait",
        "receivers[0].time_zone",
        "inhibit_rules[0].within",
    ]
