"""Memory between two trainings in one process."""

import keras
from tensorflow.python.framework import ops


def free_last_model() -> None:
    """Let go of what Keras and TensorFlow keep of the models that were fitted before.

    `keras.backend.clear_session` does not suffice: in every `fit`, Keras's optimizer sums the gradients in a
    function with a gradient of its own, which TensorFlow registers under a new name for ever (2.21; in
    `ReplicaContext.all_reduce`). With it the graph of the step stays, and with that the model's and the
    optimizer's variables.
    """
    keras.backend.clear_session()
    registered = ops.gradient_registry._registry
    for name in [name for name in registered if name.startswith("CustomGradient-")]:
        del registered[name]
