"""Garbage is looked for seldom while that is asked for, and as usual afterwards."""

import gc
import platform
import sys
from pathlib import Path

import pytest

from services.runtime.garbage import return_memory, seldom_collected


def test_garbage_is_looked_for_seldom_and_then_as_usual() -> None:
    usual = gc.get_threshold()
    before = gc.get_stats()[0]["collections"]
    with seldom_collected():
        kept = [[number] for number in range(20_000)]
        assert gc.get_stats()[0]["collections"] <= before + 1
    assert (gc.get_threshold(), len(kept)) == (usual, 20_000)


def test_it_is_as_usual_after_an_error_too() -> None:
    usual = gc.get_threshold()
    with pytest.raises(ValueError, match="broken"), seldom_collected():
        raise ValueError("broken")
    assert gc.get_threshold() == usual


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_that_is_free_goes_back_to_the_system() -> None:
    def resident_pages() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1])

    kept = [bytearray(60_000) for _ in range(2_000)]
    last = bytearray(60_000)  # so that what is free is not at the end, from where it would go by itself
    full = resident_pages()
    kept.clear()
    return_memory()
    if platform.libc_ver()[0] == "glibc":
        assert full - resident_pages() > 20_000
    assert len(last) == 60_000
