"""When Python looks for garbage, and what becomes of the memory."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# Objects more than there were before it looks.
SELDOM = 100_000


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Look for garbage seldom, in the whole process: for work whose objects stay, or go without being looked for.

    Where much stays, as rules do, looking takes an eighth to a sixth of the time.
    """
    usual = gc.get_threshold()
    gc.set_threshold(SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def return_memory() -> None:
    """Give memory that is free back to the system, where the C library can: it keeps what a load took on its way."""
    with suppress(OSError, AttributeError):  # not every C library has it
        ctypes.CDLL(None).malloc_trim(0)
