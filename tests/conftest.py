"""What all tests share."""

import gc
import os

import pytest
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

# Nothing that collection makes is garbage: to look through it again and again takes a tenth of the run.
gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slow tests first, those with a time limit of their own before all: no process ends with a long one."""
    items.sort(key=lambda item: (not item.get_closest_marker("timeout"), not item.get_closest_marker("slow")))


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()
