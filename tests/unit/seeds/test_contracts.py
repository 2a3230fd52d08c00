"""The seed actors, topics and feeds keep their contracts and refer to nothing that is missing."""

import re
from collections import Counter
from functools import cache
from itertools import chain

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.feed import Feed
from schemas.watch import Actor, ActorKind, WatchTopic
from tests.unit.seeds.files import SEEDS, as_json, load_file, load_text

ACTOR_FILES = ["states.yaml", "organisations.yaml", "people.yaml", "terms.yaml"]
TOPIC_FILES = ["arms-supply-ukraine.yaml", "seoul-moscow-relations.yaml"]
LANGUAGES = {"en", "ko", "ru", "uk"}
ACTORS = TypeAdapter(tuple[Actor, ...])
FEEDS = TypeAdapter(tuple[Feed, ...])
COMBINED_SIGNS = re.compile(r"[\u0300-\u036f\u1100-\u11ff]")


@cache
def actors() -> tuple[Actor, ...]:
    """Every seed actor, in file order."""
    documents = [load_file(f"actors/{name}") for name in ACTOR_FILES]
    assert all(set(document) == {"actors"} for document in documents)
    return ACTORS.validate_json(as_json(list(chain.from_iterable(document["actors"] for document in documents))))


@cache
def topic(name: str) -> WatchTopic:
    """One seed topic, its rules given the topic's id as the loader does."""
    data = load_file(f"topics/{name}")
    assert all("watch_topic" not in rule for rule in data["rules"])
    data["rules"] = [{"watch_topic": data["id"], **rule} for rule in data["rules"]]
    data.pop("ladder", None)  # a contract of its own
    return WatchTopic.model_validate_json(as_json(data))


@cache
def feeds() -> tuple[Feed, ...]:
    """Every seed feed, in file order."""
    document = load_file("feeds.yaml")
    assert set(document) == {"feeds"}
    return FEEDS.validate_json(as_json(document["feeds"]))


def as_matched(alias: str) -> str:
    """The alias as far as matching tells it apart: an exact one keeps its case."""
    return alias if alias.startswith("=") else alias.casefold()


def repeated(values: list[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


def test_every_file_of_the_folders_is_checked_here() -> None:
    assert sorted(path.name for path in (SEEDS / "actors").glob("*.yaml")) == sorted(ACTOR_FILES)
    assert sorted(path.name for path in (SEEDS / "topics").glob("*.yaml")) == sorted(TOPIC_FILES)


def test_actor_ids_are_unique_and_states_have_a_code_of_their_own() -> None:
    known = actors()
    assert repeated([actor.id for actor in known]) == []
    states = [actor for actor in known if actor.kind is ActorKind.STATE]
    assert [actor.id for actor in states if actor.code is None] == []
    assert [actor.id for actor in known if actor.code is not None and actor.kind is not ActorKind.STATE] == []
    assert repeated([actor.code or "" for actor in states]) == []


def test_what_actors_stand_for_and_include_exists() -> None:
    known = {actor.id: actor for actor in actors()}
    speaks_for = {actor.id: actor.stands_for for actor in known.values() if actor.stands_for}
    assert {who: whom for who, whom in speaks_for.items() if whom not in known} == {}
    assert {whom for whom in speaks_for.values() if known[whom].kind is ActorKind.TERM_SET} == set()
    members = [(actor.id, member) for actor in known.values() for member in actor.includes]
    assert [pair for pair in members if pair[1] not in known or pair[0] == pair[1]] == []
    groups = {actor.id for actor in known.values() if actor.includes}
    nested = {holder for holder, member in members if member in groups}
    assert [pair for pair in members if pair[1] in nested] == [], "groups of groups of groups are hard to read"


def test_everyone_but_a_group_has_aliases_in_the_feeds_languages() -> None:
    for actor in actors():
        assert actor.aliases or actor.includes, actor.id
        assert set(actor.aliases) <= LANGUAGES, actor.id
        if actor.kind in {ActorKind.STATE, ActorKind.PERSON}:
            assert set(actor.aliases) == LANGUAGES, actor.id


def test_people_and_organisations_say_their_role() -> None:
    roleful = {ActorKind.PERSON, ActorKind.ORGANISATION}
    assert [actor.id for actor in actors() if actor.kind in roleful and not actor.role] == []


def test_no_alias_is_given_twice_in_a_language() -> None:
    twice = {
        f"{actor.id}.{language}": repeated([as_matched(alias) for alias in aliases])
        for actor in actors()
        for language, aliases in actor.aliases.items()
    }
    assert {where: aliases for where, aliases in twice.items() if aliases} == {}


def test_no_alias_belongs_to_two_states_or_two_people() -> None:
    for kind in (ActorKind.STATE, ActorKind.PERSON, ActorKind.ORGANISATION):
        owners: dict[str, set[str]] = {}
        for actor in actors():
            if actor.kind is kind:
                for alias in chain.from_iterable(actor.aliases.values()):
                    owners.setdefault(alias.removeprefix("=").casefold(), set()).add(actor.id)
        assert {alias: ids for alias, ids in owners.items() if len(ids) > 1} == {}


def test_aliases_are_composed_text_without_wildcards() -> None:
    for actor in actors():
        for alias in chain.from_iterable(actor.aliases.values()):
            assert alias == alias.strip(), f"{actor.id}: {alias!r}"
            assert "*" not in alias, f"{actor.id}: {alias!r}"
            assert not COMBINED_SIGNS.search(alias), f"{actor.id}: {alias!r} is not composed (NFC)"


def test_short_acronyms_match_only_as_written() -> None:
    acronyms = re.compile(r"[A-ZА-ЯІЇЄҐ][A-ZА-ЯІЇЄҐ.]{1,4}")
    loose = [
        f"{actor.id}: {alias}"
        for actor in actors()
        for alias in chain.from_iterable(actor.aliases.values())
        if acronyms.fullmatch(alias)
    ]
    assert loose == []


@pytest.mark.parametrize("name", TOPIC_FILES)
def test_topics_keep_the_contract(name: str) -> None:
    watched = topic(name)
    assert f"{watched.id}.yaml" == name
    assert watched.description
    assert all(rule.title for rule in watched.rules)


@pytest.mark.parametrize("name", TOPIC_FILES)
def test_rules_name_only_known_actors(name: str) -> None:
    known = {actor.id for actor in actors()}
    for rule in topic(name).rules:
        assert set(re.findall(r"@([a-z0-9_]+)", rule.query)) <= known, rule.id


@pytest.mark.parametrize("name", TOPIC_FILES)
def test_every_rule_has_examples_both_ways_in_several_languages(name: str) -> None:
    scripts = {"latin": r"[a-z]{3}", "hangul": r"[가-힣]", "cyrillic": r"[а-яії]{3}"}
    for rule in topic(name).rules:
        assert len(rule.must_match) >= 4, rule.id
        assert len(rule.must_not_match) >= 4, rule.id
        assert repeated([*rule.must_match, *rule.must_not_match]) == [], rule.id
        for script, pattern in scripts.items():
            assert any(re.search(pattern, text) for text in rule.must_match), f"{rule.id} has no {script} example"


def test_feeds_keep_the_contract_and_differ() -> None:
    known = feeds()
    assert len(known) >= 30
    assert repeated([feed.id for feed in known]) == []
    assert repeated([feed.url for feed in known]) == []
    assert [feed.id for feed in known if not (feed.title and feed.country and feed.lang)] == []


def test_feeds_cover_the_sides_of_both_topics() -> None:
    pairs = {(feed.country, feed.lang) for feed in feeds()}
    assert pairs >= {("KOR", "ko"), ("KOR", "en"), ("UKR", "uk"), ("UKR", "en"), ("RUS", "ru"), ("RUS", "en")}


def test_the_page_on_feeds_accounts_for_every_address() -> None:
    page = (SEEDS.parent / "docs" / "feeds.md").read_text(encoding="utf-8")
    assert [feed.id for feed in feeds() if f"`{feed.id}`" not in page] == []


def test_yaml_traps_are_read_as_text() -> None:
    assert load_text("[NO, yes, Off, 2024-11-26, 2024-11-26 14:07:00, true, 3]") == [
        *("NO", "yes", "Off", "2024-11-26", "2024-11-26 14:07:00"),
        *(True, 3),
    ]


def test_a_misspelt_key_is_an_error() -> None:
    with pytest.raises(ValidationError):
        ACTORS.validate_json('[{"id":"norway","kind":"state","name":"Norway","codes":"NOR"}]')
