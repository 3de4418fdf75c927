"""kmlc: multi-label classification of images that come with a short text, on Keras 3 and TensorFlow."""

__version__ = "0.1.0"
