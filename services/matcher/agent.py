"""Articles to the matcher's handler."""

import faust

from schemas.streams import ARTICLES
from services.matcher.handler import MatcherHandler
from services.runtime.consume import Rejections, subscribe


def install(app: faust.App, handler: MatcherHandler, dead_letters: Rejections) -> None:
    """Let the handler see every article."""
    subscribe(app, ARTICLES, handler.handle, dead_letters)
