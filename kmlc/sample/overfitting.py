"""The built-in rows of system 5: feature vectors on which a network that is too large learns errors by heart.

Three directions among many features decide all labels, and one label in ten is wrong, in every row alike. A
large network without regularisation has room for the wrong labels: it gets 98 to 99 % of the training labels
right and 71 % of the validation labels. The published network, on the same rows, gets 89 and 87 %; no model
can get more than 90 % on new rows.
"""

import numpy as np


def overfitting_rows(
    seed: int = 0,
    rows: int = 6000,
    features: int = 60,
    directions: int = 3,
    labels: int = 20,
    flipped: float = 0.1,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw feature vectors and their labels.

    Features are independent, standard normal numbers. A label says on which side of a plane through the
    origin a row lies, so half of the rows have it; the normals of all planes lie in one small subspace. Then
    each label of each row is turned round with probability `flipped`: the accuracy of the best possible
    model is `1 - flipped`, that of guessing 0.5.

    Args:
        seed: the one source of randomness.
        rows: how many rows.
        features: length of a feature vector.
        directions: dimension of the subspace that decides the labels, at most `features`.
        labels: how many labels.
        flipped: probability that a label is wrong, below 0.5.

    Returns:
        float32 of shape (rows, features), and multi-hot uint8 of shape (rows, labels).

    Example:
        x, y = overfitting_rows(seed=7)
    """
    rng = np.random.default_rng(seed)
    subspace, _ = np.linalg.qr(rng.normal(size=(features, directions)))
    normals = subspace @ rng.normal(size=(directions, labels))
    x = rng.normal(size=(rows, features)).astype(np.float32)
    right = x @ normals > 0
    wrong = rng.random((rows, labels)) < flipped
    return x, (right ^ wrong).astype(np.uint8)
