"""Provisioned files are followed: what is valid counts, what is not leaves what was."""

import os
import shutil
from pathlib import Path

import pytest

from services.provisioning.faults import ConfigurationError, Fault
from services.provisioning.following import FileFollower, fingerprint


class Reader:
    """Reads one file of a folder, and keeps what was handed on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken: list[str] = []
        self.follower = FileFollower((folder,), self.read, self.taken.append, fingerprint(folder))

    def read(self) -> str:
        try:
            text = (self.folder / "a.yaml").read_text()
        except OSError as error:
            raise ConfigurationError([Fault("a.yaml", str(error))]) from error
        if text == "broken":
            raise ConfigurationError([Fault("a.yaml", "broken", 1)])
        return text


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    folder = tmp_path / "topics"
    folder.mkdir()
    (folder / "a.yaml").write_text("one")
    return Reader(folder)


def write(path: Path, text: str) -> None:
    path.write_text(text)
    later = path.stat().st_mtime_ns + 1  # two writes within one tick of the file system's clock
    os.utime(path, ns=(later, later))


async def test_nothing_is_read_while_nothing_changes(reader: Reader) -> None:
    await reader.follower.check()
    assert reader.taken == []


async def test_a_change_is_handed_on_once(reader: Reader) -> None:
    write(reader.folder / "a.yaml", "two")
    await reader.follower.check()
    await reader.follower.check()
    assert reader.taken == ["two"]


async def test_a_new_file_beside_it_is_a_change(reader: Reader) -> None:
    write(reader.folder / "b.yaml", "more")
    await reader.follower.check()
    assert reader.taken == ["one"]


async def test_what_is_not_valid_is_not_handed_on_and_its_mending_is(reader: Reader) -> None:
    write(reader.folder / "a.yaml", "broken")
    await reader.follower.check()
    assert reader.taken == []
    write(reader.folder / "a.yaml", "mended")
    await reader.follower.check()
    assert reader.taken == ["mended"]


async def test_a_folder_that_is_gone_for_a_moment_ends_nothing(reader: Reader, tmp_path: Path) -> None:
    shutil.move(reader.folder, tmp_path / "aside")
    await reader.follower.check()
    shutil.move(tmp_path / "aside", reader.folder)
    await reader.follower.check()
    assert reader.taken == ["one"]


async def test_a_change_between_reading_and_following_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("one")
    since = fingerprint(tmp_path)
    write(tmp_path / "a.yaml", "two")
    taken: list[str] = []
    await FileFollower((tmp_path,), (tmp_path / "a.yaml").read_text, taken.append, since).check()
    assert taken == ["two"]
