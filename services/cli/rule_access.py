"""The rules that commands speak of: those in files and those that users added, found by name."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.watch import WatchRule
from services.cli.loading import LoadedSettings, Path, load_settings, watched
from services.cli.output import BadInputError
from services.provisioning.catalogues import Watched

if TYPE_CHECKING:
    from services.matcher.rule_store import ValkeyRuleStore

MAX_SUGGESTED_FROM = 10_000  # names that a mistyped one is compared with
STORE = "the rule store"

RuleName = Annotated[str, typer.Argument(metavar="RULE", help="a rule's id, or TOPIC/ID where two topics share the id")]
AuthorOption = Annotated[str | None, typer.Option(help="who makes this change")]


@dataclass(frozen=True)
class Listed:
    """A rule, and whether it stands in a file."""

    rule: WatchRule
    provisioned: bool

    @property
    def name(self) -> str:
        """Return the name by which every command knows the rule."""
        return name_of(self.rule)


class Rules:
    """All rules of an installation; the store is asked only if there is one."""

    def __init__(self, config: Path | None) -> None:
        self.loaded: LoadedSettings = load_settings(config)
        self.watched: Watched = watched(self.loaded)

    def provisioned(self) -> Iterator[WatchRule]:
        """Yield the rules in files."""
        for topic in self.watched.topics:
            yield from topic.rules

    @asynccontextmanager
    async def store(self) -> AsyncIterator["ValkeyRuleStore"]:
        """Connect to the rule store, which is made if there is none."""
        from services import bootstrap
        from services.matcher.rule_store import ValkeyRuleStore

        async with bootstrap.open_valkey(self.loaded.settings) as valkey:
            yield ValkeyRuleStore(valkey)

    def has_store(self) -> bool:
        """Say whether there is a store already, so that reading need not make one."""
        from services import bootstrap

        return bootstrap.has_state(self.loaded.settings)

    async def all(self, watch_topic: str | None = None) -> AsyncGenerator[Listed, None]:
        """Yield every rule, of one topic only if given: those in files first, then the stored ones in no order."""
        for rule in self.provisioned():
            if watch_topic in {None, rule.watch_topic}:
                yield Listed(rule, provisioned=True)
        if self.has_store():
            async with self.store() as store:
                async for rule in store.stream(watch_topic):
                    yield Listed(rule, provisioned=False)

    def find(self, name: str) -> Listed:
        """Return the rule of this name, else raise BadInputError with the nearest name there is."""
        return asyncio.run(self._find(name))

    async def find_all(self, name: str | None) -> AsyncIterator[Listed]:
        """Yield the rule of this name, or every rule if no name is given."""
        if name is not None:
            yield await self._find(name)
            return
        async for listed in self.all():
            yield listed

    def origin(self, listed: Listed) -> str:
        """Say where a rule stands."""
        from services.provisioning.rule_files import place_of_rule

        if not listed.provisioned:
            return STORE
        topics = self.loaded.settings.topics
        return place_of_rule(topics, listed.rule.watch_topic, listed.rule.id) or str(topics)

    def find_stored(self, name: str) -> WatchRule:
        """Return a rule that was added; of one in a file, raise BadInputError naming file and line."""
        listed = self.find(name)
        if listed.provisioned:
            raise BadInputError(f"{listed.name} is provisioned: change it in {self.origin(listed)}")
        return listed.rule

    def check_topic(self, watch_topic: str, stored: Iterable[str] = (), advice: str = "") -> None:
        """Raise BadInputError if no rule is of this topic, with the nearest one that is known."""
        from services.provisioning.faults import nearest

        known = {topic.id for topic in self.watched.topics}
        if watch_topic not in known and watch_topic not in stored:
            raise BadInputError(f"no watch topic {watch_topic!r}{nearest(watch_topic, known)}{advice}")

    async def _find(self, name: str) -> Listed:
        found = [Listed(rule, provisioned=True) for rule in self.provisioned() if _is_named(rule, name)]
        if self.has_store():
            async with self.store() as store:
                found += [Listed(rule, provisioned=False) for rule in await _stored(store, name)]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(listed.name for listed in found)
            raise BadInputError(f"several topics have a rule {name!r}; say which: {names}")
        raise BadInputError(f"no rule {name!r}{await self._suggestion(name)}")

    async def _suggestion(self, name: str) -> str:
        from services.provisioning.faults import nearest

        known: list[WatchRule] = []
        async with aclosing(self.all()) as listing:
            async for listed in listing:
                known.append(listed.rule)
                if len(known) == MAX_SUGGESTED_FROM:
                    break
        return nearest(name, chain(map(name_of, known), (rule.id for rule in known)))


def name_of(rule: WatchRule) -> str:
    """Return the name by which every command knows a rule."""
    return f"{rule.watch_topic}/{rule.id}"


def _is_named(rule: WatchRule, name: str) -> bool:
    return name in {rule.id, name_of(rule)}


async def _stored(store: "ValkeyRuleStore", name: str) -> list[WatchRule]:
    from services.matcher.ports import StoredKey

    watch_topic, separator, rule_id = name.partition("/")
    if separator:
        return list((await store.get([StoredKey(watch_topic, rule_id)])).values())
    return [rule async for rule in store.stream(rule_id=name) if _is_named(rule, name)]
