from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmlc.config import CaptionsConfig, Config, ImagesConfig
from kmlc.data.batches import evaluation_batches
from kmlc.data.caption_encoders import NO_CAPTIONS
from kmlc.data.columns import strings
from kmlc.data.crop_flip import crop_flip_resize
from kmlc.data.images import decode
from kmlc.data.tta import VIEWS, WHOLE, View
from kmlc.tasks.rows import read_labelled

# Every pixel holds its row and column, so a view shows which pixels it contains.
PLACES = np.stack([*np.mgrid[:5, :4], np.zeros((5, 4))], axis=-1).astype(np.uint8)


def seen_by(view: View, image: np.ndarray) -> np.ndarray:
    top, left, height, width = view.window(*image.shape[:2])
    seen = image[top : top + height, left : left + width]
    return seen[:, ::-1] if view.mirrored else seen


@pytest.mark.parametrize(
    ("view", "rows", "columns"),
    [
        # Half of five rows is 2.5, which rounds to the even 2.
        (View(0, 0, 0.5), [0, 1], [0, 1]),
        (View(0, 1, 0.5), [0, 1], [2, 3]),
        (View(1, 0, 0.5), [3, 4], [0, 1]),
        (View(1, 1, 0.5), [3, 4], [2, 3]),
        (View(0.5, 0.5, 0.5), [1, 2], [1, 2]),
        (View(0, 1, 0.5, mirrored=True), [0, 1], [3, 2]),
        (View(0, 0, 0.8), [0, 1, 2, 3], [0, 1, 2]),
        (View(1, 1, 0.01), [4], [3]),
        (WHOLE, [0, 1, 2, 3, 4], [0, 1, 2, 3]),
        (View(mirrored=True), [0, 1, 2, 3, 4], [3, 2, 1, 0]),
    ],
)
def test_view_is_a_crop_of_the_image(view: View, rows: list[int], columns: list[int]) -> None:
    seen = seen_by(view, PLACES)
    np.testing.assert_array_equal(seen, PLACES[np.ix_(rows, columns)])


def test_views_by_name() -> None:
    assert VIEWS["none"] == [WHOLE]
    assert VIEWS["flip"] == [View(0, 0, 1), View(0, 0, 1, mirrored=True)]
    crops = VIEWS["crops"]
    assert len(set(crops)) == len(crops) == 12
    assert sum(view.mirrored for view in crops) == 6
    assert {view[:3] for view in crops} == {
        *[(0, 0, 1), (0, 0, 0.875), (0, 1, 0.875), (1, 0, 0.875), (1, 1, 0.875), (0.5, 0.5, 0.875)]
    }


UNIT = st.floats(0, 1)


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    top=UNIT,
    left=UNIT,
    kept=UNIT,
    mirrored=st.booleans(),
)
def test_view_is_never_empty_and_stays_inside_the_image(
    height: int, width: int, top: float, left: float, kept: float, mirrored: bool
) -> None:
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows, columns, np.zeros_like(rows)], axis=-1)
    seen = seen_by(View(top, left, kept, mirrored), image)
    for axis, side in enumerate((height, width)):
        # Sides are rounded to whole pixels.
        assert max(1, kept * side - 0.51) <= seen.shape[axis] <= max(1, kept * side + 0.51)
    first = seen[0, -1 if mirrored else 0]
    expected = image[first[0] : first[0] + seen.shape[0], first[1] : first[1] + seen.shape[1]]
    np.testing.assert_array_equal(seen, expected[:, ::-1] if mirrored else expected)


def test_batches_show_the_view(data: Path) -> None:
    config = Config(data=str(data), images=ImagesConfig(size=16), captions=CaptionsConfig("none"))
    records = read_labelled(config).records.take(range(4))
    broken = replace(records, images=strings([*records.images[:3], ""]))
    for view in VIEWS["crops"]:
        (batch,) = evaluation_batches(broken, config, NO_CAPTIONS, view).as_numpy_iterator()
        pixels = [decode(Path(str(path)).read_bytes()) for path in records.images[:3]]
        expected = [crop_flip_resize(each, view, 16) for each in pixels]
        np.testing.assert_array_equal(batch["image"][:3], expected)
        assert (batch["image"][3] == 128).all()
