"""Grids and searches over settings, on KerasTuner."""
