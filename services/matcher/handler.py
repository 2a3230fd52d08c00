"""One article: match it, publish what matched."""

from schemas.article import Article
from schemas.streams import MATCHES
from services.matcher.watchlist import Watchlist
from services.ports import Publisher


class MatcherHandler:
    """Publishes a Match for every watch topic an article satisfies. The same article gives the same matches."""

    def __init__(self, watchlist: Watchlist, publisher: Publisher) -> None:
        self._watchlist = watchlist
        self._publisher = publisher

    async def handle(self, article: Article) -> None:
        """Match one article revision against every rule."""
        for match in self._watchlist.match(article):
            await self._publisher.publish(MATCHES, match)
