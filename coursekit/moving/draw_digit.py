"""A field to draw a digit on, and what trained networks answer: they run in the page itself."""

from collections.abc import Mapping
from math import isfinite

import torch
from torch import Tensor, nn

from ..engine.text import times
from ..images import Images
from ..plots import COLOURS, Picture, axes
from .network import CLASSES, SIDE, in_eval_mode, steps_of
from .output import WHERE, Moving, base64_of

MOST = 200_000  # parameters of all networks together, so that they answer while the pen moves


def draw_digit(
    networks: Mapping[str, nn.Module], examples: Images, *, mean: float, std: float, title: str = ""
) -> Moving:
    """A field to draw a digit on, and the answers of trained networks, which follow the pen.

    ``networks`` by name: for images 1×1×28×28 they give 10 scores or log-probabilities.
    ``examples`` are digits to try without drawing, the first ten of them. ``mean`` and ``std`` as
    in training, for pixels scaled to 0 … 1. A drawing is fitted as MNIST's were (LeCun et al.
    1998): into a box of 20×20, its centre of mass in pixel 14, counted from 0. Raises
    ``ValueError`` for networks that the page cannot compute (their layers, more than 200,000
    parameters) and for other examples.
    """
    named = isinstance(networks, Mapping) and networks
    if not named or not all(isinstance(net, nn.Module) for net in networks.values()):
        raise ValueError("draw_digit needs one network or more, by name: {name: network}")
    if (total := sum(p.numel() for net in networks.values() for p in net.parameters())) > MOST:
        limit = f"a page computes up to {MOST:,} parameters of all networks together"
        raise ValueError(f"{limit}; these have {total:,}")
    if not isinstance(examples, Images):
        raise ValueError(f"examples are the course's Images, not {type(examples).__name__}")
    if not len(examples) or examples.images.shape[1:] != (1, SIDE, SIDE):
        found = f"{len(examples)} of {times(examples.images.shape[1:])}"
        raise ValueError(f"examples are one or more images of 1×{SIDE}×{SIDE}, not {found}")
    fit = all(isinstance(value, (int, float)) and isfinite(value) for value in (mean, std))
    if not fit or not std > 0:
        raise ValueError(f"mean and std are numbers, and std above zero, not {mean} and {std}")
    examples = examples.take(10)
    digits, labels = examples.images.cpu(), examples.labels.tolist()
    x, known, answers = (digits[:1].float() / 255 - mean) / std, [], {}
    for name, model in networks.items():
        try:
            known.append({"name": str(name), **steps_of(model)})
        except ValueError as error:
            raise ValueError(f"network {name}: {error}") from error
        with torch.inference_mode():
            output = in_eval_mode(model)(x)[0]
        sure = known[-1]["steps"][-1]["op"] == "softmax"
        answers[name] = output if sure else output.softmax(0)
    data = {"networks": known, "labels": labels, "mean": mean, "std": std, "title": title}
    data["examples"] = base64_of(digits.numpy().tobytes())
    picture = _still(digits[0, 0], labels[0], answers, examples.source, title)
    scripts = ["network.js", "fit.js", "draw_digit.js"]
    caption = f"{WHERE} you can draw digits here."
    return Moving(scripts, data, picture.png(), picture.alt, caption)


def _still(digit: Tensor, label: int, answers: dict, source: str, title: str) -> Picture:
    """The first example, and beside it a chart of each network's probabilities."""
    figure, (left, *others) = axes(1, 1 + len(answers), width=2.6, height=2.6, title=title)
    left.imshow(digit, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    left.set(xticks=(), yticks=(), title=f"{source}: {label}")
    said = []
    for axis, (name, answer) in zip(others, answers.items()):
        best, percent = int(answer.argmax()), 100 * answer
        colours = [COLOURS[k == best] for k in range(CLASSES)]
        axis.barh(range(CLASSES), percent, color=colours)
        axis.set(yticks=range(CLASSES), xlim=(0, 100), xlabel="probability in %", title=name)
        axis.get_yticklabels()[best].set_fontweight("bold")
        axis.invert_yaxis()
        said.append(f"{name} answers {best} ({percent[best]:.0f} %)")
    alt = f"{source}, a test digit {label}. {'; '.join(said)}"
    return Picture(figure, f"{title}. {alt}" if title else alt)
