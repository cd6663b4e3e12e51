"""Honest comparison: the same run repeated with several seeds, and whether recipes differ."""

from .comparison import Differences, compare, seeds_needed
from .runs import ExperimentError, Runs, repeat

__all__ = ["Differences", "ExperimentError", "Runs", "compare", "repeat", "seeds_needed"]
