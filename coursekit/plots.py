"""Pictures: each function returns a ``Picture``, which a notebook shows together with a text for
those who cannot see it.

Nothing here touches pyplot's global state, so nothing has to be closed, and no picture appears
twice.
"""

import io
from collections.abc import Sequence

import numpy as np
import torch

# Okabe and Ito's palette (2008), told apart with every common kind of colour blindness.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


class Picture:
    """A matplotlib figure and its alternative text.

    Shown as a PNG when it is the last value of a notebook cell; ``save(path)`` writes it to a file.
    Raises ``ValueError`` for an empty text.
    """

    def __init__(self, figure, alt: str):
        if not alt.strip():
            raise ValueError("a picture needs an alternative text")
        self.figure, self.alt = figure, alt

    def png(self) -> bytes:
        """The figure as the bytes of a PNG file."""
        buffer = io.BytesIO()
        self.figure.savefig(
            buffer, format="png", dpi=100, bbox_inches="tight", metadata={"Software": None}
        )
        return buffer.getvalue()

    def save(self, path) -> None:
        self.figure.savefig(path, dpi=150, bbox_inches="tight")

    def _repr_mimebundle_(self, **_):
        return {"image/png": self.png(), "text/plain": self.alt}, {"image/png": {"alt": self.alt}}

    def __repr__(self) -> str:
        return f"Picture({self.alt})"


def _figure(width: float, height: float, title: str):
    from matplotlib.figure import (
        Figure,
    )  # here, for matplotlib costs a third of a second that not every import needs

    figure = Figure(figsize=(width, height), layout="constrained")
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def axes(
    rows: int = 1,
    columns: int = 1,
    *,
    width: float = 4.0,
    height: float = 3.0,
    title: str = "",
    **options,
):
    """A figure and its axes, ``width`` × ``height`` inches each, in the course's style.

    Returns one axis, or an array of them as ``Figure.subplots`` does; ``options`` go there.
    """
    figure = _figure(width * columns, height * rows, title)
    made = figure.subplots(rows, columns, **options)
    for axis in np.atleast_1d(made).flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_prop_cycle(color=COLOURS)
    return figure, made


def images(
    pictures,
    titles: Sequence[str] = (),
    *,
    columns: int = 10,
    title: str = "",
    alt: str = "",
    size: float = 1.0,
    wrong: Sequence[bool] = (),
    limits: tuple[float, float] | None = None,
) -> Picture:
    """A grid of images.

    ``pictures`` is N×H×W×3, N×H×W×1 or N×H×W, ``titles`` one text for each, ``wrong`` marks those
    whose title is drawn bold and orange. Grey values run from black to white between ``limits``: by
    default 0 and 255 for uint8, else their own range.
    """
    pictures = np.asarray(pictures)
    if pictures.ndim == 4 and pictures.shape[-1] == 1:
        pictures = pictures[..., 0]
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    figure = _figure(
        columns * size, rows * (size + 0.22 * bool(len(titles))) + 0.3 * bool(title), title
    )
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)
    grid = np.atleast_1d(figure.subplots(rows, columns)).flat
    low, high = limits or (
        (0, 255) if pictures.dtype == np.uint8 else (pictures.min(), pictures.max())
    )
    for axis in grid:
        axis.axis("off")
    for i, (axis, picture) in enumerate(zip(figure.axes, pictures)):
        axis.imshow(picture, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        if len(titles):
            marked = len(wrong) and wrong[i]
            axis.set_title(
                titles[i],
                fontsize=8,
                pad=2,
                color=COLOURS[1] if marked else "black",
                fontweight="bold" if marked else "normal",
            )
    shown = "; ".join(map(str, titles[:20]))
    return Picture(
        figure,
        alt
        or f"{len(pictures)} images{': ' * bool(title)}{title}{'. Titles: ' * bool(shown)}{shown}",
    )


def class_map(labels, classes: Sequence[str], *, title: str = "", alt: str = "") -> Picture:
    """A map of classes with a legend that counts their pixels.

    ``labels`` H×W: 0, where nothing is known, is white, and k is ``classes[k - 1]``. For more
    classes than ``COLOURS`` these come again, lighter and then darker.
    """
    from matplotlib.colors import ListedColormap, to_rgb
    from matplotlib.patches import Patch

    labels = np.asarray(labels)
    palette = np.array([to_rgb(colour) for colour in COLOURS])
    palette = np.concatenate([palette, 0.45 + 0.55 * palette, 0.55 * palette])[
        np.arange(len(classes)) % (3 * len(COLOURS))
    ]
    height, width = labels.shape
    figure, axis = axes(
        width=4.5 * width / max(height, width) + 2.6,
        height=max(4.5 * height / max(height, width), 3),
    )
    axis.imshow(
        labels,
        cmap=ListedColormap([(1, 1, 1), *palette]),
        vmin=0,
        vmax=len(classes),
        interpolation="nearest",
    )
    axis.set(xticks=(), yticks=())
    axis.spines[:].set_visible(True)
    counts = np.bincount(labels.ravel(), minlength=len(classes) + 1)[1:]
    entries = [f"{name} {count:,}" for name, count in zip(classes, counts)]
    handles = [Patch(facecolor=colour, edgecolor="grey", linewidth=0.4) for colour in palette]
    axis.legend(
        handles, entries, loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8, frameon=False
    )
    figure.suptitle(title, fontsize=11)
    return Picture(
        figure,
        alt
        or f"Map of {len(classes)} classes, {height}×{width} pixels{': ' * bool(title)}{title}. "
        f"Pixels: {'; '.join(entries)}",
    )


def curves(histories, *, title: str = "", reference: dict[str, float] | None = None) -> Picture:
    """Loss and metric over the epochs, of one ``History`` or of several in a dict by name.

    Dashed lines are the training set, measured while the network learns; full lines the validation
    or test set. The thin line behind them is the loss of single batches, as a running mean over a
    fiftieth of an epoch. ``reference`` draws named horizontal lines into the metric's plot.
    """
    histories = histories if isinstance(histories, dict) else {"": histories}
    first = next(iter(histories.values()))
    figure, (left, right) = axes(1, 2, title=title or first.source)
    for colour, (name, history) in zip(COLOURS * 9, histories.items()):
        epochs = range(1, len(history.train_loss) + 1)
        marker = "o" if len(epochs) < 20 else None
        window = max(1, history.steps // 50)
        if len(history.batch_loss) >= window:
            running = np.convolve(history.batch_loss, np.ones(window) / window, mode="valid")
            left.plot(
                (np.arange(len(running)) + window) / max(history.steps, 1),
                running,
                color=colour,
                alpha=0.35,
                linewidth=0.8,
            )
        for axis, kind in ((left, "loss"), (right, "metric")):
            for part, style in (("train", "--"), ("valid", "-")):
                values = getattr(history, f"{part}_{kind}")
                if values:
                    label = f"{name} {history.names[part]}".strip()
                    axis.plot(
                        epochs,
                        values,
                        style,
                        color=colour,
                        label=label,
                        marker=marker,
                        markersize=4,
                        markerfacecolor="white" if part == "train" else colour,
                    )
    for colour, (name, value) in zip(reversed(COLOURS), (reference or {}).items()):
        right.axhline(value, color=colour, linestyle=":", label=name)
    for axis, label in ((left, "loss"), (right, first.metric)):
        axis.set(xlabel="epoch", ylabel=label, xlim=(0, None))
        axis.locator_params("x", integer=True)
    if right.lines:
        right.legend(fontsize=8, frameon=False)
    ends = "; ".join(f"{name} {history}".strip() for name, history in histories.items())
    return Picture(
        figure, f"Curves of loss and {first.metric} over epochs{': ' * bool(title)}{title}. {ends}"
    )


def confusion(result, *, title: str = "") -> Picture:
    """The confusion matrix of an ``Evaluation``: a row for each true class, its shares over the
    predictions."""
    matrix = result.confusion.numpy()
    share = matrix / matrix.sum(1, keepdims=True).clip(1)
    k = len(matrix)
    figure, axis = axes(width=0.5 * k + 1.5, height=0.45 * k + 1)
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axis.set(
        yticks=range(k),
        yticklabels=result.classes,
        xlabel="predicted",
        ylabel="true",
        title=title or f"{result.source}: % of each true class",
    )
    axis.set_xticks(range(k), result.classes, rotation=45, ha="right", rotation_mode="anchor")
    axis.spines[:].set_visible(False)
    for row, column in np.ndindex(k, k):
        if share[row, column] >= 0.005:
            axis.text(
                column,
                row,
                f"{100 * share[row, column]:.0f}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if share[row, column] > 0.5 else "black",
            )
    off = share * (1 - np.eye(k))
    row, column = np.unravel_index(off.argmax(), off.shape)
    return Picture(
        figure,
        f"Confusion matrix, {result.source}. Most frequent mistake: {100 * off.max():.0f} % of "
        f"{result.classes[row]} taken for {result.classes[column]}",
    )


def mistakes(result, dataset, n: int = 20, *, title: str = "") -> Picture:
    """The n mistakes of an ``Evaluation`` that the network was surest of. ``dataset`` is what was
    evaluated, unshuffled."""
    wrong = (result.predictions != result.labels).nonzero().squeeze(1)
    sure = result.outputs.softmax(1).max(1).values[wrong]
    worst = wrong[sure.argsort(descending=True)][:n]
    if not len(worst):
        raise ValueError("there are no mistakes to show: every prediction is right")
    names = [
        f"{result.classes[result.predictions[i]]}\nnot {result.classes[result.labels[i]]}"
        for i in worst
    ]
    return images(
        dataset.pixels(worst.to(dataset.images.device)),
        names,
        columns=10,
        size=1.15,
        title=title or f"{result.source}: the surest of {len(wrong):,} mistakes",
    )


def filters(weight: torch.Tensor, *, title: str = "", columns: int = 8) -> Picture:
    """The kernels of a convolution, out×in×k×k: in colour if they have three input channels, else
    the first one's plane.

    Colour kernels are scaled to 0 … 1 each; grey ones share one scale: zero is mid-grey, white
    positive, black negative.
    """
    kernels = weight.detach().float().cpu()
    limits = None
    if kernels.shape[1] == 3:
        low, high = kernels.amin((1, 2, 3), keepdim=True), kernels.amax((1, 2, 3), keepdim=True)
        shown = ((kernels - low) / (high - low).clamp_min(1e-12)).permute(0, 2, 3, 1)
    else:
        shown = kernels[:, 0]
        largest = float(shown.abs().max())
        limits = (-largest, largest)
    return images(
        shown.numpy(),
        [f"filter {i}" for i in range(len(shown))],
        columns=columns,
        title=title,
        limits=limits,
        alt=f"{len(shown)} learned filters of {kernels.shape[2]}×{kernels.shape[3]} weights. {title}",
    )


def feature_maps(maps: torch.Tensor, *, title: str = "", columns: int = 8) -> Picture:
    """The channels of one image's feature maps, C×H×W, on one common grey scale."""
    shown = maps.detach().float().cpu()
    return images(
        shown.numpy(),
        [f"map {i}" for i in range(len(shown))],
        columns=columns,
        title=title,
        alt=f"{len(shown)} feature maps of {shown.shape[1]}×{shown.shape[2]}. {title}",
    )
