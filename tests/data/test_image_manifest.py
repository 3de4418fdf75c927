"""The manifest of images: what was found out about a file is used until the file changes."""

import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kmlc.config import CacheConfig, Config, ImagesConfig
from kmlc.data import image_manifest
from kmlc.data.image_facts import ImageFacts, inspect
from kmlc.data.image_manifest import FILE, image_facts
from tests.data.pictures import SMOOTH


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(cache=CacheConfig(str(tmp_path / "cache")))


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three good images and a broken one, none of which counts as changed just now."""
    monkeypatch.setattr(image_manifest, "RECENT", -(10**12))
    for number in range(3):
        SMOOTH.rotate(90 * number).save(tmp_path / f"{number}.png")
    (tmp_path / "3.png").write_text("no image")
    return [str(tmp_path / f"{number}.png") for number in range(4)]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The images that were read, in any order."""
    seen: list[str] = []

    def spy(image: str, max_pixels: int) -> ImageFacts:
        seen.append(image)
        return inspect(image, max_pixels)

    monkeypatch.setattr(image_manifest, "inspect", spy)
    return seen


def test_an_unchanged_file_is_read_once(paths: list[str], config: Config, read: list[str]) -> None:
    first = image_facts(paths, config)
    assert first["problem"].tolist() == [None, None, None, "not an image"]
    assert len(set(first["sha256"])) == len(read) == 4
    assert (image_facts([*paths, paths[0]], config) == first[[0, 1, 2, 3, 0]]).all()
    assert len(read) == 4


def test_a_changed_file_is_read_again(paths: list[str], config: Config, read: list[str]) -> None:
    """Of the same size, and with its old time of modification, as `cp -p` and archives give it."""
    first = image_facts(paths, config)
    state = Path(paths[0]).stat()
    time.sleep(0.02)  # a tick of the clock that stamps files
    content = bytearray(Path(paths[0]).read_bytes())
    content[-20] ^= 1
    Path(paths[0]).write_bytes(content)
    os.utime(paths[0], ns=(state.st_atime_ns, state.st_mtime_ns))
    second = image_facts(paths, config)
    assert read[4:] == [paths[0]]
    assert second[0]["sha256"] != first[0]["sha256"]
    assert (second[1:] == first[1:]).all()


def test_a_file_that_changed_just_now_is_read_again_next_time(
    paths: list[str],
    config: Config,
    read: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(image_manifest, "RECENT", 10**12)
    assert (image_facts(paths, config) == image_facts(paths, config)).all()
    assert len(read) == 8
    assert capsys.readouterr().out == ""


def test_nothing_to_keep_is_no_failure(
    paths: list[str], config: Config, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was a syntax error of SQL, and the manifest was given up with a line on the screen."""
    monkeypatch.setattr(image_manifest, "RECENT", 10**18)
    image_facts(paths, config)
    assert capsys.readouterr().out == ""


def test_another_limit_needs_no_new_check(paths: list[str], config: Config, read: list[str]) -> None:
    image_facts(paths[:1], config)
    small = replace(config, images=ImagesConfig(max_pixels=100))
    assert image_facts(paths, small)["problem"].tolist() == [*["oversized"] * 3, "not an image"]
    assert image_facts(paths[:1], config)[0]["problem"] is None
    assert read.count(paths[0]) == 1
    # What was oversized was not decoded; it is, once the limit allows it.
    assert image_facts(paths, config)["problem"].tolist() == [None, None, None, "not an image"]


def damage_rows(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE images SET width = width + 1, problem = NULL")


def other_table(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE images (x)")


def folder_instead(file: Path) -> None:
    file.unlink()
    file.mkdir()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "text": lambda file: file.write_text("no database" * 1000),
    "empty": lambda file: file.write_bytes(b""),
    "truncated": lambda file: file.write_bytes(file.read_bytes()[:5000]),
    "flipped": lambda file: file.write_bytes(bytes(byte ^ 3 for byte in file.read_bytes())),
    "rows": damage_rows,
    "other table": other_table,
    "a folder": folder_instead,
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_manifest_never_gives_wrong_facts(
    kind: str, paths: list[str], config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = image_facts(paths, config)
    file = Path(str(config.cache.folder)) / FILE
    DAMAGE[kind](file)
    capsys.readouterr()
    assert (image_facts(paths, config) == expected).all()
    printed = capsys.readouterr().out
    assert printed.count("\n") <= 1
    assert not printed or f"{file}: images are checked without it" in printed
    assert (image_facts(paths, config) == expected).all()


def test_no_folder_for_the_manifest_is_one_line(
    paths: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    expected = image_facts(paths, Config(cache=CacheConfig(str(tmp_path / "file" / "cache"))))
    assert expected["problem"].tolist() == [None, None, None, "not an image"]
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert "images are checked without it: Not a directory" in printed
