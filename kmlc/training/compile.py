"""From settings and data to a compiled model."""

import keras

from kmlc.data.boundary_values import BoundaryValues, StoredValues
from kmlc.models.build import build_model, load_pretrained
from kmlc.tasks.task import Task
from kmlc.training import environment
from kmlc.training.branches import check_branches, load_branches
from kmlc.training.optimizer import build_optimizer
from kmlc.training.prepare import PreparedData
from kmlc.training.rate_factors import rate_factors
from kmlc.training.schedule import schedule

MOST_STEPS = 25
"""Steps that Keras may train in one call of TensorFlow."""
FEWEST_IN_EPOCH = 50
"""Steps of an epoch with fewer are trained one by one: their calls take no tenth of a second."""
SMALL_STEP = 2e8
"""Parameters times rows of a batch of a step that takes milliseconds, on one core too."""


def compiled_model(prepared: PreparedData, task: Task, loss: keras.losses.Loss, fresh: bool) -> keras.Model:
    """Build a model and compile it with its optimizer and its loss.

    Args:
        prepared: the data and the resolved settings.
        task: what the logits mean.
        loss: the loss to minimise.
        fresh: whether to load the pretrained weights and branches that the settings name.

    Raises:
        UserError: if the settings describe no model, or pretrained weights or branches are missing or do not
            fit.
    """
    config = prepared.config
    if fresh:
        check_branches(config, task.vocabulary)
    model = build_model(config, task.heads, prepared.encoder_state)
    if fresh:
        load_pretrained(model, config)
        load_branches(model, config, prepared)
    optimizer = build_optimizer(
        config.train, rate_factors(model, config.train), schedule(config.train, len(prepared.training))
    )
    model.compile(optimizer, loss, jit_compile=environment.use_xla(config.train))
    # If the first step made its variables, TensorFlow's function of that step would keep them in memory.
    model.optimizer.build(model.trainable_variables)
    return model


def steps_per_execution(
    model: keras.Model, batch_size: int, steps: int, values: BoundaryValues | None = None
) -> int:
    """Return how many steps to train in one call, where calls would take longer than the steps themselves.

    It is the largest divisor of the steps of an epoch up to `MOST_STEPS`: Keras would fill the last call of
    an epoch with batches of the next one. Where a step takes longer it is 1, as callbacks, which show
    progress and end a diverged run, and signals wait for the end of a call. The weights are the same, bit
    for bit.

    Args:
        model: the model that is trained; small are those of vectors alone, without images and tokens.
        batch_size: rows of a batch.
        steps: steps of an epoch.
        values: the values at the model's boundary; a step is long where frozen layers compute them in it.

    Example:
        model.steps_per_execution = steps_per_execution(model, batch_size=32, steps=150)  # 25
    """
    vectors = "token_ids" not in model.input and all(each.ndim == 2 for each in model.inputs)
    stored = all(isinstance(each, StoredValues) for each in (values or {}).values())
    small = vectors and stored and model.count_params() * batch_size <= SMALL_STEP
    if not small or steps < FEWEST_IN_EPOCH or keras.backend.backend() != "tensorflow":
        return 1
    return max(number for number in range(1, MOST_STEPS + 1) if steps % number == 0)
