"""What coded statements mean on the ladders of the seeds."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from schemas.ladder import Ladder
from services.domain.positions.ladder import PlaceKind, place_of
from services.provisioning.catalogues import load_gazetteer, load_ladders
from tests.unit.positions.worlds import statement

SEEDS = Path(__file__).resolve().parents[3] / "seeds"
ARMS, RELATIONS = "arms-supply-ukraine", "seoul-moscow-relations"


@cache
def seed_ladder(topic: str) -> Ladder:
    return load_ladders(SEEDS / "topics", load_gazetteer(SEEDS / "actors"))[topic]


def place(topic: str, text: str, **changed: Any) -> str | None:
    found = place_of(statement(text, **changed), seed_ladder(topic))
    if found is None:
        return None
    mark = {PlaceKind.RUNG: "", PlaceKind.SIDE_CHANNEL: "beside:", PlaceKind.STANCE: "stance:"}[found.kind]
    weight = "" if found.weighed_as == changed.get("modality", "asserted") else f" as {found.weighed_as}"
    return f"{mark}{found.id}{weight}"


def row(text: str, found: str | None, **changed: Any) -> Any:
    return pytest.param(text, changed, found, id=f"{text[:50]} {changed.get('modality', '')}")


DENIED, MAYBE, UNLESS = {"modality": "denied"}, {"modality": "speculative"}, {"modality": "conditional"}


@pytest.mark.parametrize(
    ("text", "changed", "found"),
    [
        # refusals
        row("Seoul will send no lethal weapons.", "refuse"),
        row("Seoul is unlikely to send shells, an expert said.", "refuse", **MAYBE, attribution="analyst"),
        row("Even the paid order was turned down, sources said.", "refuse", attribution="unnamed"),
        row("The policy on lethal arms does not change.", "refuse", mode="change"),
        row("Arms to states at war are against the law.", "refuse", recipient=None),
        row("No shells unless soldiers from the North fight.", "refuse", **UNLESS),
        row("Exports to states at war are banned.", "refuse", event="COERCE", object="trade"),
        row("Seoul bans the export of shells.", "refuse", event="COERCE"),
        # what is not ruled out, weighed, or hangs on a condition
        row("Seoul denied that weapons were off the table.", "consider as asserted", **DENIED),
        row("Seoul might send shells.", "consider as conditional", event="AGREE", **MAYBE),
        row("It may be hard to insist on relief only.", "consider", event="AGREE", object="humanitarian", **UNLESS),
        row("Were civilians attacked, arms would be sent.", "consider", event="AGREE", **UNLESS),
        row("Shells may be on their way.", "consider as conditional", event="AID", **MAYBE),
        row("The rule on arms will be looked at again.", "consider", event="AGREE", mode="change"),
        row("The office is weighing arms.", "consider", event="AGREE"),
        row("Сеул рассматривает поставки.", "consider", event="CONSULT"),
        row("무기 지원을 검토하고 있다.", "consider", event="NONE"),
        # non-lethal aid, and only that
        row("Help is limited to gas masks and rations.", "nonlethal", event="AID", object="nonlethal_aid"),
        row("Only relief goods go to Kyiv.", "nonlethal", event="AID", object="humanitarian"),
        row("Seoul has limited its support to non-lethal aid.", "nonlethal", event="REJECT"),
        row("Seoul will send helmets.", "nonlethal as speculative", event="AGREE", object="nonlethal_aid"),
        row("Seoul sent tents after the flood.", None, event="AID", recipient=None, object="humanitarian"),
        row("Seoul sent tents to Kyiv.", "nonlethal as speculative", event="AID", object="humanitarian"),
        row(
            "Seoul would sell shells after a truce, an expert said.",
            "agree",
            event="AGREE",
            attribution="analyst",
            **UNLESS,
        ),
        row("Seoul sent helmets but no weapons.", "nonlethal", event="AID"),
        row("Seoul lends two billion dollars.", None, event="AID", object="money"),
        # agreement and delivery
        row("Seoul will send howitzers.", "agree", event="AGREE"),
        row("The ban on arms to Kyiv was lifted.", "agree", event="CONCEDE", mode="yield"),
        row("No decision to send arms has been made.", "agree", event="AGREE", **DENIED),
        row("If the truce breaks, Seoul will send shells.", "agree", event="AGREE", **UNLESS),
        row("Seoul is likely to approve shells.", "agree", event="AGREE", **MAYBE),
        row("Seoul signed a contract on shells with Kyiv.", "agree", event="COOPERATE"),
        row("Howitzers reached Kyiv.", "deliver", event="AID"),
        row("Shells may have reached Kyiv.", "deliver", event="AID", **MAYBE),
        row("Not to supply weapons is a principle of Seoul.", "refuse as asserted", event="AID", **DENIED),
        row("Never was a weapon handed over.", "deliver", event="AID", **DENIED),
        # by way of others
        row(
            "Washington bought shells from Seoul for Ukraine.",
            "beside:indirect",
            event="AGREE",
            recipient="united_states",
            others=("ukraine",),
        ),
        row("Shells reach Kyiv by a roundabout way.", "beside:indirect", event="AID"),
        row("Seoul denied supplying shells indirectly.", "beside:indirect", event="AID", **DENIED),
        row("Seoul might lend shells through third countries.", "beside:indirect", event="AID", **MAYBE),
        # what is about something else
        row("Washington looks on as Seoul keeps its shells.", "refuse", recipient=None, others=("united_states",)),
        row("Poland buys tanks from Seoul.", None, event="AGREE", recipient="poland"),
        row("Seoul sells jets to Manila.", None, event="AGREE", recipient="philippines"),
        row("Seoul opposes a treaty.", None, object="treaty"),
        row("Seoul opposes limits on its arms makers.", None, mode="restrict"),
        row("Nobody has refused anything.", None, actor=None),
        row("Tokyo will send no weapons.", None, actor="japan"),
        # stances
        row("Kyiv asks for shells.", "stance:request", actor="ukraine", recipient="south_korea", event="REQUEST"),
        row("Kyiv asks Berlin for shells.", None, actor="ukraine", recipient="germany", event="REQUEST"),
        row(
            "The alliance urges Seoul on.",
            "stance:press",
            actor="nato",
            recipient="south_korea",
            event="REQUEST",
        ),
        row(
            "Moscow warned that ties would be ruined.",
            "stance:threat",
            actor="russia",
            recipient="south_korea",
            event="THREATEN",
            object="ties",
            **UNLESS,
        ),
        row(
            "Moscow said arms for Kyiv would be a mistake.",
            "stance:threat",
            actor="russia",
            recipient="south_korea",
            event="ACCUSE",
        ),
        row("Moscow is against arms for Kyiv.", "stance:oppose", actor="russia", recipient="south_korea"),
        row("Moscow threatens Kyiv.", None, actor="russia", recipient="ukraine", event="THREATEN"),
        row(
            "The opposition is against arms.",
            "stance:oppose",
            actor="democratic_party_of_korea",
            recipient="south_korea",
        ),
    ],
)
def test_arms_supply(text: str, changed: dict[str, Any], found: str | None) -> None:
    assert place(ARMS, text, **changed) == found


MOSCOW = {"actor": "russia", "recipient": "south_korea"}
SEOUL = {"actor": "south_korea", "recipient": "russia"}


@pytest.mark.parametrize(
    ("text", "changed", "found"),
    [
        row(
            "Moscow broke off relations.",
            "sever",
            **MOSCOW,
            event="SANCTION",
            mode="break_ties",
            object="ties",
        ),
        row(
            "Seoul blacklisted two ships.",
            "sanction",
            **SEOUL,
            event="COERCE",
            mode="sanctions",
            object="trade",
        ),
        row("Seoul will curb exports.", "sanction", **SEOUL, event="AGREE", mode="restrict", object="trade"),
        row("Ties would be ruined.", "threat as asserted", **MOSCOW, event="THREATEN", object="ties", **UNLESS),
        row("Seoul called in the envoy.", "summon", **SEOUL, event="SANCTION", mode="summon", object="ties"),
        row("Seoul summoned the ambassador.", "summon", **SEOUL, event="ACCUSE", object="troops"),
        row("Moscow called Seoul's sanctions unfriendly.", "accuse", **MOSCOW, event="COERCE", object="sanctions"),
        row("Moscow would not leave it without a response.", "threat", **MOSCOW, event="AID", **UNLESS),
        row("Moscow handed over a protest note.", "summon", **MOSCOW, event="ACCUSE", object="ties"),
        row("Moscow may downgrade ties.", "sever", **MOSCOW, event="AGREE", object="ties", **MAYBE),
        row("Moscow is not against talks.", "normalise as conditional", **MOSCOW, object="visit_talks", **DENIED),
        row("Moscow called the drills reckless.", "accuse", **MOSCOW, event="ACCUSE", object="exercise"),
        row("Seoul demands that the soldiers leave.", "accuse", **SEOUL, event="REQUEST", object="troops"),
        row("Moscow turned the offer of talks down.", "reject", **MOSCOW, mode="meet", object="visit_talks"),
        row("The ministers met.", "consult", **SEOUL, event="CONSULT", mode="meet", object="visit_talks"),
        row(
            "Moscow is ready to mend ties.",
            "normalise",
            **MOSCOW,
            event="AGREE",
            mode="relations",
            object="ties",
        ),
        row("Flights may come back.", "normalise", **MOSCOW, event="AGREE", object="trade", **MAYBE),
        row("A gas contract was signed.", "cooperate", **MOSCOW, event="COOPERATE", object="energy"),
        row("Seoul condemned the launch.", None, actor="south_korea", recipient="north_korea", event="ACCUSE"),
        row(
            "Seoul condemned the arms talks of Moscow and Pyongyang.",
            "accuse",
            actor="south_korea",
            recipient=None,
            others=("russia", "north_korea"),
            event="ACCUSE",
        ),
        row("Seoul condemned it.", None, actor="south_korea", recipient=None, event="ACCUSE"),
        row("Yoon received an envoy of Kyiv.", None, recipient="ukraine", others=("russia",), event="CONSULT"),
        row("Moscow mends ties with itself.", None, actor="russia", recipient="russia", event="AGREE", object="ties"),
        row(
            "Washington urges Seoul on.",
            "stance:press",
            actor="united_states",
            recipient="south_korea",
            event="REQUEST",
        ),
    ],
)
def test_relations(text: str, changed: dict[str, Any], found: str | None) -> None:
    assert place(RELATIONS, text, **changed) == found
