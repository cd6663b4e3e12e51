"""Pictures: each function returns a ``Picture``, which a notebook shows together with a text for
those who cannot see it.

Nothing here touches pyplot's global state: nothing has to be closed, no picture appears twice.
"""

import io
import itertools
from collections.abc import Sequence

import numpy as np
import torch

from .engine.text import count, times

# Okabe and Ito's palette (2008), told apart with every common kind of colour blindness.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# for maps of many classes: each as far from white and from those before as can be (CIEDE2000)
FURTHER = """
#660099 #80FF00 #80001A #004D00 #664D1A #33FFE6 #FFB399
#809900 #004D4D #808080 #FF1A4D #9966FF #003366
""".split()


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
        options = {"format": "png", "bbox_inches": "tight", "metadata": {"Software": None}}
        self.figure.savefig(buffer := io.BytesIO(), dpi=100, **options)
        return buffer.getvalue()

    def save(self, path) -> None:
        """Write the figure to a file, in the format of its name."""
        self.figure.savefig(path, dpi=150, bbox_inches="tight")

    def _repr_mimebundle_(self, **_):
        return {"image/png": self.png(), "text/plain": self.alt}, {"image/png": {"alt": self.alt}}

    def __repr__(self) -> str:
        return f"Picture({self.alt})"


def _named(what: str, title: str) -> str:
    """The beginning of an alternative text."""
    return f"{what}: {title}" if title else what


def axes(rows=1, columns=1, *, width: float = 4, height: float = 3, title: str = "", **options):
    """A figure and its axes, ``width`` × ``height`` inches each, in the course's style.

    Returns one axis, or an array of them as ``Figure.subplots`` does; ``options`` go there.
    """
    from matplotlib.figure import Figure  # here, for it takes a third of a second to import

    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    if title:
        figure.suptitle(title, fontsize=11)
    made = figure.subplots(rows, columns, **options)
    for axis in np.atleast_1d(made).flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_prop_cycle(color=COLOURS)
    return figure, made


def diagram(
    boxes: dict[str, tuple],
    arrows: Sequence[tuple],
    *,
    width: float = 7,
    height: float = 3.2,
    title: str = "",
    alt: str = "",
) -> Picture:
    """Boxes with text, and arrows between them.

    ``boxes`` has (x, y, text, number of the colour) by name: y counts upwards, a box takes about
    one unit. ``arrows`` has pairs of names; a third value is the x where the line goes around the
    boxes between, as a shortcut does. ``alt`` defaults to the texts, in the boxes' order.
    """
    figure, axis = axes(width=width, height=height, title=title)
    drawn = {}
    for name, (x, y, text, colour) in boxes.items():
        frame = dict(
            boxstyle="round,pad=0.45", facecolor="white", edgecolor=COLOURS[colour], lw=1.6
        )
        drawn[name] = axis.text(x, y, text, ha="center", va="center", fontsize=8.5, bbox=frame)
    for start, end, *around in arrows:
        (x, y), (end_x, end_y) = boxes[start][:2], boxes[end][:2]
        style = dict(arrowstyle="-|>", color="0.35", patchB=drawn[end].get_bbox_patch())
        if around:
            style |= dict(color=COLOURS[1], shrinkA=0)
            axis.plot([x, *around, *around], [y, y, end_y], color=COLOURS[1], zorder=1)
            x, y = *around, end_y
        else:
            style["patchA"] = drawn[start].get_bbox_patch()
        axis.annotate("", (end_x, end_y), (x, y), arrowprops=style)
    xs = [box[0] for box in boxes.values()] + [arrow[2] for arrow in arrows if arrow[2:]]
    ys = [box[1] for box in boxes.values()]
    axis.set(xlim=(min(xs) - 0.6, max(xs) + 0.6), ylim=(min(ys) - 0.4, max(ys) + 0.4))
    axis.axis("off")
    texts = "; ".join(box[2].replace("\n", " ") for box in boxes.values())
    return Picture(figure, alt or f"{_named('Boxes and arrows', title)}. {texts}")


def images(
    pixels,
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

    ``pixels`` is N×H×W×3, N×H×W×1 or N×H×W, ``titles`` one text for each, ``wrong`` marks those
    whose title is drawn bold and orange. Grey values run from black to white between ``limits``: by
    default 0 and 255 for uint8, else their own range. Raises ``ValueError`` for none, and for other
    shapes.
    """
    pixels = np.asarray(pixels)
    grid = pixels.ndim == 3 or (pixels.ndim == 4 and pixels.shape[3] in (1, 3))
    if not grid or not len(pixels):
        wanted = "images are one or more, N×H×W×3, N×H×W×1 or N×H×W"
        raise ValueError(f"{wanted}, not {times(pixels.shape) or 'one number'}")
    columns = min(columns, len(pixels))
    rows = -(-len(pixels) // columns)
    room = size + 0.22 if len(titles) else size
    figure, _ = axes(rows, columns, title=title)
    figure.set_size_inches(columns * size, rows * room + (0.3 if title else 0))
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)
    low, high = limits or ((0, 255) if pixels.dtype == np.uint8 else (pixels.min(), pixels.max()))
    for axis in figure.axes:
        axis.set_axis_off()
        for hidden in (axis.xaxis, axis.yaxis):  # or else the layout measures their ticks
            hidden.set_visible(False)
    for i, (axis, image) in enumerate(zip(figure.axes, pixels)):
        axis.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        if len(titles):
            marked = len(wrong) and wrong[i]
            style = {"color": COLOURS[1], "fontweight": "bold"} if marked else {}
            axis.set_title(titles[i], fontsize=8, pad=2, **style)
    shown = "; ".join(map(str, titles[:20]))
    parts = [_named(count(len(pixels), "image"), title), f"Titles: {shown}" if shown else ""]
    return Picture(figure, alt or ". ".join(filter(None, parts)))


def class_map(labels, classes: Sequence[str], *, title: str = "", alt: str = "") -> Picture:
    """A map of classes with a legend that counts their pixels.

    ``labels`` H×W: 0, where nothing is known, is white, and k is ``classes[k - 1]``. With more
    than 20 classes the colours come again. Raises ``ValueError`` for other labels.
    """
    from matplotlib.colors import ListedColormap, to_rgb
    from matplotlib.patches import Patch

    labels = np.asarray(labels)
    if labels.ndim != 2 or not 0 <= labels.min() <= labels.max() <= len(classes):
        span = f"labels {times(labels.shape)} from {labels.min()} to {labels.max()}"
        raise ValueError(f"a map needs labels H×W from 0 to {len(classes)}, not {span}")
    palette = [to_rgb(colour) for colour in (*COLOURS, *FURTHER)]
    palette = np.resize(palette, (len(classes), 3))  # from its beginning again
    height, width = labels.shape
    inch = 4.5 / max(height, width)  # of a pixel
    figure, axis = axes(width=inch * width + 2.6, height=max(inch * height, 3), title=title)
    colours = ListedColormap([(1, 1, 1), *palette])
    axis.imshow(labels, cmap=colours, vmin=0, vmax=len(classes), interpolation="nearest")
    axis.set(xticks=(), yticks=())
    axis.spines[:].set_visible(True)
    counts = np.bincount(labels.ravel(), minlength=len(classes) + 1)[1:]
    entries = [f"{name} {count:,}" for name, count in zip(classes, counts)]
    handles = [Patch(facecolor=colour, edgecolor="grey", linewidth=0.4) for colour in palette]
    beside = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)}
    axis.legend(handles, entries, fontsize=8, frameon=False, **beside)
    what = _named(f"Map of {len(classes)} classes, {height}×{width} pixels", title)
    return Picture(figure, alt or f"{what}. Pixels: {'; '.join(entries)}")


def curves(histories, *, title: str = "", reference: dict[str, float] | None = None) -> Picture:
    """Loss and metric over the epochs, of one ``History`` or of several in a dict by name.

    Dashed lines are the training set, measured while the network learns; full lines the validation
    or test set. The thin line behind them is the loss of single batches, as a running mean over a
    fiftieth of an epoch. ``reference`` draws named horizontal lines into the metric's plot.
    """
    histories = histories if isinstance(histories, dict) else {"": histories}
    first = next(iter(histories.values()))
    figure, (left, right) = axes(1, 2, title=title or first.source)
    for colour, (name, history) in zip(itertools.cycle(COLOURS), histories.items()):
        epochs = range(1, len(history.train_loss) + 1)
        window = max(1, history.steps // 50)
        if len(history.batch_loss) >= window:
            running = np.convolve(history.batch_loss, np.ones(window) / window, mode="valid")
            steps = (np.arange(len(running)) + window) / max(history.steps, 1)
            left.plot(steps, running, color=colour, alpha=0.35, linewidth=0.8)
        dots = {"marker": "o" if len(epochs) < 20 else None, "markersize": 4}
        for part, style, face in (("train", "--", "white"), ("valid", "-", colour)):
            look = {"color": colour, "markerfacecolor": face, **dots}
            look["label"] = f"{name} {history.names[part]}".strip()
            for axis, kind in ((left, "loss"), (right, "metric")):
                if values := getattr(history, f"{part}_{kind}"):
                    axis.plot(epochs, values, style, **look)
    for colour, (name, value) in zip(reversed(COLOURS), (reference or {}).items()):
        right.axhline(value, color=colour, linestyle=":", label=name)
    for axis, label in ((left, "loss"), (right, first.metric_name)):
        axis.set(xlabel="epoch", ylabel=label, xlim=(0, None))
        axis.locator_params("x", integer=True)
    if right.lines:
        right.legend(fontsize=8, frameon=False)
    ends = "; ".join(f"{name} {history}".strip() for name, history in histories.items())
    what = _named(f"Curves of loss and {first.metric_name} over epochs", title)
    return Picture(figure, f"{what}. {ends}")


def confusion(result, *, title: str = "") -> Picture:
    """The confusion matrix of an ``Evaluation``: for each true class a row of its shares."""
    matrix = result.confusion.numpy()
    share = matrix / matrix.sum(1, keepdims=True).clip(1)
    k = len(matrix)
    figure, axis = axes(width=0.5 * k + 1.5, height=0.45 * k + 1)
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axis.set(xlabel="predicted", ylabel="true", yticks=range(k), yticklabels=result.classes)
    axis.set_title(title or f"{result.source}: % of each true class")
    axis.set_xticks(range(k), result.classes, rotation=45, ha="right", rotation_mode="anchor")
    axis.spines[:].set_visible(False)
    for row, column in np.ndindex(k, k):
        if (value := share[row, column]) >= 0.005:
            style = {"color": "white" if value > 0.5 else "black", "fontsize": 8}
            axis.text(column, row, f"{100 * value:.0f}", ha="center", va="center", **style)
    off = share * (1 - np.eye(k))
    row, column = np.unravel_index(off.argmax(), off.shape)
    most = f"{100 * off.max():.0f} % of {result.classes[row]} taken for {result.classes[column]}"
    return Picture(figure, f"Confusion matrix, {result.source}. Most frequent mistake: {most}")


def mistakes(result, dataset, n: int = 20, *, title: str = "") -> Picture:
    """The n mistakes of an ``Evaluation`` that have the highest softmax probability.

    ``dataset`` is what was evaluated, unshuffled. Raises ``ValueError`` when there are none, and
    for other data or another order.
    """
    wrong = (result.predictions != result.targets).nonzero().squeeze(1)
    if not torch.equal(result.targets.cpu(), dataset.labels.cpu()):
        what = "the labels of these data are not those of the evaluation, in their order"
        raise ValueError(f"{what}: pass what was evaluated, by a loader that does not shuffle")
    sure, order = result.outputs.softmax(1).amax(1)[wrong].sort(descending=True)
    worst = wrong[order][:n]
    if not len(worst):
        raise ValueError("there are no mistakes to show: every prediction is right")
    titles = [
        f"said {result.classes[said]}\nis {result.classes[true]} ({100 * share:.0f} %)"
        for said, true, share in zip(result.predictions[worst], result.targets[worst], sure)
    ]
    title = title or f"{result.source}: the surest of {count(len(wrong), 'mistake')}"
    return images(dataset.pixels(worst.to(dataset.images.device)), titles, size=1.15, title=title)


def filters(weight: torch.Tensor, *, title: str = "", columns: int = 8) -> Picture:
    """The kernels of a convolution, out×in×k×k: in colour if there are three input channels, else
    that of the first. Each colour kernel is scaled to 0 … 1; grey ones share one scale: zero is
    mid-grey, white positive, black negative. Raises ``ValueError`` for weights of other layers.
    """
    if weight.ndim != 4:
        raise ValueError(f"kernels are out×in×k×k, not {times(weight.shape)}")
    kernels = weight.detach().float().cpu()
    shown, most = kernels[:, 0], float(kernels[:, 0].abs().max())
    if kernels.shape[1] == 3:
        low, high = kernels.amin((1, 2, 3), keepdim=True), kernels.amax((1, 2, 3), keepdim=True)
        shown = ((kernels - low) / (high - low).clamp_min(1e-12)).permute(0, 2, 3, 1)
    alt = f"{count(len(shown), 'filter')} of {times(kernels.shape[2:])} weights. {title}"
    titles = [f"filter {i}" for i in range(len(shown))]
    return images(shown, titles, columns=columns, title=title, limits=(-most, most), alt=alt)


def feature_maps(maps: torch.Tensor, *, title: str = "", columns: int = 8) -> Picture:
    """The channels of one image's feature maps, C×H×W, on one common grey scale.

    Raises ``ValueError`` for those of a batch.
    """
    if maps.ndim != 3:
        advice = "of a batch pass those of one image, as maps[0]"
        raise ValueError(f"feature maps are C×H×W, not {times(maps.shape)}: {advice}")
    shown = maps.detach().float().cpu()
    alt = f"{count(len(shown), 'feature map')} of {times(shown.shape[1:])}. {title}"
    titles = [f"map {i}" for i in range(len(shown))]
    return images(shown, titles, columns=columns, title=title, alt=alt)
