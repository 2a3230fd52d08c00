"""One article: match it, publish what matched."""

import asyncio

from schemas.article import Article
from schemas.streams import MATCHES
from services.matcher.watchlist import Watchlist
from services.ports import Publisher

# Longer ones take so long (up to seconds for millions of words) that all else must go on meanwhile.
LONG_CHARS = 200_000


class MatcherHandler:
    """Publishes a Match for every watch topic an article satisfies. The same article gives the same matches."""

    def __init__(self, watchlist: Watchlist, publisher: Publisher) -> None:
        self._watchlist = watchlist
        self._publisher = publisher

    async def handle(self, article: Article) -> None:
        """Match one article revision against every rule."""
        async with self._watchlist.in_use:
            if len(article.text) + len(article.title) < LONG_CHARS:
                matches = self._watchlist.match(article)
            else:
                matches = await asyncio.to_thread(self._watchlist.match, article)
        for match in matches:
            await self._publisher.publish(MATCHES, match)
