"""Every change of a rule keeps who made it, and when."""

from datetime import UTC, datetime, timedelta

from services.domain.rules.revision import created, revised
from tests.unit.rules.builders import rule

NOW = datetime(2024, 11, 27, 9, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def test_a_new_rule_has_its_author_and_time() -> None:
    new = created(rule("tank"), NOW, "ann")
    assert (new.author, new.created_at, new.updated_by, new.updated_at) == ("ann", NOW, None, None)


def test_a_rule_that_says_its_author_and_time_itself_keeps_them() -> None:
    assert created(created(rule("tank"), NOW, "ann"), LATER, "bob") == created(rule("tank"), NOW, "ann")


def test_a_change_keeps_the_author_and_names_who_changed_it() -> None:
    held = created(rule("tank"), NOW, "ann")
    changed = revised(held, rule("howitzer"), LATER, "bob")
    assert changed is not None
    assert (changed.query, changed.author, changed.created_at) == ("howitzer", "ann", NOW)
    assert (changed.updated_by, changed.updated_at) == ("bob", LATER)


def test_what_says_the_same_is_no_change() -> None:
    held = created(rule("tank"), NOW, "ann")
    assert revised(held, rule("tank"), LATER, "bob") is None
    assert revised(held, rule("tank", enabled=False), LATER, "bob") is not None
