"""Memory between two trainings in one process."""

import keras
from tensorflow.python.framework import ops


def free_last_model() -> None:
    """Free what Keras and TensorFlow keep of the models that were fitted before.

    `keras.backend.clear_session` is not enough (TensorFlow 2.21): in every `fit`, Keras's optimizer sums the
    gradients in a function with a custom gradient (`ReplicaContext.all_reduce`), and TensorFlow registers
    each under a new name for ever. It holds the graph of the step, and with it the variables of the model and
    of the optimizer.
    """
    keras.backend.clear_session()
    registered = ops.gradient_registry._registry
    for name in [name for name in registered if name.startswith("CustomGradient-")]:
        del registered[name]
