"""The commands as a user meets them: what they print, where, and with which exit code."""

import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Run

ARTICLE = {
    "id": "a1",
    "title": "South Korea will send artillery shells to Ukraine, Seoul says",
    "text": "South Korea will supply Ukraine with 155 mm artillery shells, the defence ministry in Seoul said.",
    "outlet": "Wire",
    "published_at": "2024-11-27T09:00:00Z",
}


def test_match_prints_a_line_for_each_rule_with_verbatim_evidence(run: Run) -> None:
    ran = run("match", stdin=json.dumps(ARTICLE).encode())
    assert (ran.code, ran.err) == (0, "")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert {line["watch_topic"] for line in lines} >= {"arms-supply-ukraine"}
    for line in lines:
        assert set(line) == {"article_id", "watch_topic", "rule_id", "evidence"}
        assert line["article_id"] == "a1"
        for span in line["evidence"]:
            assert ARTICLE[span["field"]][span["start"] : span["end"]] == span["text"]


def test_match_tells_a_bad_line_skips_it_and_exits_2(run: Run) -> None:
    ran = run("match", stdin=b'{"id": "x"}\nnonsense\n' + json.dumps(ARTICLE).encode())
    assert ran.code == 2
    assert "standard input:1: title: one of title and text is required" in ran.err
    assert "standard input:2: is not JSON" in ran.err
    assert '"article_id": "a1"' in ran.out


def test_match_takes_articles_as_they_come(run: Run) -> None:
    """Nothing at all, characters that no contract carries, five megabytes: none ends the run, none hits by mistake."""
    hit = "Seoul will send artillery shells to Ukraine"
    articles = [
        {"id": "empty", "title": "", "text": ""},
        {"id": "nul", "title": "\0", "text": "\0\0 \0"},
        {"id": "surrogates", "title": "\ud800\udfff", "text": "\udc00 shells"},
        {"id": "broken", "title": f"\0 {hit}\ud800", "text": "\0"},
        {"id": "long", "title": "Long", "text": "lorem ipsum dolor, " * 270_000},
        {"id": "long hit", "title": "Long", "text": "lorem ipsum dolor, " * 270_000 + hit},
        {"id": "last", "title": hit},
    ]
    begun_at = time.process_time()
    ran = run("match", stdin="\n".join(map(json.dumps, articles)).encode())
    assert time.process_time() - begun_at < 30
    assert ran.code == 2
    assert ran.err == "error: standard input:1: title: one of title and text is required\n"
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert list(dict.fromkeys(line["article_id"] for line in lines)) == ["broken", "long hit", "last"]
    for line in lines:
        given = next(article for article in articles if article["id"] == line["article_id"])
        for span in line["evidence"]:
            assert given[span["field"]][span["start"] : span["end"]] == span["text"]


def test_match_prints_what_it_found_before_the_next_line_comes() -> None:
    command = [sys.executable, "-m", "services.cli.main", "match"]
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(ARTICLE) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["article_id"] == "a1"
        process.stdin.close()
        process.stdout.read()
    assert process.returncode == 0


def test_match_takes_topics_from_a_file(run: Run, tmp_path: Path) -> None:
    topic = tmp_path / "t.yaml"
    topic.write_text("id: shells\ntitle: Shells\nrules:\n- {id: any, query: '\"artillery shells\"'}\n")
    ran = run("match", "--topics", str(topic), stdin=json.dumps(ARTICLE).encode())
    (line,) = [json.loads(line) for line in ran.out.splitlines()]
    assert (line["watch_topic"], line["rule_id"]) == ("shells", "any")


def test_a_wrong_topic_file_is_told_with_its_line(run: Run, tmp_path: Path) -> None:
    topic = tmp_path / "t.yaml"
    topic.write_text("id: shells\ntitle: Shells\nrules:\n- {id: any, query: 'a AND'}\n")
    ran = run("match", "--topics", str(topic))
    assert ran.code == 2
    assert f"error: {topic}:4: rules[0].query: " in ran.err


def test_replay_shows_the_alerts_of_both_seed_topics(run: Run) -> None:
    from services.settings import SEEDS

    ran = run("replay", str(SEEDS / "articles"), "--json")
    alerts = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 0
    assert {alert["watch_topic"] for alert in alerts} == {"arms-supply-ukraine", "seoul-moscow-relations"}
    decided = [alert["decided_at"] for alert in alerts]
    assert decided == sorted(decided), "in the order of events"


def test_replay_twice_gives_the_same_alerts(run: Run) -> None:
    from services.settings import SEEDS

    first, second = (run("replay", str(SEEDS / "articles"), "--json").out for _ in range(2))
    assert first == second
    assert first


def test_replay_of_the_source_documents_alerts_both_topics(run: Run) -> None:
    shared = Path(__file__).resolve().parents[4] / "shared" / "seeds"
    documents = sorted(shared.glob("*.txt"))
    if not documents:
        pytest.skip("the source documents (../shared/seeds) are not here")
    ran = run("replay", *map(str, documents), "--json")
    alerts = [json.loads(line) for line in ran.out.splitlines()]
    assert {alert["watch_topic"] for alert in alerts} == {"arms-supply-ukraine", "seoul-moscow-relations"}
    texts = [document.read_text() for document in documents]
    for alert in alerts:
        if alert["kind"] in {"shift", "correction"}:
            said = alert.get("testimony", [])
            assert all(any(text[one["start"] : one["end"]] == one["text"] for text in texts) for one in said)
            continue
        assert alert["evidence"]
        assert any(
            all(
                text[span["start"] : span["end"]] == span["text"]
                for span in alert["evidence"]
                if span["field"] == "text"
            )
            for text in texts
        )


def test_replay_of_nothing_is_bad_input(run: Run, tmp_path: Path) -> None:
    ran = run("replay", str(tmp_path / "nowhere.txt"))
    assert ran.code == 2
    assert "nowhere.txt: cannot be read: No such file or directory" in ran.err


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "nan", "inf"])
def test_a_speed_that_is_none_is_bad_usage(run: Run, speed: str) -> None:
    ran = run("replay", "x.txt", f"--speed={speed}")
    assert ran.code == 2
    assert "expected max or a number above 0" in ran.err


def test_parse_prints_one_document(run: Run) -> None:
    feed = (
        "<rss version='2.0'><channel><title>F</title><link>https://e.org/</link><item><title>One</title><link>/1</link>"
        "<guid isPermaLink='false'>g1</guid><pubDate>Wed, 27 Nov 2024 09:00:00 GMT</pubDate>"
        "<description>&lt;b&gt;Bold&lt;/b&gt; news</description><author>a@e.org (Ann)</author></item></channel></rss>"
    )
    ran = run("parse", "-", "--base-url", "https://e.org/feed", "--json", stdin=feed.encode())
    document = json.loads(ran.out)
    (entry,) = document["entries"]
    assert document["feed"]["title"] == "F"
    assert (entry["id"], entry["link"], entry["summary"]) == ("g1", "https://e.org/1", "Bold news")
    assert entry["published_at"] == "2024-11-27T09:00:00Z"


@pytest.mark.parametrize(("body", "fault"), [(b"<html><body>hi</body></html>", "HTML page"), (b"", "empty")])
def test_parse_of_what_is_no_feed_says_what_it_is(run: Run, body: bytes, fault: str) -> None:
    ran = run("parse", "-", "--json", stdin=body)
    assert ran.code == 2
    assert fault in ran.err


def test_the_filters_read_packed_files(run: Run, tmp_path: Path) -> None:
    feed = gzip.compress(b"<rss version='2.0'><channel><title>F</title></channel></rss>")
    (tmp_path / "feed.xml.gz").write_bytes(feed)
    assert json.loads(run("parse", "feed.xml.gz", "--json").out)["feed"]["title"] == "F"
    (tmp_path / "feed.xml.gz").write_bytes(feed[:-12])
    ran = run("parse", "feed.xml.gz")
    assert (ran.code, "error: feed.xml.gz: is no gzip file, or damaged: " in ran.err) == (2, True)
    articles = gzip.compress(json.dumps(ARTICLE).encode() + b"\n")
    (tmp_path / "articles.jsonl.gz").write_bytes(articles)
    assert run("match", "articles.jsonl.gz").out == run("match", stdin=json.dumps(ARTICLE).encode()).out != ""
    (tmp_path / "articles.jsonl.gz").write_bytes(articles[:-8])
    ran = run("match", "articles.jsonl.gz")
    assert (ran.code, "error: articles.jsonl.gz: is no gzip file, or damaged: " in ran.err) == (2, True)
    assert '"article_id": "a1"' in ran.out


def test_config_check_passes_on_the_seeds(run: Run) -> None:
    ran = run("config", "check")
    assert (ran.code, ran.err) == (0, "")
    assert "configuration is valid" in ran.out


def test_config_check_shows_the_faults_of_every_part_at_once(run: Run, tmp_path: Path) -> None:
    (tmp_path / "redline.yaml").write_text("feeds: feeds.yaml\ntopics: topics\nroutes: routes.yaml\n")
    (tmp_path / "feeds.yaml").write_text("feeds:\n- {id: a, url: nowhere, outlet: O}\n")
    (tmp_path / "topics").mkdir()
    (tmp_path / "topics" / "t.yaml").write_text("id: t\ntitle: T\nrules:\n- {id: r, query: '@nobody_at_all'}\n")
    (tmp_path / "routes.yaml").write_text(
        "route: {receiver: desk}\nreceivers:\n- {name: desk, channels: [{type: fax}]}\n"
    )
    ran = run("config", "check")
    assert ran.code == 2
    for fault in ("feeds.yaml:2: feeds[0].url", "t.yaml:4: rules[0].query", "routes.yaml:3: receivers[0].channels[0]"):
        assert fault in ran.err


@pytest.mark.parametrize("command", ["up", "alerter"])
def test_a_service_tells_every_fault_of_what_it_needs_before_it_starts(run: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "redline.yaml").write_text("feeds: feeds.yaml\nroutes: routes.yaml\n")
    (tmp_path / "feeds.yaml").write_text("feeds:\n- {id: a, url: nowhere, outlet: O}\n")
    channel = "{type: slack, webhook_url: {secret: NOT_SET_ANYWHERE}}"
    (tmp_path / "routes.yaml").write_text(f"route: {{receiver: d}}\nreceivers:\n- {{name: d, channels: [{channel}]}}\n")
    ran = run(command)
    assert ran.code == 2
    assert "the secret NOT_SET_ANYWHERE is not set" in ran.err
    assert ("feeds.yaml:2: feeds[0].url" in ran.err) is (command == "up")
    assert "Traceback" not in ran.err


def test_a_file_of_another_kind_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    ran = run("replay", str(tmp_path / "a.pdf"))
    assert ran.code == 2
    assert "a.pdf: is of no kind that is read here" in ran.err


def test_config_show_masks_passwords(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDLINE_REDIS_URL", "redis://me:hunter2@localhost/0")
    ran = run("config", "show", "--json")
    assert "hunter2" not in ran.out
    assert json.loads(ran.out)["redis_url"] == {"value": "redis://me:***@localhost/0", "origin": "REDLINE_REDIS_URL"}


def test_an_unreachable_state_store_is_told_without_a_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDLINE_REDIS_URL", "redis://:hunter2@127.0.0.1:1/0")
    ran = run("matcher")
    assert ran.code == 1
    assert "127.0.0.1:1" in ran.err
    assert "hunter2" not in ran.err
    assert "Traceback" not in ran.err


def test_an_unreachable_broker_is_told_without_a_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDLINE_BROKER_URL", "kafka://127.0.0.1:1")
    ran = run("matcher")
    assert ran.code == 1
    assert "no Kafka broker answers at 127.0.0.1:1" in ran.err
    assert "Traceback" not in ran.err


def test_doctor_finds_the_embedded_default_in_order(run: Run) -> None:
    ran = run("doctor", "--json")
    verdicts = {line["subject"]: line["verdict"] for line in map(json.loads, ran.out.splitlines())}
    assert ran.code == 0, ran.out
    assert verdicts["state store"] == verdicts["broker"] == verdicts["configuration"] == "ok"


def test_doctor_advises_on_what_is_valid_but_hardly_meant(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "redline.yaml").write_text("routes: routes.yaml\n")
    (tmp_path / "routes.yaml").write_text("""
route: {receiver: desk}
receivers:
  - name: desk
    channels:
      - {type: email, from: r@example.org, to: [a@example.org], smtp: {host: localhost}}
      - {type: slack, bot_token: {secret: BOT}, channel: "#redline", interactive: true}
""")
    monkeypatch.setenv("REDLINE_SECRET_BOT", "xoxb-1")

    def advice() -> list[str]:
        ran = run("doctor", "--json")
        assert ran.code == 0, ran.out
        lines = [json.loads(line) for line in ran.out.splitlines()]
        return [line["message"] for line in lines if (line["subject"], line["verdict"]) == ("channels", "warn")]

    mail, slack = advice()
    assert "api.public_url is not set: mails to desk" in mail
    assert "receiver desk, channel slack: is interactive, but the secret SLACK_SIGNING_SECRET is not set" in slack
    monkeypatch.setenv("REDLINE_SECRET_SLACK_SIGNING_SECRET", "x")
    monkeypatch.setenv("REDLINE_API__PUBLIC_URL", "https://redline.example.org")
    assert advice() == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("  routes: [{receiver: dsek}]", "routes.yaml:3: route.routes[0].receiver: no receiver is called dsek"),
        ("  mute_time_intervals: [nights]", "routes.yaml:3: route.mute_time_intervals"),
        ("  group_by: [topic]", "routes.yaml:3: route.group_by"),
        ("  group_wait: soon", "routes.yaml:3: route.group_wait"),
    ],
)
def test_config_check_names_the_line_of_what_routes_do_not_know(
    run: Run, tmp_path: Path, line: str, fault: str
) -> None:
    (tmp_path / "redline.yaml").write_text("routes: routes.yaml\n")
    (tmp_path / "routes.yaml").write_text(
        f"route:\n  receiver: desk\n{line}\nreceivers: [{{name: desk, channels: [{{type: console}}]}}]\n"
    )
    ran = run("config", "check")
    assert (ran.code, fault in ran.err) == (2, True), ran.err


def test_replay_says_why_matches_raised_no_alert(run: Run, tmp_path: Path) -> None:
    from services.settings import SEEDS

    text = (SEEDS / "articles" / "komersant-umerov-arms-talks.md").read_text()
    (tmp_path / "a.md").write_text(text)
    (tmp_path / "b.md").write_text(text.replace("outlet: Komersant ukrainskyi", "outlet: Second Wire"))
    copies = [{**ARTICLE, "id": f"a{number}", "text": text, "outlet": "Third Wire"} for number in range(2)]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, copies)))
    told = run("replay", *(str(tmp_path / name) for name in ("a.md", "b.md", "c.jsonl")))
    assert told.code == 0, told.err
    assert "Story: 2 articles from 2 outlets · one more outlet tells it\n" in told.out
    assert told.out.endswith(
        "4 articles, 6 alerts; nothing was sent\n2 matches raised no alert: 2 add nothing to their stories\n"
    )


def test_replay_tells_a_shift_in_its_time_before_what_came_later_and_lets_time_pass_to_the_last(
    run: Run, tmp_path: Path
) -> None:
    agreed = "South Korea has agreed to supply weapons to Ukraine, President Yoon said."
    agreed_too = "South Korea agreed to send howitzers to Ukraine, the defence ministry said."
    said = (
        ("2024-11-07T03:00Z", "Han River Daily", agreed),
        ("2024-11-07T05:00Z", "Bukchon Post", agreed_too),
        ("2024-11-27T03:00Z", "Han River Daily", "South Korea will not send weapons to Ukraine, President Yoon said."),
        (
            "2024-11-27T05:00Z",
            "Bukchon Post",
            "South Korea refuses to supply arms to Ukraine, the defence ministry said.",
        ),
        ("2024-12-20T05:00Z", "Potomac Ledger", "Moscow warned Seoul against supplying arms to Ukraine."),
        ("2025-01-10T03:00Z", "Han River Daily", agreed),
        ("2025-01-10T05:00Z", "Bukchon Post", agreed_too),
    )
    items = [
        {"id": f"a{number}", "title": f"Report {number} of the day", "text": text, "outlet": outlet, "published_at": at}
        for number, (at, outlet, text) in enumerate(said)
    ]
    path = tmp_path / "said.jsonl"
    path.write_text("\n".join(map(json.dumps, reversed(items))))
    ran = run("replay", str(path), "--json")
    alerts = [json.loads(line) for line in ran.out.splitlines()]
    arms = [alert for alert in alerts if alert["watch_topic"] == "arms-supply-ukraine"]
    shifts = [alert for alert in arms if alert["kind"] == "shift"]
    assert [(shift["position"]["from_rung"], shift["position"]["to_rung"]) for shift in shifts] == [(3, 0), (0, 3)]
    assert [alert["decided_at"] for alert in alerts] == sorted(alert["decided_at"] for alert in alerts)
    assert shifts[0]["decided_at"] < "2024-11-28"
    assert alerts[-1]["kind"] == "shift", "the last becomes due when no article comes any more"
    assert run("replay", str(path), "--json").out == ran.out
    shown = run("replay", str(path)).out
    assert f"7 articles, {len(alerts)} alerts (2 shifts); nothing was sent\n" in shown
    assert "— President Yoon, on record; Han River Daily, 27 Nov 2024" in shown


def test_doctor_says_which_part_does_not_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDLINE_BROKER_URL", "kafka://127.0.0.1:1")
    ran = run("doctor", "--json")
    verdicts = {line["subject"]: line["verdict"] for line in map(json.loads, ran.out.splitlines())}
    assert ran.code == 1
    assert (verdicts["broker"], verdicts["state store"]) == ("fail", "ok")


def test_every_command_has_help_with_an_example(run: Run) -> None:
    import typer

    from services.cli.main import app

    def leaves(command: object, path: tuple[str, ...]) -> list[tuple[str, ...]]:
        inner = getattr(command, "commands", None)
        if not inner:
            return [path]
        return [leaf for name, child in inner.items() for leaf in leaves(child, (*path, name))]

    for path in leaves(typer.main.get_command(app), ()):
        ran = run(*path, "--help")
        assert ran.code == 0
        assert f"redline {' '.join(path)}" in ran.out.partition("Example:")[2], (
            f"redline {' '.join(path)} has no example"
        )


def test_what_is_logged_stays_out_of_the_output(run: Run, tmp_path: Path) -> None:
    (tmp_path / "back.jsonl").write_text(json.dumps(ARTICLE) + "\n" + json.dumps({**ARTICLE, "id": "a2"}))
    ran = run("replay", str(tmp_path / "back.jsonl"), "--json", "--deliver")
    cards_and_alerts = [line for line in ran.out.splitlines() if line.startswith("{")]
    assert all("watch_topic" in json.loads(line) for line in cards_and_alerts)
    assert "alert_queued" not in ran.out
