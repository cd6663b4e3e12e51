"""Every picture is a PNG with a text in its place, shows what it says, and leaves nothing open."""

import itertools

import matplotlib.image
import matplotlib.pyplot
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex, to_rgba

import coursekit as ck
from coursekit import plots

SOURCE = "squares (synthetic)"


@pytest.fixture
def squares():
    """Twelve images of one grey value each, ten times their index."""
    images = (
        (10 * torch.arange(12, dtype=torch.uint8))
        .view(12, 1, 1, 1)
        .expand(12, 1, 4, 4)
        .contiguous()
    )
    return ck.Images(images, torch.arange(12) % 3, ("a", "b", "c"), SOURCE)


@pytest.fixture
def result(squares):
    """The images 1, 5 and 8 are mistaken, 8 most surely, then 1, then 5; image 2 is right and the
    surest of all."""
    outputs = torch.nn.functional.one_hot(squares.labels, 3).float()
    outputs[2] *= 50
    for index, label, score in ((5, 0, 2.0), (8, 1, 9.0), (1, 2, 4.0)):
        outputs[index] = score * torch.nn.functional.one_hot(torch.tensor(label), 3)
    right = outputs.argmax(1) == squares.labels
    return ck.Evaluation(0.5, right, outputs, squares.labels, "accuracy", squares.classes, SOURCE)


def history(epochs=3, valid=True):
    values = [1.0 / (i + 1) for i in range(epochs)]
    return ck.History(
        SOURCE,
        "accuracy",
        values,
        [1 - v for v in values],
        values * valid,
        [1 - v for v in values] * valid,
        [1.0] * epochs,
        [100] * epochs,
        values * 4,
        4,
    )


def shown_images(picture):
    """The arrays that the picture's axes show."""
    return [np.asarray(axis.images[0].get_array()) for axis in picture.figure.axes if axis.images]


def check(picture, *words):
    """A PNG that is not empty, with its text in the notebook's metadata."""
    assert isinstance(picture, plots.Picture)
    data, metadata = picture._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG\r\n\x1a\n")
    assert data["text/plain"] == picture.alt == metadata["image/png"]["alt"]
    for word in words:
        assert word in picture.alt
    picture.save(path := plots.io.BytesIO())
    path.seek(0)
    pixels = matplotlib.image.imread(path)
    assert pixels.std() > 0.01, "an empty picture"
    assert matplotlib.pyplot.get_fignums() == []


def test_images(squares):
    names = [f"n{i}" for i in range(12)]
    picture = plots.images(
        squares.pixels(), names, columns=5, title="Twelve", wrong=[True] + [False] * 11
    )
    check(picture, "12 images: Twelve", "n0; n1")
    titles = [axis.title for axis in picture.figure.axes]
    assert [title.get_text() for title in titles] == names + [""] * 3
    assert (
        to_hex(titles[0].get_color()).upper()
        == plots.COLOURS[1]
        != to_hex(titles[1].get_color()).upper()
    )
    assert picture.figure.get_suptitle() == "Twelve"
    assert [image.flat[0] for image in shown_images(picture)] == [10 * i for i in range(12)]
    assert picture.figure.axes[0].images[0].get_clim() == (0, 255), "bytes keep their own scale"


def test_colour_and_float_images():
    colour = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    picture = plots.images(colour)
    check(picture, "2 images")
    assert all(map(np.array_equal, shown_images(picture), colour))
    grey = np.linspace(-3, 5, 32).reshape(2, 4, 4)
    picture = plots.images(grey, alt="two ramps")
    check(picture, "two ramps")
    assert all(
        axis.images[0].get_clim() == (-3, 5) for axis in picture.figure.axes if axis.images
    ), "one common scale"


def test_class_map():
    labels = np.array([[0, 1, 1, 3], [2, 1, 0, 3]])
    picture = plots.class_map(
        labels, ("corn", "oats", "woods", "wheat"), title="Fields (synthetic)"
    )
    check(
        picture,
        "Map of 4 classes, 2×4 pixels: Fields (synthetic)",
        "Pixels: corn 3; oats 1; woods 2; wheat 0",
    )
    (axis,) = picture.figure.axes
    assert picture.figure.get_suptitle() == "Fields (synthetic)" and np.array_equal(
        shown_images(picture)[0], labels
    )
    legend = axis.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [
        "corn 3",
        "oats 1",
        "woods 2",
        "wheat 0",
    ]
    drawn = axis.images[0].to_rgba(labels)
    assert (drawn[labels == 0] == 1).all(), "what is not known is white"
    for k, patch in enumerate(legend.get_patches(), 1):
        assert to_hex(patch.get_facecolor()).upper() == plots.COLOURS[k - 1]
        assert all(to_hex(colour).upper() == plots.COLOURS[k - 1] for colour in drawn[labels == k])
    check(plots.class_map(torch.from_numpy(labels), ["a", "b", "c", "d"], alt="a map"), "a map")


@pytest.mark.parametrize("classes", [1, 7, 16, 20])
def test_every_class_of_a_map_has_a_colour_of_its_own(classes):
    """The same in the map and in the legend; any two, white among them, differ by more than eyes
    mix up side by side (by 15 in CIEDE2000, where 2 can just be seen)."""
    color = pytest.importorskip("skimage.color")
    picture = plots.class_map(np.arange(classes + 1)[None], [f"class {k}" for k in range(classes)])
    (axis,) = picture.figure.axes
    colours = axis.images[0].to_rgba(np.arange(classes + 1))
    assert np.allclose(
        colours[1:], [patch.get_facecolor() for patch in axis.get_legend().get_patches()]
    )
    lab = color.rgb2lab(colours[:, :3])
    assert min(color.deltaE_ciede2000(a, b) for a, b in itertools.combinations(lab, 2)) > 15


def test_curves_of_one_run():
    picture = plots.curves(history(), reference={"a paper": 0.9})
    check(picture, SOURCE, "3 epochs", "held out loss 0.3333")
    left, right = picture.figure.axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("loss", "accuracy")
    assert {text.get_text() for text in right.get_legend().get_texts()} == {
        "training",
        "held out",
        "a paper",
    }
    drawn = [list(line.get_ydata()) for line in right.lines]
    assert history().train_metric in drawn and history().valid_metric in drawn
    assert picture.figure.get_suptitle() == SOURCE


def test_curves_of_several_runs():
    picture = plots.curves(
        {"plain": history(), "better": history(2, valid=False)}, title="Two recipes"
    )
    check(picture, "Two recipes", "plain 3 epochs", "better 2 epochs")
    _, right = picture.figure.axes
    names = {text.get_text() for text in right.get_legend().get_texts()}
    assert names == {"plain training", "plain held out", "better training"}
    assert len({line.get_color() for line in right.lines}) == 2


@pytest.mark.parametrize("epochs", [0, 1, 40])
def test_curves_of_any_length(epochs):
    check(history(epochs).plot())


def test_confusion(result):
    picture = plots.confusion(result)
    check(picture, SOURCE, "Most frequent mistake: 25 %")
    (axis,) = picture.figure.axes
    assert [label.get_text() for label in axis.get_xticklabels()] == ["a", "b", "c"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("predicted", "true")
    np.testing.assert_allclose(
        shown_images(picture)[0], [[1, 0, 0], [0, 0.75, 0.25], [0.25, 0.25, 0.5]]
    )
    assert {text.get_text() for text in axis.texts} == {"100", "75", "25", "50"}


def test_mistakes_shows_the_wrong_ones_surest_first(result, squares):
    picture = plots.mistakes(result, squares)
    check(picture, SOURCE, "3 mistakes")
    assert [image.flat[0] for image in shown_images(picture)] == [80, 10, 50]
    titles = [axis.get_title() for axis in picture.figure.axes if axis.images]
    shares = (100, 96, 79)  # softmax of the scores 9, 4 and 2 beside two zeros
    pairs = zip(("b\nis c", "c\nis b", "a\nis c"), shares)
    assert titles == [f"said {pair} ({share} %)" for pair, share in pairs]
    assert [image.flat[0] for image in shown_images(plots.mistakes(result, squares, 2))] == [80, 10]


@pytest.mark.parametrize("part", [slice(3), slice(1, 4)])
def test_mistakes_of_other_data_are_refused(result, squares, part):
    """They would show other photos than those that were judged."""
    with pytest.raises(ValueError, match="by a loader that does not shuffle"):
        plots.mistakes(result, squares.select(part))


def test_no_mistakes_to_show(squares):
    outputs = torch.nn.functional.one_hot(squares.labels, 3).float()
    result = ck.Evaluation(
        0,
        torch.ones(12, dtype=torch.bool),
        outputs,
        squares.labels,
        "accuracy",
        squares.classes,
        SOURCE,
    )
    with pytest.raises(ValueError, match="no mistakes to show"):
        plots.mistakes(result, squares)


@pytest.mark.parametrize("draw", [plots.confusion, lambda result: plots.mistakes(result, None)])
def test_what_is_no_classification_has_neither_confusion_nor_mistakes(draw):
    photos = torch.zeros(3, 1, 4, 4)
    result = ck.Evaluation(0.5, torch.ones(3), photos, photos, "PSNR", (), SOURCE)
    with pytest.raises(ValueError, match="evaluation of PSNR, not of classes"):
        draw(result)


def test_filters(seeded):
    grey, colour = torch.randn(6, 2, 5, 5), torch.randn(10, 3, 7, 7)
    picture = plots.filters(grey, title="first layer")
    check(picture, "6 filters of 5×5 weights", "first layer")
    assert all(
        np.allclose(shown, kernel[0])
        for shown, kernel in zip(shown_images(picture), grey, strict=True)
    )
    picture = plots.filters(colour.requires_grad_())
    check(picture, "10 filters of 7×7 weights")
    assert all(image.min() == 0 and image.max() == 1 for image in shown_images(picture))


def test_feature_maps(seeded):
    maps = torch.randn(5, 6, 6, requires_grad=True)
    picture = plots.feature_maps(maps, columns=3)
    check(picture, "5 feature maps of 6×6")
    assert all(
        np.allclose(shown, one)
        for shown, one in zip(shown_images(picture), maps.detach(), strict=True)
    )


def test_diagram():
    """An arrow runs from edge to edge, with no part of it inside a box; one that goes around the
    boxes between comes from the side."""
    boxes = {"x": (0, 0, "x", 6), "f": (0, 1, "a long\nname", 0), "sum": (0, 2, "sum", 1)}
    picture = plots.diagram(boxes, [("x", "f"), ("f", "sum"), ("x", "sum", 1)], title="A block")
    assert picture.alt == "Boxes and arrows: A block. x; a long name; sum"
    assert plots.diagram(boxes, [], alt="three").alt == "three"
    picture.png()
    axis = picture.figure.axes[0]
    frames = [text.get_bbox_patch() for text in axis.texts[:3]]
    colours = [to_rgba(plots.COLOURS[colour]) for *_, colour in boxes.values()]
    assert [frame.get_edgecolor() for frame in frames] == colours
    x, f, total = (frame.get_window_extent() for frame in frames)
    up, on, aside = (
        arrow.get_transform().transform_path(arrow.get_path()).get_extents()
        for arrow in (text.arrow_patch for text in axis.texts[3:])
    )
    assert x.y1 <= up.y0 and up.y1 <= f.y0
    assert f.y1 <= on.y0 and on.y1 <= total.y0
    corners = axis.transData.transform([(0, 0), (1, 0), (1, 2)])
    assert total.x1 <= aside.x0 and aside.x1 == pytest.approx(corners[2][0], abs=9)
    drawn = axis.transData.transform(axis.lines[0].get_xydata())
    np.testing.assert_allclose(drawn, corners, atol=1e-6)


def test_own_figures():
    figure, axis = plots.axes(width=5, height=2, title="One")
    axis.plot([1, 2])
    assert tuple(figure.get_size_inches()) == (5, 2)
    assert axis.lines[0].get_color() == plots.COLOURS[0]
    check(plots.Picture(figure, "a line"), "a line")
    figure, grid = plots.axes(2, 3, sharex=True)
    assert grid.shape == (2, 3) and len(figure.axes) == 6


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_a_picture_without_text_is_refused(alt):
    with pytest.raises(ValueError, match="needs an alternative text"):
        plots.Picture(plots.axes()[0], alt)


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: ck.plots.images(np.zeros((0, 4, 4))), "images are one or more, .*, not 0×4×4"),
        (lambda: ck.plots.images(np.zeros((2, 3, 8, 8))), "N×H×W×3, .*, not 2×3×8×8"),
        (lambda: ck.plots.filters(torch.rand(10, 84)), "out×in×k×k, not 10×84"),
        (lambda: ck.plots.feature_maps(torch.rand(1, 6, 4, 4)), r"not 1×6×4×4: .* maps\[0\]"),
        (lambda: ck.plots.class_map(np.full((4, 4), 3), "ab"), "from 0 to 2, not .* from 3 to 3"),
        (lambda: ck.plots.class_map(np.zeros(9, int), "ab"), "labels H×W .*, not labels 9 from"),
    ],
)
def test_what_is_no_picture_is_refused(draw, words):
    """None is drawn of a wrong axis or with colours that mean another class."""
    with pytest.raises(ValueError, match=words):
        draw()
