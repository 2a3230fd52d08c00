import json
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from alerts.channels.assemble import (
    MissingPackageError,
    MissingSecretError,
    missing_packages,
    missing_secrets,
    open_channels,
)
from alerts.channels.email import EmailChannel
from alerts.delivery import Lane
from alerts.options import OnUnknown
from alerts.routing import Routes

MAIL: dict[str, Any] = {
    "type": "email",
    "from": "a@example.org",
    "to": ["b@example.org"],
    "smtp": {"host": "h", "username": "u", "password": {"secret": "SMTP_PASSWORD"}},
}
HOOK = {"type": "webhook", "url": {"secret": "HOOK_URL"}, "signing_key": {"secret": "HOOK_KEY"}}
SLACK = {"type": "slack", "webhook_url": {"secret": "SLACK_URL"}}
BOT = {"type": "slack", "name": "bot", "bot_token": {"secret": "SLACK_TOKEN"}, "channel": "#x"}
SECRETS = {
    name: SecretStr("https://example.org/x\n")
    for name in ("SMTP_PASSWORD", "HOOK_URL", "HOOK_KEY", "SLACK_URL", "SLACK_TOKEN")
}


def routes(*channels: dict[str, Any]) -> Routes:
    tree = {"route": {"receiver": "desk"}, "receivers": [{"name": "desk", "channels": list(channels)}]}
    return Routes.model_validate_json(json.dumps(tree))


def test_every_missing_secret_is_told_with_receiver_and_channel() -> None:
    with pytest.raises(MissingSecretError) as caught:
        open_channels(routes(MAIL, HOOK, SLACK), {"SLACK_URL": SecretStr(" ")})
    assert str(caught.value).split("; ") == [
        "receiver desk, channel email: the secret SMTP_PASSWORD is not set",
        "receiver desk, channel webhook: the secret HOOK_URL is not set",
        "receiver desk, channel webhook: the secret HOOK_KEY is not set",
        "receiver desk, channel slack: the secret SLACK_URL is not set",
    ]


def test_optional_channel_is_left_out_with_a_log_line() -> None:
    tree = routes({"type": "console"}, {**SLACK, "optional": True})
    assert missing_secrets(tree, {}) == ()
    with capture_logs() as lines:
        opened = open_channels(tree, {})
    assert [one.lane for one in opened] == [Lane("desk", "console")]
    assert lines == [
        {
            "event": "channel_left_out",
            "log_level": "warning",
            "receiver": "desk",
            "channel": "slack",
            "missing": ["SLACK_URL"],
        }
    ]


def test_every_kind_of_channel_opens() -> None:
    opened = open_channels(routes({"type": "console"}, MAIL, HOOK, SLACK, BOT), SECRETS)
    assert [one.channel.name for one in opened] == ["console", "email/b@example.org", "webhook", "slack", "bot"]
    assert [one.concurrency for one in opened] == [1, 1, 16, 1, 1]
    assert [one.pace_seconds for one in opened] == [0, 0, 0, 1.0, 1.0]
    assert [one.digest_items for one in opened][:3] == [None, 100, None]


def test_each_address_is_a_lane_of_its_own() -> None:
    to = ["Desk <desk@example.org>", "a/b@example.org"]
    opened = open_channels(routes({**MAIL, "to": to}), SECRETS)
    assert [str(one.lane) for one in opened] == ["desk/email/desk@example.org", "desk/email/a/b@example.org"]
    assert {one.lane.receiver for one in opened} == {"desk"}
    assert [one.lane.channel for one in opened] == [one.channel.name for one in opened]


def test_channels_share_the_connections_to_their_relay() -> None:
    other = {**MAIL, "name": "other", "smtp": {**MAIL["smtp"], "host": "elsewhere"}}
    opened = open_channels(routes({**MAIL, "to": ["a@example.org", "b@example.org"]}, other), SECRETS)
    first, second, elsewhere = (one.channel._relay for one in opened if isinstance(one.channel, EmailChannel))
    assert first is second
    assert first is not elsewhere


def test_an_address_listed_twice_is_a_fault() -> None:
    with pytest.raises(ValidationError, match=r"to: desk@example\.org is listed twice"):
        routes({**MAIL, "to": ["desk@example.org", "Desk <DESK@example.org>"]})


APPRISE = {"type": "apprise", "url": {"secret": "APPRISE_URL"}}


def test_apprise_opens_without_being_imported() -> None:
    (opened,) = open_channels(routes(APPRISE), {"APPRISE_URL": SecretStr("json://example.org/")})
    assert (opened.lane, opened.concurrency) == (Lane("desk", "apprise"), 1)


def test_a_missing_package_is_told_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.channels.apprise.find_spec", lambda name: None)
    secrets = {"APPRISE_URL": SecretStr("json://example.org/")}
    said = "receiver desk, channel apprise: the package apprise is not installed; pip install 'redline-alerts[apprise]'"
    assert missing_packages(routes(APPRISE)) == (said,)
    with pytest.raises(MissingPackageError, match="not installed"):
        open_channels(routes(APPRISE), secrets)
    optional = routes({"type": "console"}, {**APPRISE, "optional": True})
    assert missing_packages(optional) == ()
    assert [one.lane.channel for one in open_channels(optional, secrets)] == ["console"]


def test_repeats_are_bounded_where_nobody_recognises_them() -> None:
    opened = open_channels(routes(HOOK, SLACK, BOT), SECRETS)
    assert [one.policy.max_repeats for one in opened] == [None, 2, None]


def test_options_become_the_policy() -> None:
    (opened,) = open_channels(routes({**HOOK, "on_unknown": "hold", "give_up_after_hours": 0.5}), SECRETS)
    assert opened.policy.on_unknown is OnUnknown.HOLD
    assert opened.policy.give_up_after.total_seconds() == 1800
