from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from alerts.matchers import Matchers
from alerts.silences import Silence, is_active, silence_id, silenced_by
from schemas.base import content_id
from tests.unit.alerts.timeline import START, named

HOUR = timedelta(hours=1)


def a_silence(match: dict[str, Any] | None = None, **changes: Any) -> Silence:
    matchers = Matchers.model_validate({"kind": ["mention"]} if match is None else match, strict=False)
    facts: dict[str, Any] = {
        "id": silence_id(matchers, "kim", START, START),
        "match": matchers,
        "author": "kim",
        "comment": "known story",
        "starts_at": START,
        "ends_at": START + HOUR,
        "created_at": START,
        **changes,
    }
    return Silence(**facts)


def test_silence_holds_from_its_start_to_before_its_end() -> None:
    silence = a_silence()
    moments = (START - timedelta(seconds=1), START, START + HOUR - timedelta(seconds=1), START + HOUR)
    assert [is_active(silence, moment) for moment in moments] == [False, True, True, False]


def test_silence_that_was_ended_before_it_began_never_holds() -> None:
    assert not is_active(a_silence(ends_at=START), START)


@pytest.mark.parametrize(
    ("match", "holds"),
    [
        ({"story": content_id("story", "s")}, True),
        ({"story": content_id("story", "t")}, False),
        ({"story": content_id("story", "s"), "watch_topic": "rok-arms"}, True),
        ({"story": content_id("story", "s"), "watch_topic": "other"}, False),
        ({"group": "mention/a"}, True),
        ({"group": "mention/b"}, False),
        ({"severity": ">= warning", "labels": {"desk": ["europe", "east-asia"]}}, True),
        ({"severity": ">= warning", "labels": {"desk": "europe"}}, False),
    ],
)
def test_all_conditions_must_hold(match: dict[str, Any], holds: bool) -> None:
    found = silenced_by(named("a", story="s"), [a_silence(match)], START)
    assert (found is not None) is holds


def test_alert_without_a_story_is_a_story_of_its_own() -> None:
    assert silenced_by(named("a"), [a_silence({"story": "mention/a"})], START)
    assert not silenced_by(named("b"), [a_silence({"story": "mention/a"})], START)


def test_of_several_the_one_that_ends_last_is_named() -> None:
    short, long, past = (
        a_silence(),
        a_silence(ends_at=START + 2 * HOUR),
        a_silence(ends_at=START + timedelta(seconds=1)),
    )
    assert silenced_by(named("a"), [short, long, past], START + timedelta(minutes=1)) is long


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"match": {}}, "would silence everything"),
        ({"ends_at": START - HOUR}, "ends after it starts"),
        ({"author": " "}, "author"),
        ({"comment": ""}, "comment"),
        ({"comment": "x" * 501}, "at most 500"),
        ({"author": "x" * 101}, "at most 100"),
    ],
)
def test_faults(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        a_silence(changes.pop("match", None), **changes)


def test_silence_survives_its_journey_through_the_store() -> None:
    silence = a_silence({"severity": ">= warning", "story": "s", "labels": {"desk": "europe"}})
    assert Silence.model_validate_json(silence.model_dump_json()) == silence


def test_same_request_twice_is_one_silence() -> None:
    match = Matchers(story=("s",))
    assert silence_id(match, "kim", START, START) == silence_id(match, "kim", START, START)
    others = [
        silence_id(Matchers(group=("s",)), "kim", START, START),
        silence_id(match, "lee", START, START),
        silence_id(match, "kim", START + HOUR, START),
        silence_id(match, "kim", START, START + HOUR),
    ]
    assert len({silence_id(match, "kim", START, START), *others}) == 5
