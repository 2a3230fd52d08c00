"""The gazetteer: which names each actor and term set goes by."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from schemas.watch import Actor
from services.domain.text.analyzer import tokens

EXACT_MARK = "="


class GazetteerError(ValueError):
    """Actors that contradict one another, or an alias that cannot be found in a text."""


class UnknownActorError(GazetteerError, LookupError):
    """No actor has this id; `nearest` are the known ids most like it."""

    def __init__(self, actor_id: str, known: Iterable[str], named_by: str | None = None) -> None:
        self.actor_id = actor_id
        self.nearest = tuple(difflib.get_close_matches(actor_id, sorted(known), 3))
        where = f"actor {named_by!r} includes {actor_id!r}, but " if named_by else ""
        hint = f"; did you mean {', '.join(f'@{near}' for near in self.nearest)}?" if self.nearest else ""
        super().__init__(f"{where}no actor has the id {actor_id!r}{hint}")


@dataclass(frozen=True, slots=True)
class Alias:
    """One name of an actor; an `exact` one is found only in this case and form."""

    text: str
    lang: str
    exact: bool
    actor_id: str


class Gazetteer:
    """Actors by id, with the aliases each resolves to. Every id, include and alias was checked when it was built."""

    def __init__(self, actors: Mapping[str, Actor], aliases: Mapping[str, tuple[Alias, ...]]) -> None:
        self._actors = actors
        self._aliases = aliases

    @classmethod
    def from_actors(cls, actors: Iterable[Actor]) -> "Gazetteer":
        """Return the gazetteer of these actors, or raise GazetteerError for what contradicts itself."""
        by_id: dict[str, Actor] = {}
        for actor in actors:
            if actor.id in by_id:
                raise GazetteerError(f"actor id {actor.id!r} is used twice")
            by_id[actor.id] = actor
        own = {actor.id: _own_aliases(actor) for actor in by_id.values()}
        return cls(by_id, {actor_id: _resolve(actor_id, by_id, own) for actor_id in by_id})

    def __len__(self) -> int:
        return len(self._actors)

    def __contains__(self, actor_id: object) -> bool:
        return actor_id in self._actors

    def __iter__(self) -> Iterator[Actor]:
        return iter(self._actors.values())

    def actor(self, actor_id: str) -> Actor:
        """Return the actor of this id, or raise UnknownActorError."""
        if actor_id not in self._actors:
            raise UnknownActorError(actor_id, self._actors)
        return self._actors[actor_id]

    def aliases(self, actor_id: str) -> tuple[Alias, ...]:
        """Return the aliases of an actor and of all it includes, each text once, or raise UnknownActorError."""
        self.actor(actor_id)
        return self._aliases[actor_id]


def _own_aliases(actor: Actor) -> tuple[Alias, ...]:
    found: list[Alias] = []
    for lang, names in actor.aliases.items():
        for name in names:
            text = name.removeprefix(EXACT_MARK)
            if "*" in text:
                raise GazetteerError(f"actor {actor.id!r}, alias {name!r}: * does not work in an alias")
            if next(tokens(text), None) is None:
                raise GazetteerError(f"actor {actor.id!r}, alias {name!r}: no letters or digits to find")
            found.append(Alias(text, lang, name.startswith(EXACT_MARK), actor.id))
    return tuple(found)


def _resolve(actor_id: str, actors: Mapping[str, Actor], own: Mapping[str, tuple[Alias, ...]]) -> tuple[Alias, ...]:
    """Gather the aliases depth first, own before included; the stack of open actors is what a cycle runs into."""
    found: dict[tuple[str, bool], Alias] = {}
    done: set[str] = set()
    path: list[str] = []
    waiting: list[tuple[str, str | None]] = [(actor_id, None)]
    while waiting:
        current, parent = waiting.pop()
        while path and path[-1] != parent:
            path.pop()
        if current in path:
            cycle = [*path[path.index(current) :], current]
            raise GazetteerError(f"actors include one another in a circle: {' -> '.join(cycle)}")
        if current not in actors:
            raise UnknownActorError(current, actors, parent)
        if current in done:
            continue
        done.add(current)
        path.append(current)
        for alias in own[current]:
            found.setdefault((alias.text, alias.exact), alias)
        waiting.extend((included, current) for included in reversed(actors[current].includes))
    return tuple(found.values())
