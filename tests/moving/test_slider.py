"""A slider holds every frame as it was given and its words, and refuses what it cannot show."""

import importlib
import io

import numpy as np
import pytest
from page_parts import Parts, opened
from PIL import Image

import coursekit as ck

module = importlib.import_module("coursekit.moving.slider")
DIGITS = np.arange(3 * 28 * 28).reshape(3, 28, 28).astype(np.uint8)
LABELS = ["first", "second", "third"]


def picture(width=3.0, alt="a line"):
    figure, axis = ck.plots.axes(width=width, height=2)
    axis.plot([0, 1, width])
    return ck.plots.Picture(figure, alt)


def slider(frames=DIGITS, labels=LABELS, **options):
    return ck.moving.slider(frames, labels, **{"name": "place"} | options)


def test_the_still_picture_is_all_that_there_is_without_a_script():
    parts = Parts(slider(title="A window", start=1))
    (figure, img, caption, script) = parts.tags
    assert [tag for tag, _ in parts.tags] == ["figure", "img", "figcaption", "script"]
    assert figure[1] == {"class": "coursekit-moving", "data-coursekit": parts.mark}
    assert parts.still["alt"] == "A window: second"
    assert parts.text.strip() == (
        "A window. Picture 2 of 3, second. "
        "Where scripts may run, as in a trusted notebook, a slider sets the place."
    )
    assert (np.asarray(opened(parts.still["src"]))[::10, ::10] == DIGITS[1]).all()
    assert script == ("script", {})


def test_every_frame_is_there_with_its_words():
    data = Parts(slider(title="A window", start=2)).data
    style = data.pop("style")
    assert ".coursekit-moving" in style
    assert [np.asarray(opened(frame))[::10, ::10].tolist() for frame in data.pop("frames")] == (
        DIGITS.tolist()
    )
    assert data == {
        "labels": LABELS,
        "alts": [f"A window: {label}" for label in LABELS],
        "name": "place",
        "title": "A window",
        "start": 2,
        "size": [280, 280],
    }


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((28, 28), (280, 280)),
        ((28, 28, 1), (280, 280)),
        ((32, 20, 3), (180, 288)),
        ((5, 300), (300, 5)),
        ((281, 3), (3, 281)),
    ],
)
def test_pixels_are_enlarged_whole_to_about_280(shape, size):
    pixels = np.random.default_rng(0).integers(0, 256, (2, *shape), dtype=np.uint8)
    for frame, letters in zip(pixels, Parts(slider(pixels, LABELS[:2])).data["frames"]):
        image, k = opened(letters), size[0] // shape[1]
        assert image.size == size and image.format == "PNG"
        back = np.asarray(image).reshape(shape[0], k, shape[1], k, -1)
        assert (back == frame.reshape(shape[0], 1, shape[1], 1, -1)).all()


def test_pictures_are_drawn_whole_and_keep_their_colours():
    """Not cut to what is drawn, so that two figures of one size give images of one size."""
    frames = [picture(alt="a line"), picture(alt="a second line")]
    frames[1].figure.axes[0].set_ylabel("a label that takes some room")
    data = Parts(moving := slider(frames, LABELS[:2])).data
    images = [opened(letters) for letters in data["frames"]]
    assert [image.size for image in images] == [(240, 160)] * 2 and data["size"] == [240, 160]
    assert data["alts"] == [frame.alt for frame in frames] and moving.alt == "a line"
    assert not any(image.info.keys() - {"dpi"} for image in images), "software, or a date"
    for frame, image in zip(frames, images):
        frame.figure.savefig(buffer := io.BytesIO(), dpi=80)
        drawn = np.asarray(Image.open(buffer).convert("RGB"))
        assert drawn.shape[1::-1] == image.size
        off = np.abs(drawn.astype(int) - np.asarray(image.convert("RGB")))
        assert off.max() <= 16 and off.mean() < 0.5


def test_the_same_input_gives_the_same_bytes():
    assert slider().html == slider().html
    assert slider([picture()] * 2, LABELS[:2]).html == slider([picture()] * 2, LABELS[:2]).html
    marks = {Parts(slider(start=start)).mark for start in range(3)}
    assert len(marks) == 3, "two sliders of one page do not mix"


def test_what_a_notebook_stores():
    moving = slider(title="A window")
    bundle, metadata = moving._repr_mimebundle_(include=None, exclude=None)
    assert bundle == {"text/html": moving.html, "text/plain": "A window: first"}
    assert metadata == {"text/html": {"alt": "A window: first"}}
    assert repr(moving) == "Moving(A window: first)"


def test_hostile_words_stay_words():
    bad = '</script><!--<script>alert("1")</script>&amp;'
    parts = Parts(slider(labels=[bad, bad + "2", "3"], title=bad, name=bad))
    assert [tag for tag, _ in parts.tags] == ["figure", "img", "figcaption", "script"]
    assert parts.still["alt"] == f"{bad}: {bad}" and bad in parts.text
    assert parts.data["labels"][1] == bad + "2" and parts.data["title"] == bad
    call = parts.script[parts.script.index("wake(") :]
    assert "<" not in call.partition("{")[2]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"frames": DIGITS[:1], "labels": LABELS[:1]}, "two frames or more, not 1"),
        ({"labels": LABELS[:2]}, "3 frames need 3 labels, not 2"),
        ({"start": 3}, "0 … 2, not 3"),
        ({"start": -1}, "not -1"),
        ({"start": 1.0}, "not 1.0"),
        ({"labels": "abc"}, "3 labels, not"),
        ({"frames": [*DIGITS[:2], DIGITS[2][:14]]}, "frame 0 has 280×280.*frame 2 280×140"),
        ({"frames": [DIGITS[0], picture(), DIGITS[0]]}, "frame 0 has 280×280.*frame 1 240×160"),
        ({"frames": [picture(), picture(), picture(4)]}, "240×160 pixels, frame 2 320×160"),
        ({"frames": DIGITS.astype(float)}, r"uint8 H×W.*frame 0 is float64 28×28"),
        ({"frames": [*DIGITS[:2], DIGITS]}, "frame 2 is uint8 3×28×28"),
        ({"frames": [*DIGITS[:2], DIGITS[0][:0]]}, "frame 2 is uint8 0×28"),
        ({"frames": ["a.png"] * 3}, "frame 0 is str"),
    ],
)
def test_what_no_slider_can_show(change, said):
    with pytest.raises(ValueError, match=said):
        slider(**change)


def test_more_than_a_page_should_carry(monkeypatch):
    frames = np.random.default_rng(0).integers(0, 256, (3, 300, 300), dtype=np.uint8)
    monkeypatch.setattr(module, "LARGEST", 363_000)
    size = sum(map(len, Parts(slider(frames)).data["frames"]))
    assert 360_000 < size <= 363_000
    monkeypatch.setattr(module, "LARGEST", size - 1)
    with pytest.raises(ValueError, match="3 frames have 0.4 MB together, above 0.4 MB: take fewer"):
        slider(frames)
