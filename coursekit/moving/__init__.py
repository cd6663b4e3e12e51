"""Pictures that move: a script in a cell's own output, and a still picture wherever none runs."""

from .draw_digit import draw_digit
from .output import Moving
from .slider import slider

__all__ = ["Moving", "draw_digit", "slider"]
