"""Objectives: losses, metrics and thresholds, functions of labels and scores without state."""
