"""From settings and rows to a model that is ready to fit."""

from functools import partial

import keras

from kmlc.config import Config
from kmlc.models.build import build_model, load_pretrained
from kmlc.tasks.task import Task
from kmlc.training import environment
from kmlc.training.branches import load_branches
from kmlc.training.ema import EMAAdamW
from kmlc.training.prepare import Prepared


def compiled_model(
    config: Config, task: Task, prepared: Prepared, loss: keras.losses.Loss, fresh: bool
) -> keras.Model:
    """Build a model with its optimizer and its loss.

    Args:
        config: the resolved settings, for which `kmlc.training.branches.check_branches` found nothing.
        task: what the logits mean.
        prepared: what was settled before.
        loss: what training makes small.
        fresh: whether to load the pretrained parts that the settings name; a saved state brings its own.

    Raises:
        UserError: if the settings describe no model, or a pretrained part cannot be had or does not fit.
    """
    model = build_model(config, task.heads, prepared.encoder_state)
    if fresh:
        load_pretrained(model, config)
        load_branches(model, config, prepared)
    adamw = partial(EMAAdamW, config.train.ema) if config.train.ema else keras.optimizers.AdamW
    optimizer = adamw(
        learning_rate=config.train.learning_rate,
        weight_decay=config.train.weight_decay,
        gradient_accumulation_steps=config.train.accumulation if config.train.accumulation > 1 else None,
    )
    model.compile(optimizer, loss, jit_compile=environment.use_xla(config.train))
    # If the first step made its variables, TensorFlow's function of that step would keep them in memory.
    model.optimizer.build(model.trainable_variables)
    return model
