import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kmlc.config import CaptionsConfig, Config, ImagesConfig, TrainConfig
from kmlc.data.batches import evaluation_batches, training_batches
from kmlc.data.caches import pixels as pixel_cache
from kmlc.data.caches.pixels import bmp_bytes, cached
from kmlc.data.caption_encoders import caption_encoder
from kmlc.data.columns import strings
from kmlc.data.encoder_state import EncoderState
from kmlc.data.images import decode
from kmlc.data.records import Records
from kmlc.errors import UserError

PLENTY = 10**9


def noise(height: int, width: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def records_of(paths: list[str]) -> Records:
    labels = np.ones((len(paths), 1), np.uint8)
    ids, captions = strings(map(str, range(len(paths)))), strings(["a caption"] * len(paths))
    return Records(ids, strings(paths), captions, labels)


@pytest.fixture
def originals(tmp_path: Path) -> Records:
    """Rows with every image format, with odd widths, and one row without an image."""
    folder = tmp_path / "originals"
    folder.mkdir()
    noise(7, 5).save(folder / "a.jpg")
    noise(4, 6).convert("CMYK").save(folder / "cmyk.jpg")
    noise(9, 3).convert("L").save(folder / "grey.png")
    noise(8, 8).convert("P", palette=Image.Palette.ADAPTIVE).save(folder / "palette.png")
    noise(5, 9).convert("RGBA").save(folder / "alpha.png")
    noise(3, 1).save(folder / "narrow.webp", lossless=True)
    Image.fromarray(np.arange(0, 60_000, 500, dtype=np.uint16).reshape(10, 12)).save(folder / "16bit.png")
    noise(6, 7).save(folder / "a.gif")
    noise(6, 5).save(folder / "a.bmp")
    return records_of([*sorted(map(str, folder.iterdir())), ""])


def pixels(path: str | bytes) -> np.ndarray:
    return decode(Path(str(path)).read_bytes())


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.bmp"))


def test_batches_are_bit_identical(originals: Records, tmp_path: Path) -> None:
    config = Config(
        images=ImagesConfig(size=8, rotation=20),
        captions=CaptionsConfig("none"),
        train=TrainConfig(epochs=2, batch_size=4),
    )
    encode = caption_encoder(config.captions, EncoderState())
    copies = cached(originals, tmp_path / "cache", PLENTY)
    assert copies.images[-1] == ""
    for path, original in zip(copies.images[:-1], originals.images[:-1], strict=True):
        assert Path(str(path)).parent == tmp_path / "cache"
        np.testing.assert_array_equal(pixels(path), pixels(original))
    for make in (evaluation_batches, lambda *arguments: training_batches(*arguments)[0]):
        for one, other in zip(make(originals, config, encode), make(copies, config, encode), strict=True):
            tf.nest.map_structure(np.testing.assert_array_equal, one, other)
    assert (copies.ids, copies.captions) == (originals.ids, originals.captions)
    np.testing.assert_array_equal(copies.labels, originals.labels)


@settings(max_examples=40)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_copies_of_every_size_keep_their_pixels(height: int, width: int, seed: int) -> None:
    """The rows of a BMP file are padded to four bytes."""
    with tempfile.TemporaryDirectory() as folder:
        image = noise(height, width, seed)
        image.save(Path(folder) / "a.png")
        copies = cached(records_of([f"{folder}/a.png"]), Path(folder) / "cache", bmp_bytes(height, width))
        assert copies.images != [f"{folder}/a.png"]
        np.testing.assert_array_equal(pixels(copies.images[0]), np.asarray(image))
        assert size_of(Path(folder) / "cache") == bmp_bytes(height, width)


def test_existing_copies_are_not_decoded_again(
    originals: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cached(originals, tmp_path / "cache", PLENTY)
    monkeypatch.setattr(pixel_cache, "_fill", lambda *arguments: pytest.fail("decoded again"))
    assert cached(originals, tmp_path / "cache", PLENTY).images.tolist() == first.images.tolist()
    # Existing copies need no further room.
    assert cached(originals, tmp_path / "cache", 0).images.tolist() == first.images.tolist()


@pytest.mark.parametrize("count", range(4))
def test_copies_stay_within_the_limit(tmp_path: Path, count: int) -> None:
    """Images of 54 + 2·12 bytes: as many as fit are decoded; with one byte less, one fewer."""
    paths = []
    for seed in range(3):
        noise(2, 3, seed).save(tmp_path / f"{seed}.png")
        paths.append(str(tmp_path / f"{seed}.png"))
    for limit, expected in ((78 * count, count), (78 * count - 1, max(count - 1, 0))):
        folder = tmp_path / str(limit)
        copies = cached(records_of(paths), folder, limit)
        assert [path not in paths for path in copies.images] == [True] * expected + [False] * (3 - expected)
        assert copies.images[expected:].tolist() == list(paths[expected:])
        assert size_of(folder) == 78 * expected


def test_changed_image_is_decoded_again(tmp_path: Path) -> None:
    path = tmp_path / "a.bmp"
    noise(4, 4, seed=0).save(path)
    rows, before = records_of([str(path)]), path.stat()
    first = cached(rows, tmp_path / "cache", PLENTY)
    noise(4, 4, seed=1).save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert path.stat().st_size == before.st_size
    second = cached(rows, tmp_path / "cache", PLENTY)
    assert first.images != second.images
    np.testing.assert_array_equal(pixels(second.images[0]), np.asarray(noise(4, 4, seed=1)))


def test_partial_copy_is_not_used(originals: Records, tmp_path: Path) -> None:
    whole = cached(originals, tmp_path / "cache", PLENTY)
    copy = Path(str(whole.images[0]))
    half = copy.with_name(f".999999999-{copy.name}")
    half.write_bytes(copy.read_bytes()[:60])
    copy.unlink()
    assert cached(originals, tmp_path / "cache", PLENTY).images.tolist() == whole.images.tolist()
    assert not half.exists()
    np.testing.assert_array_equal(pixels(str(copy)), pixels(originals.images[0]))


def test_several_processes_may_fill_the_cache(originals: Records, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(
            pool.map(lambda _: cached(originals, tmp_path / "cache", PLENTY).images.tolist(), range(4))
        )
    assert found == [cached(originals, tmp_path / "cache", PLENTY).images.tolist()] * 4
    assert len(list((tmp_path / "cache").glob("*.bmp"))) == len(originals) - 1


def test_full_disk_keeps_the_other_rows_unchanged(
    originals: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def outcomes() -> Iterator[None]:
        yield from (None, None)
        raise OSError(28, "No space left on device")

    disk, save = outcomes(), Image.Image.save

    def write(image: Image.Image, path: Path) -> None:
        next(disk)
        save(image, path)

    monkeypatch.setattr(Image.Image, "save", write)
    copies = cached(originals, tmp_path / "cache", PLENTY)
    assert copies.images[2:].tolist() == originals.images[2:].tolist()
    for row in range(2):
        np.testing.assert_array_equal(pixels(copies.images[row]), pixels(originals.images[row]))
    (line,) = capsys.readouterr().out.splitlines()
    assert "No space left on device; 7 images will be decoded in every epoch" in line
    assert len(list((tmp_path / "cache").glob("*"))) == 2 + 1  # and the lock


def test_repeated_rows_share_a_copy(originals: Records, tmp_path: Path) -> None:
    twice = replace(originals, images=strings([originals.images[0]] * len(originals)))
    assert len(set(cached(twice, tmp_path / "cache", PLENTY).images)) == 1


def test_folder_that_cannot_be_created_is_an_error(originals: Records, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file/cache: decoded images cannot be kept there: Not a directory"):
        cached(originals, tmp_path / "file" / "cache", PLENTY)
