"""What goes into a story index and what comes out: items, where they were placed, and the records that rebuild it."""

import json
import struct
from base64 import b64decode, b64encode
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from schemas.article import Article
from schemas.story import Novelty

RECORD_VERSION = 1


@dataclass(frozen=True, slots=True)
class StoryItem:
    """One article as the story index sees it; `at` is aware, and says when it was published.

    `given` are the words that brought it here, as those that a watch rule asks for: every article of the stream has
    them, so they do not say that two are about one event.
    """

    id: str
    outlet: str
    title: str
    text: str
    lang: str | None
    at: datetime
    given: str = ""


def from_article(article: Article, given: str = "") -> StoryItem:
    """Return an article as an item; a new revision of it is the same item."""
    return StoryItem(article.id, article.outlet, article.title, article.text, article.lang, article.event_at, given)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an item was placed, for good.

    `items` and `outlets` count the story with this item. `similarity` is 0 to 1: for a near-duplicate the share of
    words in common, else how sure the index is. `reasons` say in words why it was placed there, and what is new.
    """

    item_id: str
    story_id: str
    origin_id: str
    near_duplicate_of: str | None
    novelty: Novelty
    new_facts: tuple[str, ...]
    items: int
    outlets: int
    similarity: float
    reasons: tuple[str, ...]


class StoryRecordError(ValueError):
    """A stored record cannot be read."""


@dataclass(frozen=True, slots=True)
class StoryRecord:
    """All that an index keeps of one item; the records of its items, in the order of placement, rebuild it.

    `terms`, `facts` and `given` are 4 bytes each, hashed; `signature` is the item's MinHash. `folded` is the younger
    story that was found, at this item, to be about the same event as `placement.story_id`, which is the older.
    """

    placement: Placement
    outlet: str
    language: str
    at: datetime
    terms: bytes
    facts: bytes
    signature: bytes
    cites: str | None
    folded: str | None
    given: bytes = b""

    def to_json(self) -> str:
        """Return the record as one line of JSON."""
        fields: dict[str, Any] = asdict(self.placement)
        fields |= {"v": RECORD_VERSION, "outlet": self.outlet, "language": self.language, "at": self.at.isoformat()}
        fields |= {name: b64encode(getattr(self, name)).decode() for name in ("terms", "facts", "signature", "given")}
        fields |= {"cites": self.cites, "folded": self.folded}
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str | bytes) -> "StoryRecord":
        """Return the record of a line, or raise StoryRecordError."""
        try:
            fields = json.loads(line)
            if (version := fields.pop("v")) != RECORD_VERSION:
                raise StoryRecordError(f"a story record of version {version}, expected {RECORD_VERSION}")
            binary = {
                name: b64decode(fields.pop(name), validate=True) for name in ("terms", "facts", "signature", "given")
            }
            at = datetime.fromisoformat(fields.pop("at")).astimezone(UTC)
            own: dict[str, Any] = {name: fields.pop(name) for name in ("outlet", "language", "cites", "folded")}
            own |= binary
            fields["novelty"] = Novelty(fields["novelty"])
            fields["new_facts"], fields["reasons"] = tuple(fields["new_facts"]), tuple(fields["reasons"])
            return cls(placement=Placement(**fields), at=at, **own)
        except StoryRecordError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoryRecordError(f"no story record: {type(error).__name__}: {error}") from error


def packed(numbers: Collection[int]) -> bytes:
    """Return numbers of 32 bits as a record keeps them: 4 bytes each, least first."""
    return struct.pack(f"<{len(numbers)}I", *numbers)


def numbers_of(raw: bytes) -> tuple[int, ...]:
    """Return the numbers that were packed."""
    return struct.unpack(f"<{len(raw) // 4}I", raw)
