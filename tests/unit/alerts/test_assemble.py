import json
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from alerts.channels.assemble import MissingSecretError, missing_secrets, open_channels
from alerts.delivery import Lane
from alerts.options import OnUnknown
from alerts.routing import Routes

MAIL = {
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
    assert [one.channel.name for one in opened] == ["console", "email", "webhook", "slack", "bot"]
    assert [one.concurrency for one in opened] == [1, 4, 16, 1, 1]
    assert [one.pace_seconds for one in opened] == [0, 0, 0, 1.0, 1.0]


def test_repeats_are_bounded_where_nobody_recognises_them() -> None:
    opened = open_channels(routes(HOOK, SLACK, BOT), SECRETS)
    assert [one.policy.max_repeats for one in opened] == [None, 2, 5]


def test_options_become_the_policy() -> None:
    (opened,) = open_channels(routes({**HOOK, "on_unknown": "hold", "give_up_after_hours": 0.5}), SECRETS)
    assert opened.policy.on_unknown is OnUnknown.HOLD
    assert opened.policy.give_up_after.total_seconds() == 1800
