"""Taking over changed routes while everything runs."""

from collections.abc import Callable

from alerts.channels.assemble import OpenChannel
from alerts.route_options import Routes
from services.alerter.audience import Audience, CurrentAudience, unchanged_lanes
from services.alerter.dispatcher import Dispatcher
from services.alerter.flusher import Flusher

Open = Callable[[Routes], tuple[OpenChannel, ...]]


class RouteReload:
    """Puts other routes in the place of those of now. Channels whose options are the same go on as they are."""

    def __init__(self, *, open_channels: Open, current: CurrentAudience, dispatcher: Dispatcher, flusher: Flusher):
        self._open = open_channels
        self._current = current
        self._dispatcher = dispatcher
        self._flusher = flusher

    async def take_over(self, routes: Routes) -> None:
        """Tell by these routes from now on. Groups stay; what waits for a route that is gone is routed anew."""
        before, channels = self._current(), self._open(routes)
        unchanged = unchanged_lanes(before.routes, routes, self._dispatcher.lanes)
        # First whom to tell, then how: what is queued for a lane that is not open yet waits there for a moment.
        self._current.become(Audience(routes, channels))
        await self._dispatcher.take_over(channels, unchanged)
        self._flusher.routes_changed()
