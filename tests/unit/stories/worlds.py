"""Items and actors for tests of stories."""

from datetime import UTC, datetime, timedelta

from schemas.watch import Actor, ActorKind
from services.domain.stories.items import StoryItem
from services.domain.text.gazetteer import Gazetteer

NOON = datetime(2024, 11, 27, 12, tzinfo=UTC)


def _actor(actor_id: str, kind: ActorKind, **aliases: tuple[str, ...]) -> Actor:
    return Actor(id=actor_id, kind=kind, name=actor_id, aliases=aliases)


ACTORS = Gazetteer.from_actors(
    [
        _actor(
            "south_korea",
            ActorKind.STATE,
            en=("South Korea", "Seoul"),
            ko=("한국", "정부"),
            ru=("Южная Корея", "Сеул"),
            uk=("Південна Корея", "Сеул"),
        ),
        _actor(
            "ukraine", ActorKind.STATE, en=("Ukraine", "Kyiv"), ko=("우크라이나",), ru=("Украина",), uk=("Україна",)
        ),
        _actor("umerov", ActorKind.PERSON, en=("Umerov",), ko=("우메로우",), ru=("Умеров",), uk=("Умєров",)),
        _actor("arms", ActorKind.TERM_SET, en=("shells",)),
    ]
)


def item(
    item_id: str, title: str, text: str = "", *, outlet: str = "", lang: str | None = None, hours: float = 0
) -> StoryItem:
    """Return an item of an outlet of its own, unless one is named, so many hours after noon."""
    return StoryItem(item_id, outlet or f"outlet {item_id}", title, text, lang, NOON + timedelta(hours=hours))
