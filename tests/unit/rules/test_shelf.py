"""Rules come off the shelf as they were put on it."""

from datetime import UTC, datetime

import pytest

from schemas.watch import Severity, WatchRule
from services.domain.rules.shelf import RuleShelf

FULL = WatchRule(
    id="kim-1.x",
    watch_topic="north_korea",
    query='="김정은" OR "a \\ b"',
    title="Kim",
    severity=Severity.CRITICAL,
    labels={"desk": "Asia"},
    enabled=False,
    must_match=("Kim said",),
    must_not_match=("Kim Kardashian",),
    author="ann",
    created_at=datetime(2024, 11, 27, tzinfo=UTC),
    updated_by="bob",
    updated_at=datetime(2024, 11, 28, tzinfo=UTC),
)
PLAIN = WatchRule(id="kim-1.x", watch_topic="arms", query="tank")


@pytest.fixture
def shelf() -> RuleShelf:
    shelf = RuleShelf()
    assert [shelf.put(FULL), shelf.put(PLAIN)] == [0, 1]
    return shelf


def test_a_rule_keeps_all_its_fields(shelf: RuleShelf) -> None:
    assert [shelf.rule(0), shelf.rule(1)] == [FULL, PLAIN]
    assert list(shelf.frozen()) == [FULL, PLAIN]


def test_a_slot_is_found_by_topic_and_id_and_the_other_way_round(shelf: RuleShelf) -> None:
    assert [shelf.slot(*shelf.key(slot)) for slot in (0, 1)] == [0, 1]
    assert shelf.slot("arms", "other") is None
    assert shelf.slot("other", "kim-1.x") is None


def test_a_dropped_rule_is_gone_but_its_slot_still_tells_which_it_was(shelf: RuleShelf) -> None:
    assert shelf.take("north_korea", "kim-1.x") == 0
    assert (len(shelf), shelf.dropped, shelf.slot("north_korea", "kim-1.x")) == (1, 1, None)
    assert shelf.key(0) == ("north_korea", "kim-1.x")
    with pytest.raises(KeyError):
        shelf.rule(0)
    assert shelf.put(FULL) == 2
    assert list(shelf.frozen()) == [PLAIN, FULL]


def test_what_is_frozen_does_not_change(shelf: RuleShelf) -> None:
    frozen = shelf.frozen()
    shelf.take("arms", "kim-1.x")
    shelf.put(PLAIN)
    assert list(frozen) == [FULL, PLAIN]
