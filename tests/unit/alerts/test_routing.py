import json
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.route_options import GroupPolicy
from alerts.routing import Routes, Verdict, explain_route, find_target, route, targets
from schemas.alert import AlertKind
from schemas.base import content_id
from schemas.story import Novelty, StoryRef
from schemas.watch import Severity
from tests.unit.alerts.examples import an_alert, article

NAMES = ("desk", "night", "seoul", "rest")
RECEIVERS = [{"name": name, "channels": [{"type": "console"}]} for name in NAMES]


STORY = StoryRef(id=content_id("s"), origin_id=content_id("o"), novelty=Novelty.FIRST, articles=1, outlets=1)


def routes(*children: dict[str, Any], **more: Any) -> Routes:
    tree = {"route": {"receiver": "rest", "routes": list(children)}, "receivers": RECEIVERS, **more}
    return Routes.model_validate_json(json.dumps(tree))


def faults(data: dict[str, Any]) -> dict[tuple[int | str, ...], str]:
    with pytest.raises(ValidationError) as caught:
        Routes.model_validate_json(json.dumps(data))
    return {fault["loc"]: fault["msg"] for fault in caught.value.errors()}


def test_alert_no_child_takes_goes_to_the_top_receiver() -> None:
    assert route(an_alert(), routes({"receiver": "desk", "match": {"kind": "shift"}})) == ("rest",)


def test_first_matching_child_wins() -> None:
    tree = routes({"receiver": "desk"}, {"receiver": "night"})
    assert route(an_alert(), tree) == ("desk",)


def test_continue_lets_the_next_sibling_take_it_too() -> None:
    tree = routes({"receiver": "desk", "continue": True}, {"receiver": "night"}, {"receiver": "seoul"})
    assert route(an_alert(), tree) == ("desk", "night")


def test_continue_does_not_fall_back_to_the_parent() -> None:
    tree = routes({"receiver": "desk", "continue": True}, {"receiver": "night", "match": {"kind": "digest"}})
    assert route(an_alert(), tree) == ("desk",)


def test_child_without_receiver_inherits_its_parents() -> None:
    inner = {"match": {"severity": "warning"}, "routes": [{"receiver": "night", "match": {"lang": "ru"}}]}
    tree = routes({"receiver": "desk", "routes": [inner]})
    assert route(an_alert(), tree) == ("desk",)
    assert route(an_alert(article=article(lang="ru")), tree) == ("night",)


def test_receiver_reached_twice_is_told_once_by_the_first_route() -> None:
    tree = routes({"receiver": "desk", "group_wait": "1m", "continue": True}, {"receiver": "desk"})
    (target,) = targets(an_alert(), tree)
    assert (target.label, target.policy.group_wait) == ("root / 1", timedelta(minutes=1))
    last = explain_route(an_alert(), tree)[-1]
    assert (last.verdict, last.reason) == (Verdict.HAD_ALREADY, "matches, but desk has it by root / 1 already")


def test_options_are_inherited_down_the_tree() -> None:
    grandchild = {"group_wait": "0s", "mute_time_intervals": [], "digest": False}
    child = {"receiver": "desk", "group_wait": "30s", "digest": True, "routes": [grandchild]}
    tree = routes(child, time_intervals=[{"name": "weekend", "weekdays": ["saturday:sunday"]}])
    root = tree.route.model_copy(
        update={"group_by": ("kind",), "repeat_interval": timedelta(hours=4), "mute_time_intervals": ("weekend",)}
    )
    (target,) = targets(an_alert(), tree.model_copy(update={"route": root}))
    assert (target.label, target.receiver) == ("root / 1 / 1", "desk")
    assert target.policy == GroupPolicy(group_by=("kind",), repeat_interval=timedelta(hours=4))
    (_, middle, _) = explain_route(an_alert(), tree.model_copy(update={"route": root}))
    assert (middle.target.policy.group_wait, middle.target.policy.digest) == (timedelta(seconds=30), True)
    assert middle.target.policy.mute_time_intervals == ("weekend",)


def test_without_options_the_defaults_apply() -> None:
    (target,) = targets(an_alert(), routes())
    assert target.policy == GroupPolicy(("watch_topic", "story"), timedelta(0), timedelta(minutes=15), None, (), ())


def test_route_of_an_id_is_found_with_the_options_it_has_now() -> None:
    before = routes({"receiver": "desk", "match": {"kind": "mention"}, "group_wait": "1m"})
    after = routes({"receiver": "night", "match": {"kind": "shift"}}, {**CHILD, "group_wait": "2m"})
    (target,) = targets(an_alert(), before)
    found = find_target(after, target.route_id)
    assert found is not None
    assert (found.label, found.policy.group_wait) == ("root / 2", timedelta(minutes=2))
    assert find_target(routes(), target.route_id) is None
    assert find_target(routes({**CHILD, "receiver": "seoul"}), target.route_id) is None
    assert find_target(routes({**CHILD, "match": {"kind": "shift"}}), target.route_id) is None


CHILD = {"receiver": "desk", "match": {"kind": "mention"}}
matches = st.sampled_from(
    [
        {},
        {"labels": {"desk": "east-asia"}},
        {"kind": "mention"},
        {"kind": ["shift"]},
        {"severity": ">= warning"},
        {"lang": "en"},
    ]
)
leaves = st.fixed_dictionaries(
    {"match": matches, "continue": st.booleans()}, optional={"receiver": st.sampled_from(NAMES)}
)
trees = st.lists(
    st.tuples(leaves, st.lists(leaves, max_size=3)).map(lambda pair: {**pair[0], "routes": pair[1]}), max_size=4
)


@settings(max_examples=40, deadline=None)
@given(trees)
def test_routes_have_ids_of_their_own(children: list[dict[str, Any]]) -> None:
    for child in children:  # so that an alert that meets every condition gets to every route
        for node in (child, *child["routes"]):
            node["continue"] = True
            node["match"].pop("kind", None)
    found = {step.target.route_id: step.target for step in explain_route(an_alert(), routes(*children))}
    assert len(found) == 1 + len(children) + sum(len(child["routes"]) for child in children)
    assert all(find_target(routes(*children), route_id) == target for route_id, target in found.items())


@settings(max_examples=40, deadline=None)
@given(trees, st.integers(0, 4), st.sampled_from(["before", "options"]))
def test_edits_elsewhere_leave_ids_as_they_are(children: list[dict[str, Any]], place: int, edit: str) -> None:
    edited = deepcopy(children)
    if edit == "options":
        for child in edited:
            child["group_wait"] = "5m"
    else:
        edited.insert(place, {"receiver": "seoul", "match": {"watch_topic": "new"}, "continue": True})
    before, after = routes(*children), routes(*edited)
    for severity in Severity:
        alert = an_alert(severity=severity)
        assert [one.route_id for one in targets(alert, before)] == [one.route_id for one in targets(alert, after)]
        for target in targets(alert, before):
            found = find_target(after, target.route_id)
            assert found is not None
            assert found.receiver == target.receiver


@pytest.mark.parametrize(
    ("match", "changes", "takes"),
    [
        ({"watch_topic": "rok-arms"}, {}, True),
        ({"watch_topic": ["other", "rok-arms"]}, {}, True),
        ({"watch_topic": "rok"}, {}, False),
        ({"kind": "mention"}, {}, True),
        ({"kind": ["shift", "correction"]}, {}, False),
        ({"kind": "shift"}, {"kind": AlertKind.SHIFT}, True),
        ({"severity": ">= warning"}, {}, True),
        ({"severity": ">=warning"}, {"severity": Severity.CRITICAL}, True),
        ({"severity": ">= warning"}, {"severity": Severity.INFO}, False),
        ({"severity": ["info", ">= critical"]}, {"severity": Severity.WARNING}, False),
        ({"severity": "warning"}, {"severity": Severity.CRITICAL}, False),
        ({"outlet": "Example Wire"}, {}, True),
        ({"outlet": "Example Wire"}, {"article": None}, False),
        ({"lang": ["ko", "en"], "country": "KR"}, {}, True),
        ({"lang": "en", "country": "US"}, {}, False),
        ({"labels": {"desk": "east-asia"}}, {}, True),
        ({"labels": {"desk": ["europe", "east-asia"]}}, {}, True),
        ({"labels": {"team": "x"}}, {}, False),
        ({"group": "rok-arms"}, {}, True),
        ({"group": "other"}, {}, False),
        ({"story": "rok-arms"}, {}, True),  # an alert without a story is one of its own
        ({"story": "rok-arms"}, {"story": STORY}, False),
        ({"story": STORY.id}, {"story": STORY}, True),
        ({}, {}, True),
    ],
)
def test_matchers(match: dict[str, Any], changes: dict[str, Any], takes: bool) -> None:
    got = route(an_alert(**changes), routes({"receiver": "desk", "match": match}))
    assert got == (("desk",) if takes else ("rest",))


def test_explanation_names_the_condition_that_failed() -> None:
    tree = routes({"receiver": "desk", "match": {"severity": "critical"}}, {"receiver": "night"}, {"receiver": "seoul"})
    steps = [(step.path, step.verdict, step.reason) for step in explain_route(an_alert(), tree)]
    assert steps == [
        ((), Verdict.PASSED_ON, "a route below matches"),
        ((0,), Verdict.NOT_MATCHED, "severity is warning, not critical"),
        ((1,), Verdict.DELIVERED, "matches"),
        ((2,), Verdict.NOT_REACHED, "an earlier route took the alert"),
    ]


def test_unknown_receiver_is_a_fault_where_it_is_named() -> None:
    found = faults({"route": {"receiver": "rest", "routes": [{"receiver": "dsek"}]}, "receivers": RECEIVERS})
    assert found == {
        ("route", "routes", 0, "receiver"): "no receiver is called dsek; known are desk, night, rest, seoul"
    }


def test_unknown_matcher_suggests_the_nearest() -> None:
    tree = {"receiver": "rest", "routes": [{"match": {"severty": "info"}}]}
    (message,) = faults({"route": tree, "receivers": RECEIVERS}).values()
    assert message.startswith("unknown matcher severty; did you mean severity?")


def test_label_outside_labels_is_told_where_to_go() -> None:
    tree = {"receiver": "rest", "routes": [{"match": {"desk": "asia"}}]}
    (message,) = faults({"route": tree, "receivers": RECEIVERS}).values()
    assert "labels: {desk: ...}" in message


def test_all_faults_of_the_tree_are_told_at_once() -> None:
    twice = {"name": "desk", "channels": [{"type": "console"}, {"type": "console"}]}
    found = faults({"route": {"match": {"kind": "shift"}, "continue": True}, "receivers": [*RECEIVERS, twice]})
    assert set(found) == {
        ("route", "receiver"),
        ("route", "match"),
        ("route", "continue"),
        ("receivers", 4, "name"),
        ("receivers", 4, "channels", 1, "name"),
    }


@pytest.mark.parametrize(
    ("channel", "field", "says"),
    [
        ({"type": "slack"}, (), "give either webhook_url or bot_token"),
        ({"type": "slack", "webhook_url": "https://hooks.slack.com/x"}, ("webhook_url",), "never written in this file"),
        ({"type": "slack", "bot_token": {"secret": "T"}}, (), "needs a channel"),
        ({"type": "slack", "webhook_url": {"secret": "T"}, "channel": "#x"}, (), "remove channel"),
        ({"type": "webhook", "url": "ftp://example.org"}, ("url", "url"), "http:// or https://"),
        ({"type": "webhook", "url": "https://a:b@example.org"}, ("url", "url"), "must not hold a user name"),
        ({"type": "webhook", "url": "https://x.org", "headers": {"A": "b\r\nC: d"}}, (), "one line of ASCII"),
        ({"type": "webhook", "url": "https://x.org", "headers": {"Idempotency-Key": "b"}}, (), "set by Redline itself"),
        ({"type": "webhook", "url": "https://x.org", "signing_key": "k"}, ("signing_key",), "never written"),
        ({"type": "email", "from": "a@b.org", "to": [], "smtp": {"host": "h"}}, ("to",), "at least one"),
        ({"type": "email", "from": "a@b.org", "to": ["nobody"], "smtp": {"host": "h"}}, ("to", 0), "not an e-mail"),
        (
            {"type": "email", "from": "a@b.c\nBcc: x@y.z", "to": ["a@b.c"], "smtp": {"host": "h"}},
            ("from",),
            "ASCII",
        ),
        ({"type": "console", "colour": True}, ("colour",), "Extra inputs"),
        ({"type": "console", "name": "a/b"}, ("name",), "pattern"),
        ({"type": "console", "on_unknown": "shrug"}, ("on_unknown",), "'resend' or 'hold'"),
    ],
)
def test_channel_faults(channel: dict[str, Any], field: tuple[int | str, ...], says: str) -> None:
    found = faults({"route": {"receiver": "a"}, "receivers": [{"name": "a", "channels": [channel]}]})
    (location, message), *others = found.items()
    assert not others
    assert location == ("receivers", 0, "channels", 0, channel["type"], *field)
    assert says in message


def test_smtp_password_is_refused_in_clear() -> None:
    smtp = {"host": "h", "security": "none", "username": "u", "password": {"secret": "P"}}
    channel = {"type": "email", "from": "a@b.org", "to": ["a@b.org"], "smtp": smtp}
    (message,) = faults({"route": {"receiver": "a"}, "receivers": [{"name": "a", "channels": [channel]}]}).values()
    assert "in clear" in message


def test_channels_default_their_names_and_may_be_named() -> None:
    channels = [{"type": "console"}, {"type": "console", "name": "second"}]
    tree = routes(receivers=[{"name": "rest", "channels": channels}])
    assert [channel.name for channel in tree.receivers[0].channels] == ["console", "second"]
