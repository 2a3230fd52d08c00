"""Fetch what a real Kafka broker needs: `python -m tests.kafka.prepare` fills .cache/kafka/lib from Maven Central.

Says why in one line and exits 0 when it cannot: the tests then skip with that reason, and fail where CI is set.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "kafka"
LIB = CACHE / "lib"
STAMP = CACHE / "prepared"
REASON = CACHE / "reason"
POM = HERE / "pom.xml"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin"  # its version is in the pom
RESOLVE_WITHIN_S = 300
CONNECT_WITHIN_MS = 10_000


class KafkaMissingError(Exception):
    """A Kafka broker cannot run here; the message says why."""


def pom_digest() -> str:
    return hashlib.sha256(POM.read_bytes()).hexdigest()


def is_prepared() -> bool:
    return STAMP.exists() and STAMP.read_text() == pom_digest()


def why_unavailable() -> str | None:
    """Say why no broker can be started now, or return None if one can."""
    if shutil.which("java") is None:
        return "no java on PATH (Java 17 or later is needed)"
    if is_prepared():
        return None
    return REASON.read_text() if REASON.exists() else "not prepared: run make test-kafka"


def prepare() -> None:
    """Copy the class path into LIB unless it is there, or raise KafkaMissingError."""
    for program, package in (("java", "Java 17 or later"), ("mvn", "Apache Maven")):
        if shutil.which(program) is None:
            raise KafkaMissingError(f"no {program} on PATH ({package} is needed)")
    if is_prepared():
        return
    fresh = CACHE / "lib.new"
    shutil.rmtree(fresh, ignore_errors=True)
    resolve(fresh)
    shutil.rmtree(LIB, ignore_errors=True)
    fresh.rename(LIB)
    STAMP.write_text(pom_digest())


def resolve(target: Path) -> None:
    """Let Maven copy the runtime class path to this folder, within a bounded time."""
    timeouts = [
        f"-Daether.connector.connectTimeout={CONNECT_WITHIN_MS}",
        f"-Dmaven.wagon.http.connectionTimeout={CONNECT_WITHIN_MS}",
    ]
    goal = [f"{PLUGIN}:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"]
    maven = subprocess.Popen(
        ["mvn", "--batch-mode", "--quiet", "-Dstyle.color=never", "--file", str(POM), *timeouts, *goal],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that a time-out ends the shell script and its JVM alike
    )
    try:
        output, _ = maven.communicate(timeout=RESOLVE_WITHIN_S)
    except subprocess.TimeoutExpired:
        os.killpg(maven.pid, signal.SIGKILL)
        maven.communicate()
        raise KafkaMissingError(f"Maven Central did not answer within {RESOLVE_WITHIN_S} s") from None
    if maven.returncode != 0 or not target.exists():
        errors = [line for line in output.splitlines() if "ERROR" in line]
        raise KafkaMissingError(f"Maven failed: {errors[0] if errors else output[-300:]}")


def main() -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        prepare()
    except KafkaMissingError as error:
        REASON.write_text(str(error))
        print(f"no Kafka for the tests: {error}", file=sys.stderr)
    else:
        REASON.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
