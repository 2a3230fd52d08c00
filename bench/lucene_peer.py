"""Apache Lucene Monitor as a peer: build bench/lucene with Maven, run it on the same rules and articles.

Needs a JDK of version 21 or later (in JAVA_HOME, on PATH or where Debian installs them) and Maven, which fetches Lucene
from Maven Central at the first run.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.rule_files import WARM_UP, WorldFiles

HERE = Path(__file__).parent / "lucene"
BUILD = Path(__file__).parents[1] / ".cache" / "lucene"
STAMP = BUILD / "built"
MIN_JAVA = 21  # Lucene 10 needs it
BUILD_WITHIN_S = 600
# With fewer passes more queries are tried in vain; measured at 10,000 rules, 4 was the fastest of 1 to 4.
PASSES = 4
BATCHES = (1, 10, 50)
REHEARSED = 200  # articles to warm up with, over and over
JVM = ("-XX:+UseParallelGC", "--add-modules", "jdk.incubator.vector")


class LuceneMissingError(Exception):
    """Lucene cannot run here; the message says why."""


@dataclass(frozen=True)
class Budget:
    """How long to measure each batch size, and how long to warm up for it, in seconds."""

    measured: float = 60.0
    warm_up: float = 10.0
    least_articles: int = 20

    @classmethod
    def of(cls, seconds: float) -> "Budget":
        """Return a budget to measure so long; a short one is for trying out, and warms up for no longer."""
        return cls(seconds, min(cls.warm_up, seconds))


@dataclass(frozen=True)
class LuceneFigures:
    """What the Java side measured: the load, and each batch size."""

    load: Mapping[str, Any]
    batches: Mapping[int, Mapping[str, Any]]

    @property
    def articles_a_second(self) -> float:
        """Articles a second of CPU, with the batch size that did best."""
        return 1e3 / min(float(batch["mean_ms"]) for batch in self.batches.values())


class LuceneMonitor:
    """A built Java side, ready to run."""

    def __init__(self, home: Path) -> None:
        self._java = home / "bin" / "java"

    def measure(
        self, files: WorldFiles, mix: str, count: int, articles: int, budget: Budget, matches: Path
    ) -> LuceneFigures:
        """Run one configuration; leave what each article matched in `matches`/lucene-BATCH.txt."""
        heap = "8g" if count > 200_000 else "4g"
        options = {
            "actors": files.aliases,
            "rules": files.neutral(mix, count),
            "articles": files.tokens,
            "warmup": f"0-{REHEARSED}",
            "sample": f"0-{WARM_UP}",
            "measured": f"{WARM_UP}-{WARM_UP + articles}",
            "passes": PASSES,
            "batches": ",".join(map(str, BATCHES)),
            "budget": budget.measured,
            "least": budget.least_articles,
            "warm": budget.warm_up,
            "matches": matches,
        }
        classes = f"{BUILD / 'classes'}{os.pathsep}{BUILD / 'lib'}/*"
        command = [str(self._java), f"-Xmx{heap}", f"-Xms{heap}", *JVM, "-cp", classes, "redline.bench.MonitorBench"]
        arguments = [f"{key}={value}" for key, value in options.items()]
        output = subprocess.run([*command, *arguments], stdout=subprocess.PIPE, check=True, text=True).stdout
        load, *batches = map(json.loads, output.splitlines())
        return LuceneFigures(load, {batch["batch"]: batch for batch in batches})


def prepare() -> LuceneMonitor:
    """Build the Java side unless it is built, or raise LuceneMissingError."""
    home = java_home()
    if not is_built():
        if shutil.which("mvn") is None:
            raise LuceneMissingError("no mvn on PATH (Apache Maven is needed)")
        print("lucene: building bench/lucene", file=sys.stderr)
        _build(home)
        STAMP.write_text(_digest())
    return LuceneMonitor(home)


def is_built() -> bool:
    """Say whether the Java side was built from the sources as they are."""
    return STAMP.exists() and STAMP.read_text() == _digest()


def java_home() -> Path:
    """Return the folder of a JDK that Lucene runs on, or raise LuceneMissingError."""
    found = {home: version for home in _java_homes() if (version := _version(home))}
    for home, version in found.items():
        if version >= MIN_JAVA and (home / "bin" / "javac").exists():
            return home
    seen = f"only {', '.join(map(str, sorted(set(found.values()))))}" if found else "none"
    raise LuceneMissingError(f"Lucene 10 needs a JDK of version {MIN_JAVA} or later, found {seen}")


def _java_homes() -> Iterator[Path]:
    if named := os.environ.get("JAVA_HOME"):
        yield Path(named)
    if on_path := shutil.which("java"):
        yield Path(on_path).resolve().parents[1]
    yield from sorted(Path("/usr/lib/jvm").glob("*"))


def _version(home: Path) -> int | None:
    """Return the major version of a JDK from its release file, if it has one."""
    try:
        lines = (home / "release").read_text().splitlines()
    except OSError:
        return None
    stated = (line.split("=")[1].strip('"') for line in lines if line.startswith("JAVA_VERSION="))
    return next((int(version.split(".")[0]) for version in stated), None)


def _digest() -> str:
    sources = sorted(path for path in HERE.rglob("*") if path.suffix in {".xml", ".java"})
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def _build(home: Path) -> None:
    """Let Maven compile the classes and copy the class path, within a bounded time."""
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    command = ["mvn", "--batch-mode", "--quiet", "-Dstyle.color=never", "--file", str(HERE / "pom.xml")]
    status, output = _run_bounded([*command, f"-Dbench.target={BUILD}", "package"], home)
    if status != 0:
        errors = [line for line in output.splitlines() if "ERROR" in line]
        raise LuceneMissingError(f"Maven failed: {errors[0] if errors else output[-300:]}")


def _run_bounded(command: Sequence[str], home: Path) -> tuple[int, str]:
    maven = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "JAVA_HOME": str(home)},
        start_new_session=True,  # so that a time-out ends the shell script and its JVM alike
    )
    try:
        output, _ = maven.communicate(timeout=BUILD_WITHIN_S)
    except subprocess.TimeoutExpired:
        os.killpg(maven.pid, signal.SIGKILL)
        maven.communicate()
        raise LuceneMissingError(f"Maven was not done in {BUILD_WITHIN_S} s") from None
    return maven.returncode, output
