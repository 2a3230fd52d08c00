"""Articles as claims, as the pipeline makes them: matched, placed in a story, coded, and read on the ladder."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.article import Article
from schemas.base import Contract
from schemas.claim import Claim
from schemas.match import Evidence
from services.cli.output import fault
from services.provisioning.article_files import BadLine, ReadArticle
from services.provisioning.catalogues import Watched
from services.settings import CodingSettings

if TYPE_CHECKING:
    from services.domain.claims.coder import Coder
    from services.domain.stories.stories import StoryIndex

_IDS_OF_ARTICLES = ("article_id", "origin_id")
Spans = dict[str, tuple[Evidence, ...]]


class _Matched(NamedTuple):
    """An article, and the evidence of each topic on whose ladder it is read."""

    item: ReadArticle
    spans: Spans


class ClaimReader:
    """Reads articles as claims of every topic that has a ladder; what is no article is counted in `unreadable`.

    With `unmatched`, an article is read on every ladder, whether or not a rule matches it.
    """

    def __init__(self, watched: Watched, coding: CodingSettings, *, unmatched: bool = False) -> None:
        from services.matcher.watchlist import Watchlist

        self.watched = watched
        self.unreadable = 0
        self._watchlist = Watchlist(watched)
        self._coding = coding
        self._unmatched = unmatched
        self._stories: dict[str, StoryIndex] = {}
        self._given_ids: dict[str, str] = {}

    def read_all(self, items: Iterable[ReadArticle | BadLine]) -> Iterator[tuple[Claim, ...]]:
        """Yield what each article claims, by topic and in reading order, as soon as it is read."""
        yield from map(self._claims, self._matched(items))

    def read_in_time(self, items: Iterable[ReadArticle | BadLine]) -> Iterator[Claim]:
        """Yield all claims when everything is read; the same, of the same origins, in whatever order articles come."""
        matched = sorted(self._matched(items), key=lambda one: _place(one.item.article))
        yield from chain.from_iterable(map(self._claims, matched))

    def to_json(self, contract: Contract) -> dict[str, Any]:
        """Return a contract as JSON takes it, where articles and origins have the ids that their files give them."""
        named: dict[str, Any] = self._named(contract.model_dump(mode="json", exclude_none=True))
        return named

    def _matched(self, items: Iterable[ReadArticle | BadLine]) -> Iterator[_Matched]:
        """Yield the articles to be coded; a line that is no article is told on stderr, and counted in `unreadable`."""
        for item in items:
            if isinstance(item, BadLine):
                fault(str(item.fault))
                self.unreadable += 1
            elif spans := self._spans(item.article):
                self._given_ids[item.article.id] = item.given_id
                yield _Matched(item, spans)

    def _spans(self, article: Article) -> Spans:
        ladders = self.watched.ladders
        found = {
            match.watch_topic: tuple(span for hit in match.hits for span in hit.evidence)
            for match in self._watchlist.match(article)
            if match.watch_topic in ladders
        }
        return {topic: found.get(topic, ()) for topic in sorted(ladders)} if self._unmatched else found

    def _claims(self, matched: _Matched) -> tuple[Claim, ...]:
        article = matched.item.article
        return tuple(claim for topic, spans in matched.spans.items() for claim in self._on(topic, article, spans))

    def _on(self, topic: str, article: Article, matched: tuple[Evidence, ...]) -> tuple[Claim, ...]:
        from services.domain.positions.claims import Provenance, claims_in
        from services.domain.stories.items import from_article

        given = " ".join(dict.fromkeys(span.text for span in matched))
        place, _ = self._index(topic).place(from_article(article, given))
        return claims_in(
            article,
            self._coder,
            watch_topic=topic,
            ladder=self.watched.ladders[topic],
            matched=matched,
            provenance=Provenance(place.story_id, place.origin_id),
            now=article.first_seen_at,  # not the clock's: the same file gives the same lines
        )

    def _index(self, topic: str) -> "StoryIndex":
        from services.domain.stories.stories import StoryIndex

        if topic not in self._stories:
            self._stories[topic] = StoryIndex(self.watched.gazetteer)
        return self._stories[topic]

    @cached_property
    def _coder(self) -> "Coder":
        from services.coding import coder_for  # only where something is to be coded: it loads numpy

        return coder_for(self._coding)(self.watched.gazetteer)

    def _named(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._id(key, inner) for key, inner in value.items()}
        return [self._named(inner) for inner in value] if isinstance(value, list) else value

    def _id(self, key: str, value: Any) -> Any:
        return self._given_ids.get(value, value) if key in _IDS_OF_ARTICLES else self._named(value)


def _place(article: Article) -> tuple[datetime, str, str]:
    return article.event_at, article.id, article.revision_id
