"""Logging: structlog events and the standard library's records through one renderer."""

import logging
import sys
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from services.runtime.masking import mask, mask_named

LogFormat = Literal["auto", "console", "json"]
LEVELS = ("debug", "info", "warning", "error", "critical")

# What these say below a warning is about themselves, once a message or a request.
NOISY = (
    "aiokafka",
    "asyncio",
    "faust",
    "httpcore",
    "httpx",
    "mode",
    "uvicorn",
    # Faust names the loggers of its services after the modules of our subclasses.
    "services.runtime.apps",
    "services.runtime.kafka",
    "services.runtime.sqlite_consumer",
    "services.runtime.sqlite_transport",
)


class ServiceName:
    """Adds the service's name to an event that does not say its own."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", self._service)
        return event


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask secrets in every value of the event; last before rendering, so that tracebacks are masked too."""
    return {
        key: value if key in ("_record", "_from_structlog") else mask_named(key, value) for key, value in event.items()
    }


def configure_logging(
    level: str = "info",
    fmt: LogFormat = "auto",
    *,
    service: str = "redline",
    stream: TextIO | None = None,
) -> None:
    """Send all logging to `stream` (default: stderr), coloured on a terminal and as JSON Lines elsewhere.

    Call it again to change any of it. Events carry an ISO time in UTC, level, logger and service.
    Raise ValueError when the level is not one of LEVELS.
    """
    if level.lower() not in LEVELS:
        raise ValueError(f"log level {level!r}: must be one of {', '.join(LEVELS)}")
    target = stream if stream is not None else sys.stderr
    handler = logging.StreamHandler(target)
    handler.setFormatter(formatter(service, as_json=use_json(fmt, target), colours=target.isatty()))
    root = logging.getLogger()
    # Replaces every handler: a second one would print each event twice, unmasked.
    for former in root.handlers[:]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=ENTRY,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,  # what changes between calls sits in the handler
    )


def use_json(fmt: LogFormat, stream: TextIO) -> bool:
    """Say whether this format means JSON on this stream."""
    return fmt == "json" or (fmt == "auto" and not stream.isatty())


def formatter(service: str, *, as_json: bool, colours: bool) -> logging.Formatter:
    """Return what turns both kinds of record into one line of text."""
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=colours)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.contextvars.merge_contextvars, *SHARED],
        processors=[
            ServiceName(service),
            structlog.processors.format_exc_info,
            mask_secrets,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            renderer,
        ],
    )


SHARED: list[Processor] = [
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]

ENTRY: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.filter_by_level,
    *SHARED,
    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
]


def get_logger(name: str, **bound: Any) -> structlog.stdlib.BoundLogger:
    """Return a logger whose events carry what is bound, such as `service="matcher"`."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name, **bound)
    return logger


__all__ = ["LEVELS", "LogFormat", "configure_logging", "get_logger", "mask"]
