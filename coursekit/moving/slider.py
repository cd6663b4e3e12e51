"""One picture out of many, chosen with a slider: a window that moves, a setting that grows."""

import io
from collections.abc import Sequence

import numpy as np

from ..engine.text import described, times
from ..plots import Picture
from .output import WHERE, Moving, base64_of

LARGEST = 1_200_000  # letters of base64 of all frames: a notebook and its page carry them along
WIDE = 280  # pixels, about, of an array that is shown


def slider(
    frames: Sequence, labels: Sequence[str], *, name: str, title: str = "", start: int = 0
) -> Moving:
    """Pictures of one size, of which a slider shows one at a time, first ``frames[start]``.

    ``frames`` are two or more ``Picture``s, or uint8 arrays H×W, H×W×1 or H×W×3, whose pixels are
    enlarged without smoothing. ``labels`` says of each what it shows ("row 3, column 5: sum 2.1"),
    ``name`` what the slider sets ("place of the window"). Raises ``ValueError`` for what is no
    picture, for frames of several sizes or too large together, another number of labels, and a
    ``start`` that is none of them.
    """
    n = len(frames)
    if n < 2:
        raise ValueError(f"a slider needs two frames or more, not {n}")
    if isinstance(labels, str) or len(labels) != n:
        found = repr(labels) if isinstance(labels, str) else len(labels)
        raise ValueError(f"{n} frames need {n} labels, not {found}: one text for each")
    if not isinstance(start, int) or start not in range(n):
        raise ValueError(f"start is one of the frames 0 … {n - 1}, not {start}")
    drawn = [_image(frame, i) for i, frame in enumerate(frames)]
    sizes = [image.size for image in drawn]
    if other := [i for i, size in enumerate(sizes) if size != sizes[0]]:
        what = f"frame 0 has {times(sizes[0])} pixels, frame {other[0]} {times(sizes[other[0]])}"
        raise ValueError(f"{what} (width×height): all frames need one size")
    pngs = [_png(image) for image in drawn]
    pages = [base64_of(png) for png in pngs]
    if (size := sum(map(len, pages))) > LARGEST:
        what = f"the {n} frames have {size / 1e6:.1f} MB together, above {LARGEST / 1e6:.1f} MB"
        raise ValueError(f"{what}: take fewer of them, or draw them smaller")
    labels, head = list(map(str, labels)), f"{title}: " if title else ""
    alts = [getattr(frame, "alt", head + label) for frame, label in zip(frames, labels)]
    data = {"frames": pages, "labels": labels, "alts": alts, "size": sizes[0]}
    data |= {"name": name, "title": title, "start": start}
    caption = f"Picture {start + 1} of {n}, {labels[start]}. {WHERE} a slider sets the {name}."
    return Moving(["slider.js"], data, pngs[start], alts[start], caption)


def _image(frame, i: int):
    """The frame as PIL's image; all pictures of one figure size get one size of image."""
    from PIL import Image

    if isinstance(frame, Picture):
        frame.figure.savefig(buffer := io.BytesIO(), format="png", dpi=80)
        # A drawing has few colours, and with 256 of them a third of the bytes.
        return Image.open(buffer).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    pixels = np.asarray(frame)
    grey = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 1)
    if pixels.dtype != np.uint8 or not pixels.size or not (grey or pixels.shape[2:] == (3,)):
        what = "a frame is a Picture, or uint8 H×W, H×W×1 or H×W×3"
        raise ValueError(f"{what}: frame {i} is {described(frame)}")
    pixels = pixels.reshape(pixels.shape[:2] if grey else pixels.shape)
    larger = -(-WIDE // max(pixels.shape[:2]))
    return Image.fromarray(pixels.repeat(larger, 0).repeat(larger, 1))


def _png(image) -> bytes:
    image.save(buffer := io.BytesIO(), "png", optimize=True)
    return buffer.getvalue()
