"""A small ladder, and claims and statements about it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.article import Article
from schemas.base import content_id
from schemas.claim import Attribution, Claim, Modality, Plover, PloverEvent, Statement
from schemas.ladder import Condition as When
from schemas.ladder import Ladder, MappingRule, Rung, ShiftPolicy, Stance
from schemas.match import Evidence, EvidenceField

TOPIC, ACTOR = "desk", "south_korea"
DAY = timedelta(days=1)
START = datetime(2024, 3, 1, tzinfo=UTC)
RUNGS = ("refuse", "consider", "deliver")


def ladder(**policy: Any) -> Ladder:
    """Return a ladder of three rungs with a side channel and a stance."""
    return Ladder(
        actors=(ACTOR,),
        recipients=("ukraine",),
        rungs=tuple(Rung(id=rung, title=rung.title()) for rung in RUNGS),
        side_channels=(Rung(id="indirect", title="By way of others"),),
        stances=(
            Stance(
                id="request",
                title="Asks",
                actors=("ukraine",),
                when=(When(events=(PloverEvent.REQUEST,)),),
            ),
        ),
        mapping=tuple(MappingRule(rung=rung, modes=(rung,)) for rung in (*RUNGS, "indirect")),
        policy=ShiftPolicy(**policy),
    )


def claim(
    at: float,
    rung: str,
    word: Attribution = Attribution.SELF,
    *,
    modality: Modality = Modality.ASSERTED,
    origin: str = "",
    article: str = "",
    actor: str = ACTOR,
    speaker: str | None = "the minister",
    confidence: float = 0.9,
    eligible: bool = True,
    weighed_as: Modality | None = None,
) -> Claim:
    """Return a claim `at` days after the start; without a name, article and origin are its own."""
    article_id = content_id("article", article or f"{at} {rung} {word} {origin}")
    text = f"It is {rung}."
    return Claim(
        id=content_id("claim", article_id, rung),
        watch_topic=TOPIC,
        actor=actor,
        rung=rung,
        side_channel=rung == "indirect",
        plover=Plover(event=PloverEvent.AGREE),
        modality=modality,
        weighed_as=weighed_as,
        attribution=word,
        speaker=speaker if word is Attribution.SELF else None,
        event_at=START + at * DAY,
        published_at=START + at * DAY,
        seen_at=START + 90 * DAY - at * DAY,  # the last come first: nothing may depend on it
        article_id=article_id,
        outlet="Harbour Gazette",
        evidence=Evidence(field=EvidenceField.TEXT, start=0, end=len(text), text=text),
        origin_id=content_id("origin", origin) if origin else article_id,
        confidence=confidence,
        eligible=eligible and word is not Attribution.NARRATOR,
        why_not="" if eligible and word is not Attribution.NARRATOR else "background",
        coder_version="test",
    )


def said(at: float, rung: str, count: int = 3, word: Attribution = Attribution.SELF) -> list[Claim]:
    """Return claims of `count` origins within minutes of each other."""
    return [claim(at + n / 1000, rung, word) for n in range(count)]


def statement(text: str = "Seoul will send no weapons.", **changed: Any) -> Statement:
    """Return a coded statement; Plover's fields may be given as `event`, `mode`, `object` and `contexts`."""
    plover = Plover(
        event=PloverEvent(changed.pop("event", "REJECT")),
        mode=changed.pop("mode", "assist"),
        object=changed.pop("object", "lethal_arms"),
        contexts=changed.pop("contexts", ()),
    )
    held: dict[str, Any] = {
        "evidence": Evidence(field=EvidenceField.TEXT, start=0, end=len(text), text=text),
        "actor": "south_korea",
        "recipient": "ukraine",
        "plover": plover,
        "modality": Modality(changed.pop("modality", "asserted")),
        "attribution": Attribution(changed.pop("attribution", "self")),
        "event_at": START,
        "confidence": 0.9,
        "agreed": True,
    }
    return Statement(**{**held, **changed})


def article(**changed: Any) -> Article:
    """Return an article that was seen five minutes after it was published."""
    held: dict[str, Any] = {
        "id": content_id("article", "one"),
        "revision": 1,
        "revision_id": content_id("revision", "one"),
        "feed_id": "gazette",
        "outlet": "Harbour Gazette",
        "title": "Seoul",
        "published_at": START,
        "first_seen_at": START + timedelta(minutes=5),
    }
    return Article(**{**held, **changed})
