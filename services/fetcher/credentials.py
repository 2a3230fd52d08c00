"""What a feed's own host is told besides the request: its headers and its password, with the secrets filled in."""

from collections.abc import Iterable, Mapping

from pydantic import SecretStr

from schemas.base import SecretRef
from schemas.feed import Feed
from services.fetcher.answers import FeedRequest, Validators
from services.fetcher.target import BadTargetError, read_target


class MissingSecretError(Exception):
    """A feed names a secret that is not set."""


def request_for(
    feed: Feed, secrets: Mapping[str, SecretStr], *, url: str | None = None, validators: Validators | None = None
) -> FeedRequest:
    """Return the request for a feed, at its own address or at `url`, where it has moved to.

    Its headers and its password are for its own host: at another, they are left out. Raises MissingSecretError.
    """
    at, validators = url or feed.url, validators or Validators()
    if not (feed.headers or feed.basic_auth) or not _is_own_host(feed.url, at):
        return FeedRequest(at, validators)
    headers = tuple(
        (name, _value(feed, value, secrets) if isinstance(value, SecretRef) else value)
        for name, value in feed.headers.items()
    )
    auth = _value(feed, feed.basic_auth, secrets) if feed.basic_auth else None
    return FeedRequest(at, validators, headers, auth)


def missing_feed_secrets(feeds: Iterable[Feed], secrets: Mapping[str, SecretStr]) -> tuple[str, ...]:
    """Return one line for every feed that names a secret that is not set."""
    faults = []
    for feed in feeds:
        try:
            request_for(feed, secrets)
        except MissingSecretError as error:
            faults.append(f"feed {feed.id}: {error}")
    return tuple(faults)


def _is_own_host(own: str, url: str) -> bool:
    try:
        return own == url or read_target(own).may_share_secrets_with(read_target(url))
    except BadTargetError:
        return False


def _value(feed: Feed, ref: SecretRef, secrets: Mapping[str, SecretStr]) -> str:
    # A file's last line break is not part of the secret.
    value = secrets[ref.secret].get_secret_value().strip() if ref.secret in secrets else ""
    if not value:
        raise MissingSecretError(f"the secret {ref.secret} is not set")
    if "\r" in value or "\n" in value:
        raise MissingSecretError(f"the secret {ref.secret} has more than one line")
    if ref == feed.basic_auth and ":" not in value:
        raise MissingSecretError(f"the secret {ref.secret} is to be user:password")
    return value
