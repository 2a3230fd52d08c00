"""Where actors stand, read from where the tracker keeps it."""

from services import bootstrap
from services.cli.held_positions import Held, HeldPositions
from services.cli.loading import LoadedSettings
from services.cli.output import BadInputError
from services.domain.positions.tracker import PositionTracker
from services.provisioning.catalogues import Watched
from services.tracker.position_store import ValkeyPositionStore

NO_STATE = "nothing has run here yet, so nobody's position is known; articles can be given instead"


async def stored_positions(loaded: LoadedSettings, watched: Watched) -> tuple[Held, ...]:
    """Return what is kept of these topics' actors; raise BadInputError where nothing has run, and create nothing.

    Raises UnavailableError.
    """
    if not bootstrap.has_state(loaded.settings):
        raise BadInputError(NO_STATE)
    found = HeldPositions(watched)
    async with bootstrap.open_valkey(loaded.settings) as valkey:
        store = ValkeyPositionStore(valkey)
        for watch_topic, ladder in watched.ladders.items():
            for state in await store.states(watch_topic):
                found.put(watch_topic, state.actor, PositionTracker.restore(ladder, state))
    return found.all()
