"""Deliveries that failed, found and put back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.delivery import Entry, EntryState, Lane, Resend
from services.cli.alert_work import AlertStores, AlertWay, ArticleWay, alert_stores
from services.cli.output import BadInputError
from services.cli.receiver_work import served_lanes
from services.provisioning.faults import nearest
from services.settings import LoadedSettings

MOST = 100_000  # failed deliveries that are looked at
WHY_NOT = {
    Resend.NOT_KNOWN: "is not kept any more",
    Resend.ALREADY_SENT: "was sent, and is not sent twice",
    Resend.UNDER_WAY: "waits or is being sent already",
}


@dataclass(frozen=True)
class Choice:
    """Which deliveries are meant; None leaves it open. Without an id, those that ended as `dead` or `unknown`."""

    given: str | None = None
    dead: bool = False
    unknown: bool = False
    receiver: str | None = None
    channel: str | None = None
    since: datetime | None = None

    def takes(self, entry: Entry) -> bool:
        """Say whether this delivery is meant."""
        channels = {None, entry.lane.channel, entry.lane.channel.partition("/")[0]}
        if self.receiver not in {None, entry.lane.receiver} or self.channel not in channels:
            return False
        if self.given is not None:
            return True
        asked = {EntryState.DEAD: self.dead, EntryState.UNKNOWN: self.unknown}
        ended_at = entry.finished_at
        return asked.get(entry.state, False) and ended_at is not None and (self.since is None or ended_at >= self.since)


async def resend(
    loaded: LoadedSettings, choice: Choice, to: Lane | None, now: datetime, agree: Callable[[int], None]
) -> list[tuple[Entry, Resend]]:
    """Put back what is meant, each as it was before with what became of the wish; `agree` may raise, given how many."""
    async with alert_stores(loaded) as stores:
        chosen = [entry for entry in await _candidates(stores, choice) if choice.takes(entry)]
        agree(len(chosen))
        return [(entry, await stores.ledger.resend(entry.key, now, to)) for entry in chosen]


async def lane_named(loaded: LoadedSettings, text: str) -> Lane:
    """Return the lane of this name; raise BadInputError if routes.yaml has none such."""
    known = {str(lane): lane for lane in served_lanes(loaded)}
    if text not in known:
        raise BadInputError(f"--to {text}: no such channel{nearest(text, known)}; known are {', '.join(sorted(known))}")
    return known[text]


async def _candidates(stores: AlertStores, choice: Choice) -> Sequence[Entry]:
    if choice.given is None:
        return await stores.ledger.failed(MOST)
    way = await stores.find(choice.given)
    if isinstance(way, AlertWay):
        return way.deliveries
    if isinstance(way, ArticleWay):
        return tuple({entry.key: entry for alert in way.alerts for entry in alert.deliveries}.values())
    return (way.entry,)
