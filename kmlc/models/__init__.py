"""Models built from `keras.layers`, `keras.ops` and KerasHub only: image towers, text towers, fusions."""
