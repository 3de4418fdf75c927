import numpy as np
import tensorflow as tf

from kmlc.config import ImagesConfig
from kmlc.data.augment import crop, flip, fold_in

IMAGE = tf.reshape(tf.range(20 * 30 * 3), (20, 30, 3))


def key(number: int) -> tf.Tensor:
    return fold_in(tf.constant([7, 0], tf.int64), number)


def test_the_key_decides() -> None:
    config = ImagesConfig(crop=0.5, vertical_flip=True)
    first, again = (flip(crop(IMAGE, config, key(1)), config, key(1)).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    shapes = {tuple(crop(IMAGE, config, key(number)).shape) for number in range(20)}
    assert len(shapes) > 10


def test_a_crop_is_a_window_of_at_least_the_part() -> None:
    heights, widths = [], []
    for number in range(60):
        window = crop(IMAGE, ImagesConfig(crop=0.6), key(number)).numpy()
        height, width, channels = window.shape
        top, left = np.argwhere(IMAGE.numpy()[..., 0] == window[0, 0, 0])[0]
        np.testing.assert_array_equal(window, IMAGE[top : top + height, left : left + width])
        assert channels == 3
        heights.append(height)
        widths.append(width)
    assert 12 <= min(heights) <= 13
    assert 18 <= min(widths) <= 19
    assert max(heights) >= 19


def test_no_crop() -> None:
    np.testing.assert_array_equal(crop(IMAGE, ImagesConfig(crop=1), key(0)), IMAGE)


def test_flips_go_the_ways_that_are_allowed() -> None:
    def outcomes(config: ImagesConfig) -> set[tuple[bool, bool]]:
        found = set()
        for number in range(40):
            first = flip(IMAGE, config, key(number)).numpy()[0, 0, 0]
            row, column = np.argwhere(IMAGE.numpy()[..., 0] == first)[0]
            found.add((bool(row), bool(column)))
        return found

    assert outcomes(ImagesConfig(horizontal_flip=True)) == {(False, False), (False, True)}
    assert outcomes(ImagesConfig(horizontal_flip=False, vertical_flip=True)) == {
        (False, False),
        (True, False),
    }
    assert outcomes(ImagesConfig(horizontal_flip=False)) == {(False, False)}


def test_the_same_inside_tf_data() -> None:
    config = ImagesConfig(crop=0.5)
    dataset = tf.data.Dataset.range(5).map(
        lambda number: crop(IMAGE, config, fold_in(tf.constant([7, 0], tf.int64), number)),
        num_parallel_calls=4,
    )
    for number, inside in enumerate(dataset.as_numpy_iterator()):
        np.testing.assert_array_equal(inside, crop(IMAGE, config, key(number)))
