"""The packages: those that are found in kmlc/, and configs/, which pyproject.toml maps to kmlc.configs."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["kmlc*"]), "kmlc.configs", "kmlc.configs.grids"])
