"""Catalogues: what is wrong in a file is told with file, line and field, all of it at once."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.provisioning.catalogues import (
    load_actors,
    load_feeds,
    load_gazetteer,
    load_routes,
    load_topics,
    load_watched,
)
from services.provisioning.faults import ConfigurationError

ACTORS = "actors:\n- {id: seoul, kind: state, name: South Korea, code: KOR, aliases: {en: [Seoul, South Korea]}}\n"
TOPIC = "id: arms\ntitle: Arms\nrules:\n- id: r1\n  query: '@seoul AND shells'\n"


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        place = folder / name.replace("__", "/")
        place = place.with_name(f"{place.name}.yaml")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return folder


def faults(error: pytest.ExceptionInfo[ConfigurationError], folder: Path) -> list[str]:
    return [str(fault).replace(f"{folder}/", "") for fault in error.value.faults]


def test_topics_and_actors_are_read_from_their_folders(tmp_path: Path) -> None:
    written(tmp_path, actors__states=ACTORS, topics__arms=TOPIC)
    watched = load_watched(tmp_path / "topics", tmp_path / "actors")
    (topic,) = watched.topics
    assert (topic.id, topic.rules[0].watch_topic, topic.rules[0].query) == ("arms", "arms", "@seoul AND shells")


@pytest.mark.parametrize(
    ("topic", "fault"),
    [
        (
            "id: arms\ntitle: A\nrules:\n- id: r1\n  querry: x\n",
            "topics/t.yaml:5: rules[0].querry: unknown key (did you",
        ),
        ("id: arms\ntitle: A\nrules:\n- id: r1\n", "topics/t.yaml:4: rules[0].query: this key is required"),
        ("id: arms\nrules: []\n", "topics/t.yaml:1: title: this key is required"),
        ("id: arms\ntitle: A\nrules: shells\n", "topics/t.yaml:3: rules: expected a list of rules"),
        (
            "id: arms\ntitle: A\nrules:\n- shells\n",
            "topics/t.yaml:4: rules[0]: expected keys and values, found 'shells'",
        ),
        (TOPIC.replace("@seoul", "@seol"), "topics/t.yaml:5: rules[0].query: "),
        (TOPIC.replace("AND shells", "AND (shells"), "topics/t.yaml:5: rules[0].query: "),
        (TOPIC + "- id: r1\n  query: guns\n", "topics/t.yaml:3: rules: rule id 'r1' is used twice"),
        ("id: [\n", "topics/t.yaml:2: "),
    ],
)
def test_a_wrong_topic_is_told_with_its_place(tmp_path: Path, topic: str, fault: str) -> None:
    written(tmp_path, actors__states=ACTORS, topics__t=topic)
    with pytest.raises(ConfigurationError) as error:
        load_watched(tmp_path / "topics", tmp_path / "actors")
    assert any(found.startswith(fault) for found in faults(error, tmp_path)), faults(error, tmp_path)


def test_an_unknown_actor_is_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    written(tmp_path, actors__states=ACTORS, topics__t=TOPIC.replace("@seoul", "@seol"))
    with pytest.raises(ConfigurationError, match=r"seol.*did you mean.*seoul"):
        load_watched(tmp_path / "topics", tmp_path / "actors")


def test_faults_of_several_files_come_at_once(tmp_path: Path) -> None:
    written(tmp_path, topics__a="id: a\n", topics__b="id: b\ntitle: B\nrules:\n- {id: x, query: 'a AND'}\n")
    written(tmp_path, actors__none="actors: []\n")
    with pytest.raises(ConfigurationError) as error:
        load_watched(tmp_path / "topics", tmp_path / "actors")
    assert [fault.partition(":")[0] for fault in faults(error, tmp_path)] == ["topics/a.yaml", "topics/b.yaml"]


def test_an_id_used_in_two_files_is_refused(tmp_path: Path) -> None:
    written(tmp_path, actors__one=ACTORS, actors__two=ACTORS)
    with pytest.raises(
        ConfigurationError, match=r"two\.yaml:2: actors\[0\]\.id: actor id 'seoul' is used in .*one.yaml"
    ):
        load_actors(tmp_path / "actors")


def test_an_actor_must_stand_for_one_that_exists(tmp_path: Path) -> None:
    written(tmp_path, actors__p="actors:\n- id: yoon\n  kind: person\n  name: Yoon\n  stands_for: nowhere\n")
    with pytest.raises(ConfigurationError, match=r"p.yaml:5: actors\[0\].stands_for: no actor has the id 'nowhere'"):
        load_actors(tmp_path / "actors")


def test_a_folder_without_topics_is_refused(tmp_path: Path) -> None:
    (tmp_path / "topics").mkdir()
    written(tmp_path, actors__states=ACTORS)
    with pytest.raises(ConfigurationError, match="holds no watch topic"):
        load_watched(tmp_path / "topics", tmp_path / "actors")
    with pytest.raises(ConfigurationError, match="no such file or folder"):
        load_topics(tmp_path / "nowhere", load_gazetteer(tmp_path / "actors"))


@pytest.mark.parametrize(
    ("feeds", "fault"),
    [
        ("feeds:\n- {id: a, url: 'ftp://x', outlet: X}\n", "feeds.yaml:2: feeds[0].url: String should match pattern"),
        ("feeds:\n- {id: a, url: 'http://x', outlet: X, interval: soon}\n", "feeds.yaml:2: feeds[0].interval: "),
        ("feeds:\n- {id: A b, url: 'http://x', outlet: X}\n", "feeds.yaml:2: feeds[0].id: String should match pattern"),
        (
            "feeds:\n- {id: a, url: 'http://x', outlet: X}\n- {id: b, url: 'http://x', outlet: Y}\n",
            "feeds.yaml:3: feeds[1].url: feed 'a' has this address already",
        ),
        ("feed: []\n", "feeds.yaml:1: feed: unknown key; this file holds 'feeds' only"),
        ("feeds: 3\n", "feeds.yaml:1: feeds: expected a list under 'feeds', found 3"),
    ],
)
def test_a_wrong_feed_is_told_with_its_place(tmp_path: Path, feeds: str, fault: str) -> None:
    written(tmp_path, feeds=feeds)
    with pytest.raises(ConfigurationError) as error:
        load_feeds(tmp_path / "feeds.yaml")
    assert faults(error, tmp_path)[0].startswith(fault)


@pytest.mark.parametrize("written_as", ["2024-11-27", "2024-11-27T00:00", "'2024-11-27T02:00:00+02:00'"])
def test_a_feed_may_say_since_when_as_people_do(tmp_path: Path, written_as: str) -> None:
    written(tmp_path, feeds=f"feeds:\n- {{id: a, url: 'http://x/f', outlet: X, since: {written_as}}}\n")
    (feed,) = load_feeds(tmp_path / "feeds.yaml")
    assert feed.since == datetime(2024, 11, 27, tzinfo=UTC)


def test_a_feed_may_say_its_interval_as_people_do(tmp_path: Path) -> None:
    written(tmp_path, feeds="feeds:\n- {id: a, url: 'http://x/f', outlet: X, interval: 15m, lang: no}\n")
    (feed,) = load_feeds(tmp_path / "feeds.yaml")
    assert feed.interval is not None
    assert (feed.interval.total_seconds(), feed.lang) == (900, "no")


def test_a_route_to_nobody_is_told_with_its_place(tmp_path: Path) -> None:
    written(
        tmp_path,
        routes="route:\n  receiver: desk\nreceivers:\n- name: dsk\n  channels:\n  - type: console\n",
    )
    with pytest.raises(ConfigurationError) as error:
        load_routes(tmp_path / "routes.yaml")
    assert faults(error, tmp_path) == [
        "routes.yaml:2: route.receiver: no receiver is called desk; known are dsk (found 'desk')"
    ]
