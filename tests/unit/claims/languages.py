"""A gazetteer with names in Russian, Ukrainian and Korean, for tests of sentences that cues and grammar read."""

from functools import cache

from schemas.article import Article
from schemas.claim import Statement
from schemas.watch import Actor, ActorKind
from services.domain.claims.coder import Coder
from services.domain.text.gazetteer import Gazetteer
from tests.unit.claims.gazetteer import article


def _state(key: str, **aliases: tuple[str, ...]) -> Actor:
    return Actor(id=key, kind=ActorKind.STATE, name=key.title(), aliases=aliases)


def _of(key: str, state: str, **aliases: tuple[str, ...]) -> Actor:
    return Actor(id=key, kind=ActorKind.ORGANISATION, name=key, stands_for=state, aliases=aliases)


ACTORS = (
    _state("japan", ru=("Япония", "японский", "Токио"), uk=("Японія", "японський", "Токіо"), ko=("일본", "도쿄")),
    _state("china", ru=("Китай", "китайский", "Пекин"), uk=("Китай", "китайський", "Пекін"), ko=("중국", "베이징")),
    _state("poland", ru=("Польша", "польский", "Варшава"), uk=("Польща", "польський", "Варшава"), ko=("폴란드",)),
    _state("belarus", ru=("Белоруссия", "белорусский", "Минск"), uk=("Білорусь", "білоруський"), ko=("벨라루스",)),
    _state("germany", ru=("Германия", "немецкий", "Берлин"), uk=("Німеччина", "німецький", "Берлін"), ko=("독일",)),
    _state("lithuania", ru=("Литва", "литовский"), uk=("Литва", "литовський"), ko=("리투아니아",)),
    _state("turkey", ru=("Турция", "турецкий", "Анкара"), uk=("Туреччина", "турецький", "Анкара"), ko=("튀르키예",)),
    _state("israel", ru=("Израиль", "израильский"), uk=("Ізраїль", "ізраїльський"), ko=("이스라엘",)),
    _state("kazakhstan", ru=("Казахстан", "казахстанский", "Астана"), uk=("Казахстан",), ko=("카자흐스탄",)),
    _state("south_korea", ru=("Южная Корея", "Сеул"), uk=("Південна Корея", "Сеул"), ko=("한국",)),
    _state("united_states", ru=("=США",), uk=("=США",), ko=("미국",)),
    _of("korean_foreign_ministry", "south_korea", ko=("외교부",)),
    Actor(
        id="ali_kaya", kind=ActorKind.PERSON, name="Ali Kaya", stands_for="turkey", role="president",
        aliases={"ru": ("Кая",), "uk": ("Кая",), "ko": ("카야",)},
    ),
    Actor(
        id="jiyu", kind=ActorKind.ORGANISATION, name="Jiyu", role="party, in opposition", aliases={"ko": ("자유당",)}
    ),
)  # fmt: skip


@cache
def coder() -> Coder:
    return Coder(Gazetteer.from_actors(ACTORS))


def code(text: str, lang: str) -> list[Statement]:
    written: Article = article(text, lang=lang)
    return list(coder().code(written))


def code_one(text: str, lang: str) -> Statement:
    (found,) = code(text, lang)
    return found
