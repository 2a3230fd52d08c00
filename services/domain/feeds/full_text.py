"""Whether an article's page says more than its feed did, and the article with the page's text."""

import re
from datetime import datetime
from enum import StrEnum

from schemas.article import Article
from services.domain.feeds.limits import MAX_TEXT_CHARS, cut
from services.domain.feeds.page import Page

# What a wall of consent or payment leaves of an article is shorter.
MIN_PAGE_CHARS = 250
_CLEARLY_MORE, _CLEARLY_MORE_CHARS = 1.3, 200
# Of the words of an article's title and summary, its page has most; a page of another matter has the common ones.
_MIN_SHARED = 0.3
_MIN_WORDS = 4
_WORD = re.compile(r"[^\W\d_]{4,}|\d{2,}")
_UNSPACED = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]+")
_STEM_CHARS = 5


class TextChoice(StrEnum):
    """Which text an article gets, and why."""

    PAGE = "page"
    TOO_LITTLE = "too_little"  # a wall, or a page that scripts would fill
    NOT_MORE = "not_more"  # the feed has it all already
    ANOTHER_MATTER = "another_matter"  # a page of consent, of an error, of the whole section


def choose_text(article: Article, page: Page) -> TextChoice:
    """Say whether the page's text is clearly more of the same article than what the feed said."""
    size, known = len(page.text), len(article.text)
    if size < MIN_PAGE_CHARS:
        return TextChoice.TOO_LITTLE
    if size < known * _CLEARLY_MORE or size < known + _CLEARLY_MORE_CHARS:
        return TextChoice.NOT_MORE
    said = _stems(f"{article.title} {article.text}")
    if len(said) >= _MIN_WORDS and len(said & _stems(page.text)) < _MIN_SHARED * len(said):
        return TextChoice.ANOTHER_MATTER
    return TextChoice.PAGE


def with_page(article: Article, page: Page, now: datetime) -> Article:
    """Return the article with the page's text; its ids stay. What the feed did not say, the page may.

    The text is led by the feed's summary where the page does not repeat it, so that nothing of it is lost.
    """
    lead = article.text.rstrip(" .…[]")
    is_repeated = _squeezed(lead) in _squeezed(page.text)
    published_at = article.published_at or (min(page.published_at, now) if page.published_at else None)
    return article.model_copy(
        update={
            "title": article.title or page.title,
            "text": page.text if is_repeated else cut(f"{article.text}\n{page.text}", MAX_TEXT_CHARS),
            "author": article.author or page.author,
            "published_at": published_at,
        }
    )


def _stems(text: str) -> frozenset[str]:
    """Return the beginnings of the words, and for scripts whose words are not set apart, the pairs of characters."""
    folded = text.casefold()
    pairs = {run[at : at + 2] for run in _UNSPACED.findall(folded) for at in range(len(run) - 1)}
    return frozenset(pairs | {word[:_STEM_CHARS] for word in _WORD.findall(_UNSPACED.sub(" ", folded))})


def _squeezed(text: str) -> str:
    return " ".join(text.split())
