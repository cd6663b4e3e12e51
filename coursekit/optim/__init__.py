"""Optimizers that torch has not, or only in its newest versions."""

from .muon import Muon, orthogonal

__all__ = ["Muon", "orthogonal"]
