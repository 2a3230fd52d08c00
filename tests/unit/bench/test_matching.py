"""The benchmark measures what it says, and notices when matches differ."""

import json
from pathlib import Path

import pytest

from bench import lucene_peer, matching
from bench.lucene_peer import LuceneMissingError
from bench.re_run import Patterns
from bench.rule_files import write_matches

ALIASES = {"@seoul": ("seoul", "blue house")}


@pytest.mark.parametrize(
    ("rule", "title", "text", "held"),
    [
        ("any:b|c d", "", "a c d e", True),
        ("any:b|c d", "a c", "d e", False),  # no phrase crosses from title to text
        ("any:b|c d", "", "bb c x d", False),
        ("any:@seoul", "blue house", "x", True),
        ("title:b", "a b", "x", True),
        ("title:b", "a", "b", False),
        ("prefix:sup", "", "we supply", True),
        ("prefix:sup", "", "we resupply", False),
        ("near/2:a~d", "", "a x d", True),
        ("near/2:a~d", "", "d x a", True),
        ("near/2:a~d", "", "a x x d", False),
        ("near/1:a|b c~@seoul", "", "the blue house b c", True),
        ("near/3:a~d", "a", "d", False),
        ("any:a\tnot:b|c", "", "a d", True),
        ("any:a\tnot:b|c", "", "a c", False),
        ("any:a\tany:b", "a", "b", True),
        ("any:a\tany:b", "a", "c", False),
    ],
)
def test_regular_expressions_mean_what_the_rule_means(rule: str, title: str, text: str, held: bool) -> None:
    compiled = Patterns(ALIASES).rule(f"3\t{rule}\n")
    assert compiled.number == 3
    assert compiled.holds(title, f"{title}\n{text}") is held


def test_matches_are_compared_article_by_article(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    write_matches(ours, [[1, 2], [], [5], [9]])
    write_matches(theirs, [[2, 1], [4], [6]])
    assert matching.compare(ours, theirs, "peer") == matching.Agreement(articles=3, matches=3, different=3)
    assert "peer: article 1202: only ours [5], only theirs [6]" in capsys.readouterr().err


def test_numbers_of_rules_are_written_short() -> None:
    assert matching.rule_counts("200,1k,10k,1M") == [200, 1_000, 10_000, 1_000_000]


@pytest.mark.parametrize("argument", ["--mix=odd", "--peers=grep", "--articles=0", "--articles=801"])
def test_what_cannot_be_measured_is_refused(argument: str) -> None:
    with pytest.raises(SystemExit):
        matching.main([argument])


def test_a_jdk_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "release").write_text('IMPLEMENTOR="x"\nJAVA_VERSION="17.0.15"\n')
    monkeypatch.setattr(lucene_peer, "_java_homes", lambda: iter([tmp_path, tmp_path / "none"]))
    with pytest.raises(LuceneMissingError, match="version 21 or later, found only 17"):
        lucene_peer.java_home()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("matching")


def run(cache: Path, peers: str) -> dict[str, object]:
    arguments = ["--rules=200", "--mix=heavy", f"--peers={peers}", "--articles=20", "--budget=1", f"--cache={cache}"]
    assert matching.main(arguments) == 0
    result: dict[str, object] = json.loads((cache / "results.jsonl").read_text().splitlines()[-1])
    return result


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_benchmark_runs_and_regular_expressions_agree(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agreements = run(cache, "re")["agreements"]
    assert isinstance(agreements, dict)
    assert agreements["re"]["different"] == 0
    assert agreements["re"]["matches"] > 20
    assert "| 200 | heavy |" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_lucene_agrees(cache: Path) -> None:
    try:
        lucene_peer.java_home()
    except LuceneMissingError as error:
        pytest.skip(str(error))
    if not lucene_peer.is_built():
        pytest.skip("bench/lucene is not built: run python -m bench.matching --rules 1k")
    agreements = run(cache, "lucene")["agreements"]
    assert isinstance(agreements, dict)
    assert {name: agreement["different"] for name, agreement in agreements.items()} == {
        "lucene-1": 0,
        "lucene-10": 0,
        "lucene-50": 0,
    }
