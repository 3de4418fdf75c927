"""Models of `keras.layers`, `keras.ops` and KerasHub only: image towers, text towers, how they are joined."""
