"""How the fetcher behaves towards servers: who it says it is, how much and how long it takes, how often it asks."""

from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version

from services.domain.feeds.schedule import SchedulePolicy

_DISTRIBUTION = "redline-alerts"


def default_user_agent() -> str:
    """Return `Redline/<version>`."""
    try:
        return f"Redline/{version(_DISTRIBUTION)}"
    except PackageNotFoundError:
        return "Redline"  # run from a source tree that was never installed


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """The fetcher's settings. `contact` is an address or page where a server's owner can complain."""

    contact: str | None = None
    user_agent: str | None = None
    concurrency: int = 16
    timeout_seconds: float = 30.0
    max_body_bytes: int = 15 * 1024 * 1024
    max_redirects: int = 5
    # Feeds on loopback and private networks: only for demonstrations and for those who know why.
    allow_private: bool = False
    min_interval: timedelta = timedelta(hours=1)
    default_interval: timedelta = timedelta(hours=1)
    max_interval: timedelta = timedelta(hours=6)
    http2: bool = True
    # May hold a password.
    proxy: str | None = field(default=None, repr=False)
    parse_workers: int = 1
    parse_seconds: float = 15.0

    @property
    def identification(self) -> str:
        """The User-Agent header."""
        agent = self.user_agent or default_user_agent()
        return f"{agent} (+{self.contact})" if self.contact else agent

    @property
    def schedule(self) -> SchedulePolicy:
        """The bounds of polling."""
        return SchedulePolicy(self.min_interval, self.default_interval, self.max_interval)
