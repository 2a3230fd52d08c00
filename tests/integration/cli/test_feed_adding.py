"""`redline feeds add` and `discover` against a site on loopback."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.cli.conftest import Run
from tests.integration.cli.site import Site, serve_site


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("REDLINE_FETCH__ALLOW_PRIVATE", "true")
    with serve_site() as running:
        yield running


def added(run: Run) -> list[dict[str, Any]]:
    rows = map(json.loads, run("feeds", "list", "--json").out.splitlines())
    return [row for row in rows if row["added"]]


def test_a_site_with_one_feed(run: Run, site: Site) -> None:
    site.advertise("/news.xml", "/comments/feed")
    ran = run("feeds", "add", site.url(), "--id", "mine", "--country", "KOR")
    assert ran.code == 0, ran.err
    assert site.url("/news.xml") in ran.out
    (feed,) = added(run)
    assert (feed["id"], feed["url"], feed["title"], feed["outlet"], feed["country"]) == (
        "mine", site.url("/news.xml"), "News of /news.xml", "News of /news.xml", "KOR",
    )  # fmt: skip


def test_a_site_with_several_feeds_waits_for_a_choice(run: Run, site: Site) -> None:
    site.advertise("/world", "/home", "/comments/feed")
    ran = run("feeds", "add", site.url())
    assert ran.code == 2
    assert "3 feeds found" in ran.err
    assert "--pick N" in ran.err
    for words in ("News of /world", "News of /home", ", comments", "RSS 2.0", "2024-11-27"):
        assert words in ran.out
    assert added(run) == []
    assert run("feeds", "add", site.url(), "--pick", "4").code == 2
    assert run("feeds", "add", site.url(), "--pick", "2").code == 0
    assert run("feeds", "add", site.url(), "--yes").code == 0
    assert sorted(feed["url"] for feed in added(run)) == [site.url("/home"), site.url("/world")]


def test_a_choice_on_the_terminal(run: Run, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.cli import feed_adding

    site.advertise("/world", "/home")
    monkeypatch.setattr(feed_adding, "_is_terminal", lambda: True)
    ran = run("feeds", "add", site.url(), stdin=b"7\n2\n")
    assert ran.code == 0, ran.err
    assert [feed["url"] for feed in added(run)] == [site.url("/home")]
    assert run("feeds", "add", site.url(), stdin=b"").code == 2


def test_an_address_without_its_scheme(run: Run, site: Site) -> None:
    site.advertise("/news.xml")
    assert run("feeds", "add", site.address).code == 0
    assert [feed["url"] for feed in added(run)] == [site.url("/news.xml")]


def test_a_feed_elsewhere_is_not_taken_for_the_one_that_is_not_there(run: Run, site: Site) -> None:
    site.advertise("/news.xml")
    ran = run("feeds", "add", site.url("/old.xml"))
    assert ran.code == 2
    assert "1 feed found" in ran.err
    assert "News of /news.xml" in ran.out


def test_a_site_without_feeds(run: Run, site: Site) -> None:
    site.pages["/"] = "<html><body>Nothing here</body></html>"
    ran = run("feeds", "add", site.url())
    assert ran.code == 2
    assert "no feed found, tried" in ran.err
    assert f"{site.url('/feed')}: " in ran.err
    assert "404" in ran.err
    assert added(run) == []


def test_all_options_are_kept(run: Run, site: Site) -> None:
    site.pages["/f"] = "not asked"
    ran = run(
        "feeds", "add", site.url("/f"), "--no-check", "--full-text", "--no-websub", "--since", "2024-11-01",
        "--header", "X-Desk=asia=1", "--header", "X-Key=secret:KEY", "--auth", "LOGIN", "--interval", "15m",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "REDLINE_SECRET_KEY" in ran.err
    assert "REDLINE_SECRET_LOGIN" in ran.err
    (feed,) = added(run)
    assert (feed["full_text"], feed["websub"], feed["since"]) == (True, False, "2024-11-01T00:00:00Z")
    assert feed["headers"] == {"X-Desk": "asia=1", "X-Key": {"secret": "KEY"}}
    assert feed["basic_auth"] == {"secret": "LOGIN"}
    assert site.asked == []


def test_a_feed_is_asked_for_as_it_will_be_polled(run: Run, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.advertise("/news.xml")
    options = ["--header", "X-Desk=asia", "--auth", "LOGIN"]
    ran = run("feeds", "add", site.url(), *options)
    assert (ran.code, site.asked) == (2, [])
    assert "the secret LOGIN is not set" in ran.err
    monkeypatch.setenv("REDLINE_SECRET_LOGIN", "user:password")
    ran = run("feeds", "add", site.url(), *options)
    assert ran.code == 0, ran.err
    assert site.headers["/news.xml"]["X-Desk"] == "asia"
    assert site.headers["/news.xml"]["Authorization"] == "Basic dXNlcjpwYXNzd29yZA=="


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["mailto:a@e.org"], "url: 'mailto:a@e.org' is a mailto: address"),
        (["https://e.org/f", "--header", "X-Key"], "--header X-Key: expected NAME=VALUE"),
        (["https://e.org/f", "--header", "Cookie=a"], "Cookie"),
        (["https://e.org/f", "--header", "X-Key=secret:no good"], "headers"),
        (["https://e.org/f", "--auth", "no good"], "basic_auth"),
        (["https://e.org/f", "--since", "soon"], "--since soon: expected a day or a moment"),
        (["https://e.org/f", "--lang", "English"], "lang: "),
    ],
)
def test_options_that_cannot_be_meant_are_refused_before_anything_is_asked(
    run: Run, arguments: list[str], fault: str
) -> None:
    ran = run("feeds", "add", *arguments)
    assert ran.code == 2
    assert fault in ran.err
    assert "Traceback" not in ran.err


def test_an_id_that_is_made_is_a_free_one(run: Run, site: Site) -> None:
    site.pages |= {"/a/rss": "x", "/a/feed": "y"}
    for path in ("/a/rss", "/a/feed"):
        assert run("feeds", "add", site.url(path), "--no-check").code == 0
    first, second = sorted(feed["id"] for feed in added(run))
    assert second == f"{first}-2"


def test_discover_says_what_is_there_and_stores_nothing(run: Run, site: Site) -> None:
    site.advertise("/world", "/home")
    shown = run("feeds", "discover", site.url())
    assert shown.code == 0, shown.err
    assert "News of /world" in shown.out
    rows = [json.loads(line) for line in run("feeds", "discover", site.url(), "--json").out.splitlines()]
    assert [(row["url"], row["lead"], row["format"], row["entries"]) for row in rows] == [
        (site.url("/world"), "advertised", "rss20", 1),
        (site.url("/home"), "advertised", "rss20", 1),
    ]
    assert added(run) == []


def test_discover_says_what_was_not_asked(run: Run, site: Site) -> None:
    site.advertise(*(f"/f{number}" for number in range(20)))
    assert "more addresses not asked" in run("feeds", "discover", site.url()).out
    assert len(site.asked) == 12


def test_discover_where_nothing_is(run: Run) -> None:
    ran = run("feeds", "discover", "http://127.0.0.1:1/")
    assert ran.code == 1
    assert "127.0.0.1" in ran.err
