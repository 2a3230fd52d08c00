"""What rules are matched against: the fields of one article, each indexed when first asked for."""

import re
from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet

from schemas.article import Article
from schemas.match import EvidenceField
from services.domain.rules.leaves import Leaf, Near
from services.domain.rules.stretches import Occurrences
from services.domain.text.language import identify
from services.domain.text.token_index import TokenIndex

Fields = tuple[EvidenceField, ...]
# Where a query without a field looks.
CONTENT: Fields = (EvidenceField.TITLE, EvidenceField.TEXT)
# Names the language of a text by its ISO 639-1 code, or None if it cannot tell; given languages, it may say None of any
# other too.
Identify = Callable[[str, Collection[str] | None], str | None]

_PRIMARY_SUBTAG = re.compile(r"[A-Za-z]*")


class ArticleIndex:
    """The fields of one article; a leaf is looked up in each at most once, however many rules share it.

    `texts` holds what the article states; a field it lacks is empty. An article that states no language is in the one
    that `identify` makes of its title and text, when a rule first asks.
    """

    __slots__ = ("_found", "_identify", "_indexes", "_keys", "_language", "texts")

    def __init__(self, texts: Mapping[EvidenceField, str], identify: Identify = identify) -> None:
        self.texts = texts
        self._identify = identify
        self._indexes: dict[EvidenceField, TokenIndex] = {}
        self._found: dict[tuple[int, EvidenceField], tuple[Leaf, Occurrences]] = {}
        self._keys: AbstractSet[str] | None = None
        self._language: str | None = None

    def index(self, name: EvidenceField) -> TokenIndex:
        """Return the words of a field."""
        index = self._indexes.get(name)
        if index is None:
            index = self._indexes[name] = TokenIndex(self.searched(name))
        return index

    def searched(self, name: EvidenceField, languages: Collection[str] | None = None) -> str:
        """Return the text that rules see in a field; its offsets are those of `texts`.

        A country is seen in capitals. Of a language tag its language alone is seen, in small letters: `ko` of `ko-KR`.
        A language that is not stated may be left out unless it is one of these.
        """
        text = self.texts.get(name)
        if name is EvidenceField.COUNTRY and text:
            return text.upper() if text.isascii() else text
        if name is EvidenceField.LANG:
            tag = self._identified(languages) if text is None else text
            found = _PRIMARY_SUBTAG.match(tag)
            return found.group().lower() if found else ""
        return text or ""

    def keys(self, fields: Fields) -> AbstractSet[str]:
        """Return the keys of all words of one field, or of the title and text together."""
        if len(fields) == 1:
            return self.index(fields[0]).by_key.keys()
        if self._keys is None:
            self._keys = self.index(EvidenceField.TITLE).by_key.keys() | self.index(EvidenceField.TEXT).by_key.keys()
        return self._keys

    def has(self, leaf: Leaf, name: EvidenceField) -> bool:
        """Say whether `leaf` stands in the field."""
        return leaf.stands_in(self.index(name)) if isinstance(leaf, Near) else bool(self.find(leaf, name))

    def find(self, leaf: Leaf, name: EvidenceField) -> Occurrences:
        """Return where `leaf` stands in the field."""
        # By identity, because hashing a leaf costs more than finding it; the leaf is kept, so no other takes its id.
        key = (id(leaf), name)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = (leaf, leaf.find(self.index(name)))
        return found[1]

    def _identified(self, languages: Collection[str] | None) -> str:
        if self._language is None:
            content = "\n".join(self.texts.get(name, "") for name in CONTENT)
            found = self._identify(content, languages)
            if found is None and languages is not None:
                return ""  # it may be another
            self._language = found or ""
        return self._language


def of_article(article: Article, identify: Identify = identify) -> ArticleIndex:
    """Return the index of an article; nothing is cut into words before a rule asks for it."""
    texts = {EvidenceField.TITLE: article.title, EvidenceField.TEXT: article.text, EvidenceField.OUTLET: article.outlet}
    if article.country is not None:
        texts[EvidenceField.COUNTRY] = article.country
    if article.lang is not None:
        texts[EvidenceField.LANG] = article.lang
    if article.author is not None:
        texts[EvidenceField.AUTHOR] = article.author
    return ArticleIndex(texts, identify)
