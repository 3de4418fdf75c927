"""What is found out about an image before it is used."""

import hashlib
import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import GifImagePlugin, Image

from kmlc.data import image_facts
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
    "folder.jpg": (Path.mkdir, "a folder"),
    "empty.jpg": (Path.touch, "empty"),
    "text.jpg": (text_file, "not an image"),
    "one_byte.jpg": (lambda path: path.write_bytes(b"B"), "not an image"),
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
    if problem not in ("missing", "a folder"):
        assert inspect((tmp_path / name).read_bytes(), max_pixels=10_000).problem == problem


def test_a_good_image_has_a_hash_and_a_size(tmp_path: Path) -> None:
    SMOOTH.save(tmp_path / "é.png")
    content = (tmp_path / "é.png").read_bytes()
    expected = ImageFacts(hashlib.sha256(content).hexdigest(), width=30, height=24)
    assert inspect(str(tmp_path / "é.png"), 10_000) == inspect(content, 10_000) == expected


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("x" * 256, "cannot be read (File name too long)"),
        ("a\0b.jpg", "cannot be read (no valid name)"),
        ("\ud800.jpg", "cannot be read (no valid name)"),
        ("loop.jpg", "cannot be read (Too many levels of symbolic links)"),
        ("good.png/1.jpg", "missing"),
        ("pipe.jpg", "not a regular file"),
        ("device.jpg", "not a regular file"),
        ("sparse.jpg", "oversized"),
    ],
)
def test_names_and_files_of_every_kind_are_a_problem_of_their_row(
    name: str, problem: str, tmp_path: Path
) -> None:
    """A long name ended in a traceback; a pipe blocked; a sparse file of a terabyte would fill the memory."""
    SMOOTH.save(tmp_path / "good.png")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.jpg")
    with (tmp_path / "sparse.jpg").open("wb") as stream:
        stream.truncate(2**40)
    assert inspect(f"{tmp_path}/{name}", 10_000) == ImageFacts(problem=problem)


def test_a_file_without_permission_is_a_problem_of_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    SMOOTH.save(tmp_path / "good.png")
    monkeypatch.setattr(image_facts, "open", refuse, raising=False)
    assert inspect(str(tmp_path / "good.png"), 10_000).problem == "cannot be read (Permission denied)"


@pytest.mark.parametrize("form", ["TIFF", "ICO", "PPM", "PCX", "JPEG2000", "EPS"])
def test_a_format_that_is_not_read_is_named(form: str) -> None:
    """A TIFF was called corrupt."""
    content = io.BytesIO()
    SMOOTH.save(content, form)
    assert inspect(content.getvalue(), 10_000).problem == f"format {form} is not read"


def test_only_the_first_frame_of_a_gif_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """400 frames of 2 megapixels in 19 kB took 2.4 GB: TensorFlow decodes all for the first."""
    frames = [Image.new("P", (50, 40), number) for number in range(1, 30)]
    content = io.BytesIO()
    frames[0].save(content, "gif", save_all=True, append_images=frames[1:])
    decoded: list[int] = []
    seek = GifImagePlugin.GifImageFile.seek

    def spy(image: GifImagePlugin.GifImageFile, frame: int) -> None:
        decoded.append(frame)
        seek(image, frame)

    monkeypatch.setattr(GifImagePlugin.GifImageFile, "seek", spy)
    facts = inspect(content.getvalue(), 50 * 40)
    assert (facts.width, facts.height, facts.problem) == (50, 40, None)
    assert max(decoded, default=0) == 0


def test_a_gif_whose_frame_is_larger_than_its_screen_is_oversized() -> None:
    content = io.BytesIO()
    Image.new("P", (60_000, 2)).save(content, "gif")
    lying = bytearray(content.getvalue())
    lying[6:10] = bytes([1, 0, 1, 0])
    assert inspect(bytes(lying), 10_000).problem == "oversized"


def test_metadata_that_decompress_to_gigabytes_are_refused() -> None:
    content = io.BytesIO()
    SMOOTH.save(content, "png")
    data = b"key\0\0" + zlib.compress(bytes(10**8))
    chunk = struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))
    bomb = content.getvalue()[:33] + chunk + content.getvalue()[33:]
    assert inspect(bomb, 10_000).problem == "corrupt"


def test_a_progressive_jpeg_with_thousands_of_scans_is_not_decoded() -> None:
    """12 scans a megabyte are usual; 20,000 on 25 million pixels take minutes."""
    content = io.BytesIO()
    Image.new("L", (2000, 2000), 128).save(content, "jpeg", progressive=True)
    usual = content.getvalue()
    last = usual[usual.rindex(b"\xff\xda") : -2]
    assert inspect(usual, 10**7).problem is None
    assert inspect(usual[:-2] + last * 2000 + usual[-2:], 10**7).problem == "too many scans"
