"""Rules and feeds that users add: kept in the store, checked before, told apart from those in files."""

import json

import pytest

from tests.integration.cli.conftest import Run


def rule_names(run: Run) -> list[str]:
    lines = run("rules", "list", "--json").out.splitlines()
    return [f"{rule['watch_topic']}/{rule['id']}" for rule in map(json.loads, lines)]


def test_a_rule_is_added_shown_and_removed(run: Run) -> None:
    name = "arms-supply-ukraine/cobalt"
    added = run(
        "rules", "add", "@south_korea AND cobalt", "--topic", "arms-supply-ukraine", "--id", "cobalt",
        "--severity", "critical", "--label", "desk=metals", "--must-match", "Seoul buys cobalt",
    )  # fmt: skip
    assert added.code == 0, added.err
    assert name in added.out
    shown = json.loads(run("rules", "show", name, "--json").out)
    assert (shown["severity"], shown["labels"], shown["query"]) == (
        "critical", {"desk": "metals"}, "@south_korea AND cobalt",
    )  # fmt: skip
    assert name in rule_names(run)
    assert run("rules", "remove", name).code == 0
    assert name not in rule_names(run)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["cobalt AND", "--topic", "arms-supply-ukraine"], "query: "),
        (["NOT cobalt", "--topic", "arms-supply-ukraine"], "query: "),
        (["@south_krea", "--topic", "arms-supply-ukraine"], "south_korea"),
        (
            ["cobalt", "--topic", "arms-suply-ukraine"],
            "no watch topic 'arms-suply-ukraine' (did you mean 'arms-supply-ukr",
        ),
        (["cobalt", "--topic", "arms-supply-ukraine", "--id", "No Good"], "id: "),
        (["cobalt", "--topic", "arms-supply-ukraine", "--label", "desk"], "--label desk: expected NAME=VALUE"),
        (
            ["cobalt", "--topic", "arms-supply-ukraine", "--must-match", "nickel"],
            'must_match 1 "nickel" does not match',
        ),
        (["x" * 20_001, "--topic", "arms-supply-ukraine"], "query: String should have at most 20000 characters"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_with_the_reason(run: Run, arguments: list[str], fault: str) -> None:
    ran = run("rules", "add", *arguments)
    assert ran.code == 2
    assert fault in ran.err
    assert "Traceback" not in ran.err


def test_a_fault_in_a_query_is_pointed_at(run: Run) -> None:
    ran = run("rules", "add", "cobalt AND (nickel", "--topic", "arms-supply-ukraine")
    assert "column 12" in ran.err
    assert "\n             ^" in ran.err


def test_a_rule_that_is_there_already_is_not_replaced(run: Run) -> None:
    first = rule_names(run)[0]
    topic, _, rule_id = first.partition("/")
    ran = run("rules", "add", "cobalt", "--topic", topic, "--id", rule_id)
    assert ran.code == 2
    assert f"there is a rule {first} already" in ran.err


def test_a_rule_in_a_file_is_removed_in_the_file(run: Run) -> None:
    ran = run("rules", "remove", rule_names(run)[0])
    assert ran.code == 2
    assert "is provisioned: remove it from" in ran.err


def test_a_topic_of_ones_own(run: Run) -> None:
    assert run("rules", "add", "cobalt", "--topic", "my-desk", "--new-topic").code == 0
    assert "my-desk/cobalt" in rule_names(run)


def test_the_examples_of_the_seed_rules_hold(run: Run) -> None:
    ran = run("rules", "test")
    assert ran.code == 0, ran.err
    assert ", 0 failed" in ran.out


def test_an_unknown_rule_or_topic_is_told_with_the_nearest(run: Run) -> None:
    assert "did you mean 'arms-supply-ukraine'" in run("topics", "show", "arms-supply-ukrain").err
    name = rule_names(run)[0]
    assert f"did you mean '{name}'" in run("rules", "show", f"{name}x").err


def test_a_feed_is_added_listed_and_removed(run: Run) -> None:
    added = run("feeds", "add", "https://news.example.org/rss.xml", "--lang", "en", "--interval", "15m", "--no-check")
    assert added.code == 0, added.err
    feeds = {feed["id"]: feed for feed in map(json.loads, run("feeds", "list", "--json").out.splitlines())}
    assert feeds["news-example-org"]["interval"] == "PT15M"
    assert feeds["news-example-org"]["added"] is True
    assert run("feeds", "remove", "news-example-org").code == 0
    assert "news-example-org" not in run("feeds", "list", "--json").out


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["ftp://x/y", "--no-check"], "url: "),
        (["https://e.org/f", "--lang", "English", "--no-check"], "lang: "),
        (["https://e.org/f", "--interval", "soon", "--no-check"], "interval: "),
        (["http://127.0.0.1:1/f"], "127.0.0.1"),
    ],
)
def test_a_feed_that_cannot_be_meant_is_refused(run: Run, arguments: list[str], fault: str) -> None:
    ran = run("feeds", "add", *arguments)
    assert ran.code == 2
    assert fault in ran.err


def test_a_feed_in_a_file_is_removed_in_the_file(run: Run) -> None:
    feed = json.loads(run("feeds", "list", "--json").out.splitlines()[0])
    ran = run("feeds", "remove", feed["id"])
    assert ran.code == 2
    assert f"{feed['id']} is provisioned: remove it from" in ran.err


def test_a_feed_of_the_same_id_or_address_is_refused(run: Run) -> None:
    feed = json.loads(run("feeds", "list", "--json").out.splitlines()[0])
    same_id = run("feeds", "add", "https://other.example.org/f", "--id", feed["id"], "--no-check")
    assert (same_id.code, f"there is a feed '{feed['id']}' already" in same_id.err) == (2, True)
    same_url = run("feeds", "add", feed["url"], "--id", "other", "--no-check")
    assert (same_url.code, f"feed '{feed['id']}' has this address already" in same_url.err) == (2, True)


def test_feeds_check_says_which_feed_cannot_be_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.cli.seed_server import load_seed_articles, serve
    from services.settings import SEEDS

    monkeypatch.setenv("REDLINE_FETCH__ALLOW_PRIVATE", "true")
    with serve(load_seed_articles(SEEDS / "articles")) as site:
        good = site.feeds[0]
        assert run("feeds", "add", good.url, "--id", "good").code == 0
        assert run("feeds", "add", good.url.replace(".xml", ".nowhere"), "--id", "bad", "--no-check").code == 0
        ran = run("feeds", "check", "good", "bad", "--json")
    found = {line["feed_id"]: line for line in map(json.loads, ran.out.splitlines())}
    assert ran.code == 1
    assert found["good"]["ok"]
    assert found["good"]["entries"] > 0
    assert not found["bad"]["ok"]
    assert "404" in found["bad"]["message"]
