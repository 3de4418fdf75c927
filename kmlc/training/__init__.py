"""Training: the fit, its callbacks, the run directory, resuming."""
