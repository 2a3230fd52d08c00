"""`redline alerts route` and `preview`: whom an alert would reach, and as what, before anything is sent."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import encode
from schemas.watch import Severity
from tests.integration.cli.conftest import InStore, Run
from tests.integration.cli.told_alerts import DELIVERED, remember
from tests.unit.alerts.examples import an_alert, article
from tests.unit.alerts.slack_limits import faults as slack_faults

ROUTES = """
route:
  receiver: desk
  routes:
    - {match: {severity: critical}, receiver: night, continue: true, group_wait: 30s, mute_time_intervals: [weekends]}
    - {match: {labels: {desk: east-asia}}, receiver: seoul, repeat_interval: 1d, group_by: [labels.desk]}
    - {match: {watch_topic: other}, receiver: night, digest: true}
receivers:
  - {name: desk, channels: [{type: console}]}
  - {name: night, channels: [{type: console}], time_zone: Europe/Kyiv, budget: {per_day: 30}}
  - name: seoul
    channels:
      - {type: console}
      - {type: email, from: Redline <r@example.org>, to: [a@example.org, b@example.org], smtp: {host: localhost}}
time_intervals:
  - {name: weekends, weekdays: ["saturday:sunday"]}
"""


@pytest.fixture(autouse=True)
def routes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "routes.yaml").write_text(ROUTES)
    monkeypatch.setenv("REDLINE_ROUTES", str(tmp_path / "routes.yaml"))


def file_of(folder: Path, *alerts: Any, name: str = "alert.json") -> str:
    path = folder / name
    path.write_bytes(b"\n".join(one if isinstance(one, bytes) else encode(one) for one in alerts))
    return str(path)


def test_every_route_says_why_and_the_last_ones_what_applies(run: Run, tmp_path: Path) -> None:
    ran = run("alerts", "route", file_of(tmp_path, an_alert(severity=Severity.CRITICAL)), "--json")
    assert ran.code == 0, ran.err
    line = json.loads(ran.out)
    assert [(step["route"], step["verdict"]) for step in line["steps"]] == [
        ("root", "passed_on"), ("root / 1", "delivered"), ("root / 2", "delivered"), ("root / 3", "not_reached"),
    ]  # fmt: skip
    night, seoul = line["targets"]
    assert (night["receiver"], night["group_wait_seconds"], night["time_zone"]) == ("night", 30, "Europe/Kyiv")
    assert (night["mute_time_intervals"], night["budget_per_day"]) == (["weekends"], 30)
    assert (seoul["channels"], seoul["group"]) == (["console", "email"], {"labels.desk": "east-asia"})
    assert (seoul["repeat_interval_seconds"], seoul["group_interval_seconds"]) == (86_400, 900)


def test_people_see_the_tree(run: Run, tmp_path: Path) -> None:
    shown = run("alerts", "route", file_of(tmp_path, an_alert(severity=Severity.CRITICAL))).out
    for words in (
        "✓ root / 1 to night: delivered",
        "told after 30 s; what is new every 15 min; never again without news",
        "not during weekends (Europe/Kyiv",
        "at most 30 messages a day",
        "again every 1 d without news",
        "grouped by labels.desk: east-asia",
        "· root / 3 to night: not reached, an earlier route took the alert",
    ):
        assert words in shown
    other = run("alerts", "route", file_of(tmp_path, an_alert(watch_topic="other", labels={}))).out
    assert "✗ root / 1 to night: not matched, severity is warning, not critical" in other
    assert "in the digest only (0 8 * * *, Europe/Kyiv)" in other


def test_alerts_come_from_standard_input_too(run: Run, tmp_path: Path) -> None:
    ran = run("alerts", "route", "-", "--json", stdin=encode(an_alert()) + b"\n\n" + encode(an_alert()) + b"\n")
    assert (ran.code, len(ran.out.splitlines())) == (0, 2)
    assert not (tmp_path / "data").exists()


def test_an_alert_that_is_kept_is_named_by_its_id(run: Run, in_store: InStore) -> None:
    in_store(remember)
    assert json.loads(run("alerts", "route", DELIVERED.id[:8], "--json").out)["alert_id"] == DELIVERED.id
    assert DELIVERED.title in run("alerts", "preview", DELIVERED.id, "--channel", "email").out


@pytest.mark.parametrize(
    ("raw", "reasons"),
    [
        (b'{"id": "x"}', ["alert.json: kind: this key is required", "alert.json: id: "]),
        (b'{\n  "id": \n}', ["alert.json:3: is not JSON"]),
        (encode(an_alert()) + b'\n{"kind": "mentio"}', ["alert.json:2: kind: Input should be 'mention'"]),
        (encode(an_alert()) + b"\n{", ["alert.json:2: is not JSON"]),
        (
            b"[" + encode(an_alert()) + b', {"titel": 1}]',
            ["alert.json: [1].titel: unknown key (did you mean 'title'?)"],
        ),
        (b"[1]", ["alert.json: [0]: "]),
        (b"17", ["alert.json: expected an alert, a JSON object"]),
        (b"\xff\xfe", ["alert.json:1: is not UTF-8"]),
        (b"[" * 5000, ["alert.json"]),
        (b"", ["alert.json: holds no alert"]),
    ],
)
def test_what_is_no_alert_is_refused_with_file_and_field(
    run: Run, tmp_path: Path, raw: bytes, reasons: list[str]
) -> None:
    for command in ("route", "preview"):
        ran = run("alerts", command, file_of(tmp_path, raw))
        assert (ran.code, ran.out) == (2, "")
        assert all(reason in ran.err for reason in reasons), ran.err
        assert "Traceback" not in ran.err


def test_a_file_that_is_not_there_is_refused(run: Run) -> None:
    ran = run("alerts", "route", "nowhere.json")
    assert (ran.code, "nowhere.json: cannot be read: No such file" in ran.err) == (2, True)


def test_without_an_alert_an_example_is_shown(run: Run, tmp_path: Path) -> None:
    shown = run("alerts", "preview")
    assert (shown.code, "Example Wire" in shown.out) == (0, True)
    assert not (tmp_path / "data").exists()


def test_slack_gets_blocks(run: Run, tmp_path: Path) -> None:
    path = file_of(tmp_path, an_alert(title="<!channel> & more"))
    payload = json.loads(run("alerts", "preview", path, "--channel", "slack").out)
    assert payload["blocks"]
    assert "<!channel>" not in json.dumps(payload)
    assert len(run("alerts", "preview", path, "--channel", "slack", "--json").out.splitlines()) == 1


def test_mail_is_shown_as_text_as_html_or_whole(run: Run, tmp_path: Path) -> None:
    path = file_of(tmp_path, an_alert(title="Seoul & Kyiv"))
    text = run("alerts", "preview", path, "--channel", "email").out
    assert "From: Redline <r@example.org>\n" in text, "as the receiver of the alert gets it"
    assert "\nSubject: [" in text
    assert "Seoul & Kyiv" in text
    html = run("alerts", "preview", path, "--channel", "email", "--html").out
    assert html.lstrip().lower().startswith("<!doctype html")
    assert "Seoul &amp; Kyiv" in html
    line = json.loads(run("alerts", "preview", path, "--channel", "email", "--json").out)
    assert set(line) == {"subject", "headers", "text", "html"}
    assert line["headers"]["Subject"] == line["subject"]


def test_another_receiver_is_shown_its_own(run: Run, tmp_path: Path) -> None:
    path = file_of(tmp_path, an_alert())
    told = json.loads(run("alerts", "preview", path, "--channel", "webhook", "--receiver", "night").out)
    assert (told["receiver"], told["time_zone"]) == ("night", "Europe/Kyiv")
    ran = run("alerts", "preview", path, "--receiver", "nigth")
    assert (ran.code, "did you mean 'night'?" in ran.err) == (2, True)


def test_several_alerts_are_one_message(run: Run, tmp_path: Path) -> None:
    alerts = [an_alert(id=letter * 32, article=article(id=letter * 32, outlet=letter)) for letter in "ab"]
    path = file_of(tmp_path, *alerts)
    told = json.loads(run("alerts", "preview", path, "--channel", "webhook", "--kind", "update", "--json").out)
    assert (told["kind"], told["revision"], len(told["alerts"]), told["outlets"]) == ("update", 2, 2, 2)
    digest = json.loads(run("alerts", "preview", path, "--channel", "webhook", "--kind", "digest", "--json").out)
    assert [item["alert_ids"] for item in digest["digest"]["items"]] == [["a" * 32, "b" * 32]]


def test_html_is_for_mail(run: Run) -> None:
    for options in (("--channel", "slack"), ("--channel", "email", "--json")):
        ran = run("alerts", "preview", "--html", *options)
        assert (ran.code, "--html is for --channel email" in ran.err) == (2, True)


@pytest.mark.parametrize("kind", ["new", "update", "reminder", "digest", "test"])
def test_every_kind_is_drawn_for_every_channel(run: Run, tmp_path: Path, kind: str) -> None:
    path = file_of(tmp_path, an_alert(title="Seoul weighs it"))

    def drawn(channel: str) -> str:
        ran = run("alerts", "preview", path, "--kind", kind, "--channel", channel, "--json", "--receiver", "seoul")
        assert ran.code == 0, ran.err
        return ran.out

    assert slack_faults(json.loads(drawn("slack"))) == []
    assert json.loads(drawn("webhook"))["kind"] == kind
    mail = json.loads(drawn("email"))
    assert mail["headers"]["X-Redline-Kind"] == kind
    assert mail["subject"].startswith("Re: ") is (kind in {"update", "reminder"})
    for text in (mail["text"], mail["html"], json.loads(drawn("console"))["text"]):
        assert "Seoul weighs it" in text


@pytest.mark.parametrize(("channel", "size"), [("slack", 40), ("email", 100)])
def test_a_long_digest_comes_in_parts(run: Run, tmp_path: Path, channel: str, size: int) -> None:
    alerts = [
        an_alert(id=f"{number:032x}", group_key=f"mention/rok-arms/{number}", title=f"Story {number}", labels={})
        for number in range(size + 1)
    ]
    path = file_of(tmp_path, *alerts)
    ran = run("alerts", "preview", path, "--kind", "digest", "--channel", channel, "--json")
    first, second = ran.out.splitlines()
    assert ("part 1 of 2" in first, "part 2 of 2" in second) == (True, True)
    told = json.loads(run("alerts", "preview", path, "--kind", "digest", "--channel", "webhook", "--json").out)
    assert (told["digest"]["parts"], len(told["digest"]["items"])) == (1, size + 1)


def test_links_are_shown_where_there_will_be_some(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file_of(tmp_path, an_alert())
    command = ("alerts", "preview", path, "--receiver", "seoul", "--json", "--channel")
    assert "List-Unsubscribe" not in json.loads(run(*command, "email").out)["headers"]
    monkeypatch.setenv("REDLINE_API__PUBLIC_URL", "https://redline.example.org")
    headers = json.loads(run(*command, "email").out)["headers"]
    assert headers["List-Unsubscribe"].startswith("<https://redline.example.org/unsubscribe/")
    assert "https://redline.example.org/silence/" in run(*command, "slack").out
