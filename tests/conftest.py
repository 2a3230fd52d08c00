"""What all tests share."""

import os

import structlog

# The programs that tests start compile our modules once, not each of them anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# structlog's own default draws tracebacks with every local variable, which takes longer than many a test.
structlog.configure(
    processors=[
        structlog.stdlib.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)
