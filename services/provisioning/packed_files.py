"""Files as they are or packed by gzip, which the end of their name says."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

PACKED = ".gz"


class DamagedFileError(ValueError):
    """A file that cannot be unpacked, or not to its end."""


def unpacked_name(path: Path) -> Path:
    """Return the name of what is in a packed file; that of any other file as it is."""
    return path.with_suffix("") if path.suffix == PACKED else path


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file and unpack it while it is read; DamagedFileError, or else OSError, says why that does not work."""
    if path.suffix != PACKED:
        with path.open("rb") as file:
            yield file
        return
    with gzip.open(path, "rb") as packed:
        try:
            yield cast("BinaryIO", packed)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DamagedFileError(f"is no gzip file, or damaged: {error}") from error
