"""Environment variables that TensorFlow reads when it is imported; what the user has set is not changed."""

VARIABLES = {
    # Messages on missing GPUs help nobody; errors are Python exceptions.
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # Freed memory is kept for the next step. The system would zero each page of it anew, a fifth of a step.
    "TF_CPU_ALLOCATOR_USE_BFC": "true",
    # The most memory of this allocator, a terabyte; its default, 64 GB, is less than some machines have.
    "TF_CPU_BFC_MEM_LIMIT_IN_MB": str(2**20),
    # The default is to use oneDNN on some processors only; without it a step of `system2` takes twice as long
    # on one of AMD (docs/speed.md). Its results differ by rounding, so `import kmlc` sets it too.
    "TF_ENABLE_ONEDNN_OPTS": "1",
}
