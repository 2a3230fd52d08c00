"""What a feed's own host is told, and nobody else."""

from typing import Any

import pytest
from pydantic import SecretStr

from schemas.base import SecretRef
from schemas.feed import Feed
from services.fetcher.answers import Validators
from services.fetcher.credentials import MissingSecretError, missing_feed_secrets, request_for

SECRETS = {
    "KEY": SecretStr("k3y\n"),
    "LOGIN": SecretStr("desk:pa:ss"),
    "EMPTY": SecretStr(" "),
    "TWO": SecretStr("a\nb"),
}


def feed(**options: Any) -> Feed:
    return Feed(id="wire", url="https://news.example.org/feed", outlet="Wire", **options)


def test_secrets_are_filled_in_and_shown_by_no_repr() -> None:
    asked = request_for(
        feed(headers={"X-Key": SecretRef(secret="KEY"), "X-Team": "night"}, basic_auth=SecretRef(secret="LOGIN")),
        SECRETS,
        validators=Validators('"1"'),
    )
    assert asked.headers == (("X-Key", "k3y"), ("X-Team", "night"))
    assert (asked.url, asked.auth, asked.validators) == (
        "https://news.example.org/feed",
        "desk:pa:ss",
        Validators('"1"'),
    )
    assert "k3y" not in repr(asked)
    assert "pa:ss" not in repr(asked)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://news.example.org/moved", True),
        ("https://feeds.example.org/feed", False),
        ("http://news.example.org/feed", False),
        ("nowhere", False),
    ],
)
def test_where_a_feed_has_moved_to_is_told_only_if_it_is_the_same_host(url: str, told: bool) -> None:
    asked = request_for(feed(headers={"X-Team": "night"}, basic_auth=SecretRef(secret="LOGIN")), SECRETS, url=url)
    assert asked.url == url
    assert bool(asked.headers) is told
    assert (asked.auth is not None) is told


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"basic_auth": SecretRef(secret="NONE")}, "NONE is not set"),
        ({"headers": {"X-Key": SecretRef(secret="EMPTY")}}, "EMPTY is not set"),
        ({"headers": {"X-Key": SecretRef(secret="TWO")}}, "TWO has more than one line"),
        ({"basic_auth": SecretRef(secret="KEY")}, "KEY is to be user:password"),
    ],
)
def test_secrets_that_cannot_be_used_are_named_and_not_told(options: dict[str, Any], why: str) -> None:
    with pytest.raises(MissingSecretError, match=why):
        request_for(feed(**options), SECRETS)
    assert missing_feed_secrets([feed(), feed(**options)], SECRETS) == (f"feed wire: the secret {why}",)
