"""A small gazetteer and articles for tests of the coder."""

from datetime import UTC, datetime
from functools import cache

from schemas.article import Article
from schemas.claim import Statement
from schemas.ids import content_id
from schemas.watch import Actor, ActorKind
from services.domain.claims.coder import Coder
from services.domain.text.gazetteer import Gazetteer

WRITTEN_AT = datetime(2024, 11, 28, 9, tzinfo=UTC)


def _state(key: str, code: str, **aliases: tuple[str, ...]) -> Actor:
    return Actor(id=key, kind=ActorKind.STATE, name=key.title(), code=code, aliases=aliases)


ACTORS = (
    _state(
        "norway", "NOR", en=("Norway", "Norwegian", "Oslo"), ru=("Норвегия", "норвежский", "Осло"),
        uk=("Норвегія", "норвезький", "Осло"), ko=("노르웨이", "오슬로"),
    ),
    _state(
        "moldova", "MDA", en=("Moldova", "Moldovan", "Chisinau"), ru=("Молдавия", "Кишинев"),
        uk=("Молдова", "Кишинів"), ko=("몰도바",),
    ),
    _state("russia", "RUS", en=("Russia", "Russian", "Moscow"), ru=("Россия", "Москва"), uk=("Росія",), ko=("러시아",)),
    _state("united_states", "USA", en=("United States", "American", "Washington", "=US")),
    Actor(id="kremlin", kind=ActorKind.ORGANISATION, name="Kremlin", stands_for="russia", aliases={"en": ("Kremlin",)}),
    Actor(
        id="jonas_store", kind=ActorKind.PERSON, name="Jonas Store", stands_for="norway", role="prime minister",
        aliases={"en": ("Jonas Store", "Store")},
    ),
    Actor(
        id="ola_berg", kind=ActorKind.PERSON, name="Ola Berg", role="researcher at a peace institute",
        aliases={"en": ("Ola Berg",)},
    ),
)  # fmt: skip


@cache
def coder() -> Coder:
    return Coder(Gazetteer.from_actors(ACTORS))


def article(text: str, *, title: str = "", lang: str | None = "en") -> Article:
    return Article(
        id=content_id("test", title, text),
        revision=1,
        revision_id=content_id("revision", title, text),
        feed_id="feed",
        outlet="Fjord Gazette",
        title=title,
        text=text,
        lang=lang,
        published_at=WRITTEN_AT,
        first_seen_at=WRITTEN_AT,
    )


def code(text: str, *, lang: str | None = "en") -> list[Statement]:
    return list(coder().code(article(text, lang=lang)))


def code_one(text: str, *, lang: str | None = "en") -> Statement:
    (found,) = code(text, lang=lang)
    return found
