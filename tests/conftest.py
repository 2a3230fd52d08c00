"""What all tests share."""

import structlog

# structlog's own default draws tracebacks with every local variable, which takes longer than many a test.
structlog.configure(
    processors=[
        structlog.stdlib.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)
