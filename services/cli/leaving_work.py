"""Who has unsubscribed from receivers, and taking that back."""

from collections.abc import Collection
from datetime import datetime

from alerts.routing import Routes
from services import bootstrap
from services.alerter.unsubscribed_store import Left, ValkeyUnsubscribed
from services.cli.output import BadInputError
from services.provisioning.catalogues import load_routes
from services.provisioning.faults import nearest
from services.settings import LoadedSettings


async def everyone_who_left(loaded: LoadedSettings, receiver: str | None) -> tuple[Left, ...]:
    """Return who has unsubscribed, by receiver and address; BadInputError for a receiver that nobody knows."""
    left = await _all(loaded)
    if receiver is None:
        return left
    found = tuple(one for one in left if one.receiver == receiver)
    if not found:
        _check_known(receiver, load_routes(loaded.settings.routes), {one.receiver for one in left})
    return found


async def take_back(loaded: LoadedSettings, receiver: str, address: str) -> datetime:
    """Let this address get mail of this receiver again; return since when it had none. BadInputError if it did."""
    left = await _all(loaded)
    wanted = address.strip().casefold()
    of_receiver = {one.address: one for one in left if one.receiver == receiver}
    if wanted not in of_receiver:
        _check_known(receiver, load_routes(loaded.settings.routes), {one.receiver for one in left})
        raise BadInputError(f"{address} has not unsubscribed from {receiver}{nearest(wanted, of_receiver)}")
    async with bootstrap.open_valkey(loaded.settings) as valkey:
        await ValkeyUnsubscribed(valkey).subscribe_again(receiver, wanted)
    return of_receiver[wanted].at


async def _all(loaded: LoadedSettings) -> tuple[Left, ...]:
    if not bootstrap.has_state(loaded.settings):
        return ()
    async with bootstrap.open_valkey(loaded.settings) as valkey:
        return await ValkeyUnsubscribed(valkey).all()


def _check_known(receiver: str, routes: Routes, used: Collection[str]) -> None:
    known = {one.name for one in routes.receivers} | set(used)
    if receiver not in known:
        names = ", ".join(sorted(known))
        raise BadInputError(f"no receiver {receiver!r}{nearest(receiver, known)}; known are {names}")
