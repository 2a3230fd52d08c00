"""What a coded statement means on a ladder: the rung, side channel or stance that it speaks for."""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from schemas.claim import Modality, Statement
from schemas.ladder import Condition, Ladder, MappingRule, Stance


class PlaceKind(StrEnum):
    """What a statement speaks for."""

    RUNG = "rung"
    SIDE_CHANNEL = "side_channel"
    STANCE = "stance"


class Place(NamedTuple):
    """Where a statement belongs, and the modality that it weighs as there."""

    kind: PlaceKind
    id: str
    weighed_as: Modality


def place_of(statement: Statement, ladder: Ladder) -> Place | None:
    """Return what a statement speaks for on a ladder; None where it says nothing about the question.

    A side channel comes before the rungs only by the order of the rules: the first that fits decides.
    """
    actor = statement.actor
    if actor is None:
        return None
    if actor in ladder.actors:
        rule = next((rule for rule in ladder.mapping if _leads(rule, statement, ladder)), None)
        if rule is not None:
            beside = any(rule.rung == channel.id for channel in ladder.side_channels)
            kind = PlaceKind.SIDE_CHANNEL if beside else PlaceKind.RUNG
            return Place(kind, rule.rung, rule.weigh_as or statement.modality)
    stance = next((stance for stance in ladder.stances if _takes(stance, statement, ladder)), None)
    return Place(PlaceKind.STANCE, stance.id, statement.modality) if stance else None


def _leads(rule: MappingRule, statement: Statement, ladder: Ladder) -> bool:
    if not _fits(rule, statement):
        return False
    if rule.recipients:
        return True  # it says itself towards whom
    return _is_towards(statement, ladder.recipients, required=ladder.recipient_required)


def _takes(stance: Stance, statement: Statement, ladder: Ladder) -> bool:
    if statement.actor not in stance.actors:
        return False
    towards = stance.towards or (*ladder.actors, *ladder.recipients)
    return _is_towards(statement, towards, required=ladder.recipient_required) and any(
        _fits(condition, statement) for condition in stance.when
    )


def _is_towards(statement: Statement, wanted: Sequence[str], *, required: bool) -> bool:
    """Say whether a statement is about one of these or names one, or, unless `required`, does not say about whom.

    With `required`, to be named is enough only where nobody else is who it is about.
    """
    if not wanted:
        return True
    if required:
        towards = {statement.recipient} if statement.recipient else parties(statement)
        return not (towards - {statement.actor}).isdisjoint(wanted)
    return statement.recipient is None or any(other in wanted for other in parties(statement))


def parties(statement: Statement) -> frozenset[str]:
    """Return whom a statement names besides its actor."""
    named = {*statement.others, *([statement.recipient] if statement.recipient else ())}
    return frozenset(named - {statement.actor or ""})


def _fits(condition: Condition, statement: Statement) -> bool:
    plover = statement.plover
    objects = {plover.object_, *statement.objects}
    return (
        _among(plover.event, condition.events)
        and _among(plover.mode, condition.modes)
        and (not condition.objects or not objects.isdisjoint(condition.objects))
        and objects.isdisjoint(condition.without_objects)
        and _among(statement.modality, condition.modalities)
        and _among(statement.attribution, condition.attributions)
        and _among(statement.actor, condition.actors)
        and _among(statement.recipient, condition.recipients)
        and (not condition.contexts or not set(condition.contexts).isdisjoint(plover.contexts))
        and (not condition.names or not parties(statement).isdisjoint(condition.names))
        and (not condition.words or _says(statement.evidence.text, condition.words))
        and not (condition.without_words and _says(statement.evidence.text, condition.without_words))
    )


def _among(value: str | None, wanted: Sequence[str]) -> bool:
    return not wanted or value in wanted


def _says(text: str, phrases: tuple[str, ...]) -> bool:
    return _pattern(phrases).search(text) is not None


@lru_cache(1024)
def _pattern(phrases: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(_phrase, phrases)), re.IGNORECASE)


def _phrase(phrase: str) -> str:
    words = re.escape(phrase.strip()).replace(r"\ ", r"\s+").replace(r"\*", r"\w*")
    return rf"(?<!\w){words}(?!\w)"
