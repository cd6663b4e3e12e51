"""coursekit: what every week of the course repeats, and nothing that a week is about.

    import coursekit as ck

    lab = ck.Lab(seed=0)
    train, test = ck.load("mnist")
"""

from . import augment, inspection, plots
from .data import DataError, Images, load
from .lab import Lab
from .training import Evaluation, History, evaluate, fit

__all__ = ["DataError", "Evaluation", "History", "Images", "Lab", "augment", "evaluate", "fit", "inspection", "load", "plots"]
