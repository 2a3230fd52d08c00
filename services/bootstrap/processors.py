"""The matcher and the tracker, assembled."""

import asyncio
import gc
from collections.abc import Callable
from functools import partial

from services.bootstrap.world import Unit, World, stoppable
from services.coding import coder_for
from services.domain.stories.stories import StoryIndex
from services.domain.surges.policy import SurgePolicy
from services.matcher import agent as matcher_agent
from services.matcher.following import RuleFollower
from services.matcher.handler import MatcherHandler
from services.matcher.rule_store import ValkeyRuleStore
from services.matcher.watchlist import Watchlist
from services.provisioning.catalogues import Watched
from services.provisioning.following import FileFollower, fingerprint
from services.runtime.apps import create_app
from services.runtime.dead_letters import DeadLetters
from services.runtime.garbage import return_memory
from services.runtime.publisher import StreamPublisher
from services.runtime.traces import ValkeyTraces
from services.tracker import agent as tracker_agent
from services.tracker.handler import TrackerHandler
from services.tracker.position_store import ValkeyPositionStore
from services.tracker.positions import Positions
from services.tracker.stories import Stories
from services.tracker.story_store import ValkeyStoryStore
from services.tracker.surge_store import ValkeySurgeStore
from services.tracker.surges import Surges


async def build_matcher(world: World) -> Unit:
    """The service that matches articles; the rules are loaded when this returns."""
    app = create_app("matcher", world.broker)
    publisher = StreamPublisher(app)
    settings = world.settings
    places = (settings.topics, settings.actors)
    since = fingerprint(*places)  # before they are read: a change in between must not go unnoticed
    provisioned = await asyncio.to_thread(world.provisioned.watched)
    watchlist = Watchlist(Watched((), provisioned.gazetteer))
    rules = RuleFollower(watchlist, ValkeyRuleStore(world.valkey), provisioned, on_loaded=_let_live)
    await rules.check()  # no article may be matched before the users' rules are known
    files = FileFollower(places, world.provisioned.watched, rules.provision, since)
    matcher_agent.install(app, MatcherHandler(watchlist, publisher), DeadLetters(publisher, "matcher", world.clock))
    interval = settings.matching.reload_seconds
    return Unit(app, tuple(stoppable(follower.run, interval) for follower in (rules, files)))


def _let_live() -> None:
    """Keep what lives long, as rules do, out of all further collections, each of which would walk through it.

    What memory loading took beyond that goes back to the system.
    """
    gc.unfreeze()  # the rules from before, if any, which may be garbage now
    gc.collect()
    gc.freeze()
    return_memory()


async def build_tracker(world: World) -> Unit:
    """The service that decides what a match is worth, and when somebody's position has moved."""
    app = create_app("tracker", world.broker)
    publisher = StreamPublisher(app)
    places = (world.settings.topics, world.settings.actors)
    since = fingerprint(*places)  # before they are read: a change in between must not go unnoticed
    watched = await asyncio.to_thread(world.provisioned.watched)
    traces = ValkeyTraces(world.valkey)
    story_store = ValkeyStoryStore(world.valkey)
    stories = Stories(story_store, _story_index(watched))
    coders = coder_for(world.settings.coding)
    positions = Positions(ValkeyPositionStore(world.valkey), publisher, traces, watched, coders)
    surges = Surges(ValkeySurgeStore(world.valkey), story_store, publisher, world.clock, SurgePolicy())
    handler = TrackerHandler(publisher, world.clock, stories=stories, positions=positions, surges=surges, traces=traces)
    tracker_agent.install(app, handler, DeadLetters(publisher, "tracker", world.clock))

    def take_over(watched: Watched) -> None:
        stories.index_anew(_story_index(watched))
        positions.follow(watched)

    files = FileFollower(places, world.provisioned.watched, take_over, since)
    return Unit(
        app,
        (
            stoppable(files.run, world.settings.matching.reload_seconds),
            stoppable(partial(tracker_agent.announce_in_time, announcers=(positions, surges), clock=world.clock)),
        ),
    )


def _story_index(watched: Watched) -> Callable[[], StoryIndex]:
    return partial(StoryIndex, watched.gazetteer)
