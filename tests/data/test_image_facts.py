"""What is found out about an image before it is used."""

import hashlib
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from kmlc.data.image_facts import ImageFacts, inspect
from tests.data.pictures import SMOOTH, with_alpha


def claim_size(path: Path, width: int, height: int) -> None:
    """Write a small PNG whose header claims another size."""
    SMOOTH.save(path)
    content = path.read_bytes()
    chunk = b"IHDR" + struct.pack(">II", width, height) + content[24:29]
    path.write_bytes(content[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + content[33:])


def text_file(path: Path) -> None:
    path.write_text("this is no image")


def truncated_jpeg(path: Path) -> None:
    SMOOTH.resize((90, 90)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def truncated_png(path: Path) -> None:
    Image.effect_noise((60, 60), 50).save(path)
    path.write_bytes(path.read_bytes()[:-800])


def wrong_body(path: Path) -> None:
    SMOOTH.save(path)
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(30)
    path.write_bytes(content)


def truncated_webp(path: Path) -> None:
    with_alpha().resize((90, 90)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "none.jpg": (lambda path: None, "missing"),
    "folder.jpg": (Path.mkdir, "missing"),
    "empty.jpg": (Path.touch, "empty"),
    "text.jpg": (text_file, "not an image"),
    "truncated.jpg": (truncated_jpeg, "corrupt"),
    "truncated.png": (truncated_png, "corrupt"),
    "truncated.webp": (truncated_webp, "corrupt"),
    "body.png": (wrong_body, "corrupt"),
    "large.png": (lambda path: claim_size(path, 20_000, 20_000), "oversized"),
    "medium.png": (lambda path: claim_size(path, 101, 100), "oversized"),
}


@pytest.mark.parametrize("name", BAD)
def test_every_kind_of_problem_is_found(name: str, tmp_path: Path) -> None:
    make, problem = BAD[name]
    make(tmp_path / name)
    assert inspect(str(tmp_path / name), max_pixels=10_000).problem == problem
    if problem != "missing":
        assert inspect((tmp_path / name).read_bytes(), max_pixels=10_000).problem == problem


def test_a_good_image_has_a_hash_and_a_size(tmp_path: Path) -> None:
    SMOOTH.save(tmp_path / "é.png")
    content = (tmp_path / "é.png").read_bytes()
    expected = ImageFacts(hashlib.sha256(content).hexdigest(), width=30, height=24)
    assert inspect(str(tmp_path / "é.png"), 10_000) == inspect(content, 10_000) == expected
