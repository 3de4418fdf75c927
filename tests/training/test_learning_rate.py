import math

import keras
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kmlc.config import TrainConfig
from kmlc.training.learning_rate import learning_rate


@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), max_size=12), st.integers(1, 3))
def test_learning_rate_equals_that_of_reduce_lr_on_plateau(losses: list[float], patience: int) -> None:
    class Model:
        optimizer = keras.optimizers.SGD(0.01)

    callback = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=patience, min_delta=0.0)
    model = Model()
    model.optimizer.learning_rate = 0.01
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
    config = TrainConfig(learning_rate=0.01, plateau_patience=patience, plateau_factor=0.5)
    ours = learning_rate([{"val_loss": loss} for loss in losses], config)
    np.testing.assert_allclose(ours, float(model.optimizer.learning_rate), rtol=1e-6)


def test_a_plateau_patience_of_0_keeps_the_learning_rate() -> None:
    assert learning_rate([{"val_loss": 1.0}] * 9, TrainConfig(learning_rate=0.01, plateau_patience=0)) == 0.01


def test_a_nan_is_no_lower_loss() -> None:
    config = TrainConfig(learning_rate=0.01, plateau_patience=2, plateau_factor=0.5)
    assert (
        learning_rate([{"val_loss": loss} for loss in (math.nan, 0.5, math.nan, math.nan)], config) == 0.005
    )
