"""`redline doctor`: is everything there that Redline needs, and does it answer?"""

import asyncio
import json as jsonlib
import platform
import shutil
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum

import typer
from rich.markup import escape

from services.cli.loading import load_settings
from services.cli.output import FAILED, ConfigOption, JsonOption, out, print_line
from services.settings import LoadedSettings, Settings

MIN_FREE_BYTES = 500 * 1024 * 1024


class Verdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"  # works, but not all of it
    FAIL = "fail"  # Redline will not run


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    verdict: Verdict
    message: str


_COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


def doctor(json: JsonOption = False, config: ConfigOption = None) -> None:
    """Check Python, configuration, data folder, state store, broker and channels; exits 1 if one of them fails.

    Example: redline doctor
    """
    findings = asyncio.run(_examine(load_settings(config)))
    for finding in findings:
        if json:
            print_line(jsonlib.dumps(asdict(finding)))
            continue
        colour = _COLOURS[finding.verdict]
        out.print(f"[{colour}]{finding.verdict:<5}[/{colour}] {finding.subject:<14} {escape(finding.message)}")
    raise typer.Exit(FAILED if any(finding.verdict is Verdict.FAIL for finding in findings) else 0)


async def _examine(loaded: LoadedSettings) -> list[Finding]:
    settings = loaded.settings
    findings = [Finding("python", Verdict.OK, f"{platform.python_version()} on {platform.system()}")]
    findings += _configuration(loaded)
    if settings.fetch.contact is None:
        findings.append(Finding("contact", Verdict.WARN, "fetch.contact is not set: site owners cannot reach you"))
    findings += _data_folder(settings)
    findings.append(await _attempt("state store", lambda: _state(settings)))
    findings.append(await _attempt("broker", lambda: _broker(settings)))
    return findings


async def _attempt(subject: str, look: Callable[[], Awaitable[str]]) -> Finding:
    from services.runtime.faults import RuntimeFaultError

    try:
        return Finding(subject, Verdict.OK, await look())
    except RuntimeFaultError as error:
        return Finding(subject, Verdict.FAIL, str(error))


def _configuration(loaded: LoadedSettings) -> Iterator[Finding]:
    from services.configuration import advice, check_configuration, left_out_channels

    report = check_configuration(loaded)
    for fault in report.faults:
        yield Finding("configuration", Verdict.FAIL, str(fault))
    if not report.faults:
        yield Finding("configuration", Verdict.OK, f"{loaded.config_file or 'the seeds'}: {report}")
        for channel in left_out_channels(loaded):
            yield Finding("channels", Verdict.WARN, f"{channel}, so this optional channel is left out")
        for line in advice(loaded):
            yield Finding("channels", Verdict.WARN, line)


def _data_folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".doctor"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        yield Finding("data folder", Verdict.FAIL, f"{folder} cannot be written: {error.strerror}")
        return
    free = shutil.disk_usage(folder).free
    low = free < MIN_FREE_BYTES
    yield Finding("data folder", Verdict.WARN if low else Verdict.OK, f"{folder}, {free // 2**20:,} MiB free")


async def _state(settings: Settings) -> str:
    from services import bootstrap
    from services.runtime.embedded_valkey import find_binary

    async with bootstrap.open_valkey(settings) as valkey:
        info = await valkey.info("server")
    version = info.get("valkey_version") or info.get("redis_version")
    if settings.redis_url is not None:
        return f"answers, version {version}"
    return f"embedded, version {version}, {find_binary()}"


async def _broker(settings: Settings) -> str:
    from services.runtime.kafka import check_broker

    if not settings.embedded_broker:
        await check_broker(settings.log_url)
        return "Kafka answers"
    return f"embedded log in {settings.data_dir}"
