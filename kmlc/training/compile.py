"""From settings and data to a compiled model."""

import keras

from kmlc.models.build import build_model, load_pretrained
from kmlc.tasks.task import Task
from kmlc.training import environment
from kmlc.training.branches import check_branches, load_branches
from kmlc.training.optimizer import build_optimizer
from kmlc.training.prepare import PreparedData


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
    model.compile(build_optimizer(config.train), loss, jit_compile=environment.use_xla(config.train))
    # If the first step made its variables, TensorFlow's function of that step would keep them in memory.
    model.optimizer.build(model.trainable_variables)
    return model
