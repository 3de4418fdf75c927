"""The built-in rows of system 5: feature vectors with noisy labels, which a large network memorises.

All labels depend on three directions in feature space, and one label in ten is flipped, in training and
validation rows alike. A large network without regularisation memorises the flipped labels: it predicts 98 to
99 % of the training labels correctly and 71 % of the validation labels. The published network reaches 89 and
87 % on the same rows. No model can exceed 90 % on new rows.
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

    Features are independent and standard normal. A label tells on which side of a hyperplane through the
    origin a row lies, so half of the rows have it; the normals of all hyperplanes lie in one small subspace.
    Then each label of each row is flipped with probability `flipped`. The accuracy of the best possible model
    is `1 - flipped`; that of guessing is 0.5.

    Args:
        seed: the same seed gives the same rows.
        rows: number of rows.
        features: length of a feature vector.
        directions: dimension of the subspace that the labels depend on, at most `features`.
        labels: number of labels.
        flipped: probability that a label is flipped, below 0.5.

    Returns:
        float32 of shape (rows, features), and multi-hot uint8 of shape (rows, labels).

    Example:
        x, y = overfitting_rows(seed=7)
    """
    rng = np.random.default_rng(seed)
    subspace, _ = np.linalg.qr(rng.normal(size=(features, directions)))
    normals = subspace @ rng.normal(size=(directions, labels))
    x = rng.normal(size=(rows, features)).astype(np.float32)
    clean = x @ normals > 0
    noise = rng.random((rows, labels)) < flipped
    return x, (clean ^ noise).astype(np.uint8)
