"""Actors resolve to their aliases and those of what they include; contradictions are refused by name."""

import pytest

from schemas.watch import Actor, ActorKind
from services.domain.text.gazetteer import Gazetteer, GazetteerError, UnknownActorError


def actor(actor_id: str, *names: str, includes: tuple[str, ...] = ()) -> Actor:
    return Actor(
        id=actor_id, kind=ActorKind.STATE, name=actor_id, aliases={"en": names} if names else {}, includes=includes
    )


def test_an_actor_resolves_to_its_own_and_included_aliases_each_once() -> None:
    gazetteer = Gazetteer.from_actors(
        [
            actor("side", "The side", includes=("state", "person")),
            actor("state", "State", "=ST", includes=("capital",)),
            actor("capital", "Capital", "State"),
            actor("person", "Person", includes=("capital",)),
        ]
    )
    found = [(alias.text, alias.exact, alias.actor_id) for alias in gazetteer.aliases("side")]
    assert found == [
        ("The side", False, "side"),
        ("State", False, "state"),
        ("ST", True, "state"),
        ("Capital", False, "capital"),
        ("Person", False, "person"),
    ]
    assert len(gazetteer) == 4
    assert "side" in gazetteer
    assert gazetteer.actor("state").name == "state"
    assert [each.id for each in gazetteer] == ["side", "state", "capital", "person"]


def test_an_unknown_id_is_named_with_the_nearest() -> None:
    gazetteer = Gazetteer.from_actors([actor("south_korea", "Seoul"), actor("ukraine", "Kyiv")])
    with pytest.raises(UnknownActorError, match="no actor has the id 'south-korea'; did you mean @south_korea"):
        gazetteer.aliases("south-korea")
    with pytest.raises(UnknownActorError, match=r"no actor has the id 'zzz'$"):
        gazetteer.actor("zzz")


@pytest.mark.parametrize(
    ("actors", "message"),
    [
        ([actor("a", "A"), actor("a", "B")], "actor id 'a' is used twice"),
        ([actor("a", includes=("b",)), actor("b", includes=("c",)), actor("c", includes=("b",))], "b -> c -> b"),
        ([actor("a", includes=("a",))], "a -> a"),
        ([actor("a", includes=("bb",)), actor("bbb", "B")], "actor 'a' includes 'bb', but no actor.*did you mean @bbb"),
        ([actor("a", "—")], "actor 'a', alias '—': no letters or digits"),
        ([actor("a", "=")], "alias '=': no letters or digits"),
        ([actor("a", "how*")], "alias 'how\\*': \\* does not work in an alias"),
    ],
)
def test_contradictions_are_refused(actors: list[Actor], message: str) -> None:
    with pytest.raises(GazetteerError, match=message):
        Gazetteer.from_actors(actors)


def test_a_long_chain_of_includes_resolves() -> None:
    actors = [actor("a0", "A")] + [actor(f"a{n}", includes=(f"a{n - 1}",)) for n in range(1, 400)]
    assert [alias.text for alias in Gazetteer.from_actors(actors).aliases("a399")] == ["A"]
