"""Small made-up data sets that stand in for the real ones where there is no network.

Each function but ``scene``, ``grey_photos`` and ``pairs`` returns ``(train_images, train_labels,
test_images, test_labels)``: uint8 tensors N×C×H×W with the image shape and the classes of the real
set, int64 labels, every class equally often up to one image. The same seed gives the same pixels.
What lies in the test part was not seen in the training part: other originals, other objects, other
noise.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

Split = tuple[Tensor, Tensor, Tensor, Tensor]


def digits(train: int = 20_000, test: int = 4_000, seed: int = 0) -> Split:
    """28×28 grey digits: scikit-learn's 1,797 real handwritten ones of 8×8 pixels (UCI, Alpaydin
    and Kaynak 1998), enlarged, shifted by up to 3 pixels, rotated by up to 15° and scaled by up to
    15 %.

    Each of the 1,797 appears in the training part or in the test part, never in both (a writer may
    be in both).
    """
    from sklearn.datasets import load_digits

    generator = torch.Generator().manual_seed(seed)
    source = load_digits()
    small = torch.from_numpy(source.images / 16.0).float().unsqueeze(1)
    target = torch.from_numpy(source.target).long()
    cut = 1_400

    def make(n: int, low: int, high: int) -> tuple[Tensor, Tensor]:
        labels = _balanced(n, 10, generator)
        chosen = torch.empty(n, dtype=torch.long)
        for digit in range(10):
            candidates = low + (target[low:high] == digit).nonzero().squeeze(1)
            places = (labels == digit).nonzero().squeeze(1)
            chosen[places] = candidates[
                torch.randint(len(candidates), (len(places),), generator=generator)
            ]
        angle = _uniform(n, -15, 15, generator) * math.pi / 180
        # 28 pixels show 8 / 0.72 source pixels: the digit fills about 20×20 as in MNIST.
        zoom = _uniform(n, 0.85, 1.15, generator) / 0.72
        shift = _uniform((2, n), -3 / 14, 3 / 14, generator) * zoom
        cos, sin = angle.cos() * zoom, angle.sin() * zoom
        matrix = torch.stack([cos, -sin, shift[0], sin, cos, shift[1]], dim=1).view(n, 2, 3)
        grid = F.affine_grid(matrix, [n, 1, 28, 28], align_corners=False)
        large = F.grid_sample(small[chosen], grid, mode="bicubic", align_corners=False)
        return (large.clamp(0, 1) * 255).round().to(torch.uint8), labels

    return *make(train, 0, cut), *make(test, cut, len(small))


def clothing(train: int = 12_000, test: int = 2_000, seed: int = 0) -> Split:
    """28×28 grey drawings in the ten classes of Fashion-MNIST, with random size, place, cut and
    cloth."""
    generator = torch.Generator().manual_seed(seed)

    def make(n: int) -> tuple[Tensor, Tensor]:
        labels = _balanced(n, 10, generator)
        images = torch.empty(n, 1, 28, 28, dtype=torch.uint8)
        for label, draw in enumerate(_CLOTHES):
            mine = (labels == label).nonzero().squeeze(1)
            p = _Canvas(len(mine), 28, generator, scale=(0.85, 1.1), shift=0.12, angle=8)
            shape = draw(p)
            images[mine] = p.paint(
                shape, p.number(0.45, 1.0), background=0.0, texture=0.25, noise=0.04
            )
        return images, labels

    return *make(train), *make(test)


def pictures(train: int = 6_000, test: int = 2_000, seed: int = 0) -> Split:
    """32×32 colour drawings in the ten classes of CIFAR-10, at any place and size, half of them
    mirrored.

    Colours say nothing about the class, the backgrounds little: the shape has to be learned, as in
    the real set.
    """
    generator = torch.Generator().manual_seed(seed)

    def make(n: int) -> tuple[Tensor, Tensor]:
        labels = _balanced(n, 10, generator)
        images = torch.empty(n, 3, 32, 32, dtype=torch.uint8)
        for label, draw in enumerate(_OBJECTS):
            mine = (labels == label).nonzero().squeeze(1)
            p = _Canvas(
                len(mine), 32, generator, scale=(0.6, 1.1), shift=0.3, angle=15, mirror=True
            )
            shape = draw(p)
            colour, background = p.contrasting_colours()
            images[mine] = p.paint(shape, colour, background, texture=0.6, noise=0.12)
        return images, labels

    return *make(train), *make(test)


def pets(train: int = 600, test: int = 300, size: int = 128, seed: int = 0) -> Split:
    """Colour drawings of cats and dogs, size×size: the shapes of ``pictures`` in more places,
    sizes, colours and company.

    They are large beside the number of drawings, and neither colour nor place nor what stands
    around says which animal it is: a handful of labels does not suffice, but who knows the shapes
    already does well.
    """
    generator = torch.Generator().manual_seed(seed)
    animals = _OBJECTS[3], _OBJECTS[5]  # cat and dog

    def make(n: int) -> tuple[Tensor, Tensor]:
        labels = _balanced(n, 2, generator)
        images = torch.empty(n, 3, size, size, dtype=torch.uint8)
        for label, draw in enumerate(animals):
            for mine in (
                (labels == label).nonzero().squeeze(1).split(100)
            ):  # in pieces, for they are drawn as float numbers
                p = _Canvas(
                    len(mine), size, generator, scale=(0.5, 1.1), shift=0.35, angle=25, mirror=True
                )
                colour, background = p.contrasting_colours()
                images[mine] = p.paint(
                    draw(p), colour, p.scenery(background), texture=0.6, noise=0.06
                )
        return images, labels

    return *make(train), *make(test)


def _balanced(n: int, classes: int, generator: torch.Generator) -> Tensor:
    """n labels, every class equally often up to one, in random order."""
    return (torch.arange(n) % classes)[torch.randperm(n, generator=generator)]


def _uniform(
    shape: int | tuple[int, ...], low: float, high: float, generator: torch.Generator
) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator)


class _Canvas:
    """n pictures of one class, drawn together.

    ``x`` and ``y`` are the coordinates of every pixel in each drawing's own system, n×size×size,
    about -1 … 1 with y downwards. A shape is a signed distance: negative inside, so ``minimum``
    unites two shapes.
    """

    def __init__(
        self,
        n: int,
        size: int,
        generator: torch.Generator,
        scale: tuple[float, float],
        shift: float,
        angle: float,
        mirror: bool = False,
    ):
        self.n, self.size, self.generator = n, size, generator
        line = (torch.arange(size) + 0.5) / size * 2 - 1
        v, u = torch.meshgrid(line, line, indexing="ij")
        zoom = self.number(*scale)
        turn = self.number(-angle, angle) * math.pi / 180
        u = u - self.number(-shift, shift)
        v = v - self.number(-shift, shift)
        self.x = (u * turn.cos() + v * turn.sin()) / zoom
        self.y = (v * turn.cos() - u * turn.sin()) / zoom
        if mirror:
            self.x = self.x * torch.where(self.number(0, 1) < 0.5, -1.0, 1.0)

    def number(self, low: float, high: float) -> Tensor:
        """One random number for each picture, n×1×1."""
        return _uniform(self.n, low, high, self.generator).view(-1, 1, 1)

    def box(self, x, y, width, height) -> Tensor:
        """A rectangle with centre (x, y)."""
        return torch.maximum((self.x - x).abs() - width / 2, (self.y - y).abs() - height / 2)

    def disc(self, x, y, radius, stretch=1.0) -> Tensor:
        """An ellipse with centre (x, y), ``stretch`` times as wide as high."""
        return (((self.x - x) / stretch) ** 2 + (self.y - y) ** 2).sqrt() - radius

    def taper(self, top, bottom, half_top, half_bottom) -> Tensor:
        """A trapezium from y = top to y = bottom around x = 0."""
        share = ((self.y - top) / (bottom - top)).clamp(0, 1)
        half = half_top + (half_bottom - half_top) * share
        return torch.maximum(self.x.abs() - half, torch.maximum(top - self.y, self.y - bottom))

    def legs(self, places, top, bottom, width) -> Tensor:
        """Upright bars at these x."""
        return union(*(self.box(x, (top + bottom) / 2, width, bottom - top) for x in places))

    def contrasting_colours(self) -> tuple[Tensor, Tensor]:
        """An object colour and a background colour for each picture, n×3, at least 0.35 apart in
        brightness."""
        light = torch.rand(self.n, 1, generator=self.generator) * 0.45
        gap = 0.35 + torch.rand(self.n, 1, generator=self.generator) * 0.2
        swap = torch.rand(self.n, 1, generator=self.generator) < 0.5
        tint = (torch.rand(2, self.n, 3, generator=self.generator) - 0.5) * 0.3
        dark, bright = light + tint[0], light + gap + tint[1]
        return torch.where(swap, dark, bright), torch.where(swap, bright, dark)

    def scenery(self, background: Tensor, things: int = 3) -> Tensor:
        """Boxes and discs before a background n×3, never far from its brightness: n×3×size×size."""
        image = background.view(self.n, 3, 1, 1)
        for draw in (self.box, self.disc) * things:
            x, y, extent = self.number(-1.2, 1.2), self.number(-1.2, 1.2), self.number(0.1, 0.5)
            thing = draw(x, y, extent, self.number(0.3, 1.5))
            tint = _uniform((self.n, 3, 1, 1), -0.15, 0.15, self.generator)
            image = torch.where(
                thing.unsqueeze(1) < 0, background.view(self.n, 3, 1, 1) + tint, image
            )
        return image

    def paint(self, shape: Tensor, colour, background, texture: float, noise: float) -> Tensor:
        """The shape in its colour on its background, with smooth cloth and pixel noise: uint8
        n×C×size×size."""
        inside = torch.sigmoid(-shape * 24).unsqueeze(1)
        colour = colour.reshape(self.n, -1, 1, 1)
        if isinstance(background, Tensor) and background.ndim == 2:
            background = background.view(self.n, -1, 1, 1)
        channels = colour.shape[1]
        coarse = torch.rand(2 * self.n, 1, 5, 5, generator=self.generator) - 0.5
        cloth, clouds = F.interpolate(
            coarse, self.size, mode="bilinear", align_corners=False
        ).split(self.n)
        image = inside * (colour + texture * cloth) + (1 - inside) * (
            background + texture * clouds * (channels > 1)
        )
        image = image + noise * torch.randn(
            self.n, channels, self.size, self.size, generator=self.generator
        )
        return (image.clamp(0, 1) * 255).round().to(torch.uint8)


def union(*shapes: Tensor) -> Tensor:
    """All that lies in any of the shapes."""
    result = shapes[0]
    for shape in shapes[1:]:
        result = torch.minimum(result, shape)
    return result


def without(shape: Tensor, hole: Tensor) -> Tensor:
    """What lies in the shape but not in the hole."""
    return torch.maximum(shape, -hole)


def _shirt(p: _Canvas, sleeve: float, half=0.42) -> Tensor:
    body = p.taper(-0.75, 0.8, half, half)
    arms = union(
        *(p.box(side * (half + 0.13), -0.75 + sleeve / 2, 0.26, sleeve) for side in (-1, 1))
    )
    return without(union(body, arms), p.disc(0, -0.8, 0.16))


# One drawing a class, in the order of Fashion-MNIST's labels.
_CLOTHES = (
    lambda p: _shirt(p, 0.5),  # T-shirt/top
    lambda p: without(p.taper(-0.85, 0.85, 0.3, 0.4), p.taper(-0.4, 0.95, 0.02, 0.16)),  # Trouser
    lambda p: _shirt(p, 1.4),  # Pullover
    lambda p: p.taper(-0.85, 0.85, p.number(0.16, 0.26), p.number(0.4, 0.55)),  # Dress
    lambda p: without(_shirt(p, 1.5, 0.46), p.box(0, 0.1, 0.07, 1.9)),  # Coat
    lambda p: union(
        p.box(0, 0.45, 1.6, 0.14),
        p.box(0.6, 0.15, 0.12, 0.6),
        p.box(-0.4, 0.25, 0.12, 0.4),
        p.box(0.1, 0.2, 0.1, 0.5),
    ),  # Sandal
    lambda p: without(
        _shirt(p, 1.4), union(*(p.disc(0, y, 0.06) for y in (-0.4, 0.0, 0.4)))
    ),  # Shirt
    lambda p: union(
        p.box(0, 0.4, 1.7, 0.25), p.disc(-0.45, 0.2, 0.25, 1.6), p.box(0.5, 0.1, 0.6, 0.5)
    ),  # Sneaker
    lambda p: union(
        p.box(0, 0.25, 1.5, 0.9), without(p.disc(0, -0.25, 0.45), p.disc(0, -0.25, 0.32))
    ),  # Bag
    lambda p: union(
        p.box(0, 0.5, 1.6, 0.3), p.disc(-0.4, 0.3, 0.25, 1.6), p.box(0.45, -0.2, 0.6, 1.3)
    ),  # Ankle boot
)


def _animal(p: _Canvas, stretch, head, feet, leg_width) -> Tensor:
    """A body, a head before it (x, y, radius), and four legs that end at y = feet."""
    trunk = p.disc(0.05, 0.0, 0.32, stretch)
    return union(trunk, p.disc(*head), p.legs((-0.35, -0.2, 0.3, 0.45), 0.1, feet, leg_width))


# One drawing a class, in the order of CIFAR-10's labels.
_OBJECTS = (
    lambda p: union(
        p.disc(0, 0, 0.16, 5.0), p.box(0.1, 0, 0.25, 1.5), p.box(0.65, -0.15, 0.15, 0.5)
    ),  # airplane
    lambda p: union(
        p.box(0, 0.2, 1.6, 0.35),
        p.disc(0.05, 0.05, 0.38, 1.4),
        p.disc(-0.5, 0.42, 0.2),
        p.disc(0.5, 0.42, 0.2),
    ),  # automobile
    lambda p: union(
        p.disc(0, 0.1, 0.3, 1.6),
        p.disc(-0.5, -0.25, 0.2),
        p.box(-0.75, -0.22, 0.22, 0.07),
        p.legs((0.0, 0.15), 0.3, 0.8, 0.06),
    ),  # bird
    lambda p: union(
        p.disc(0, 0.1, 0.55), p.box(-0.38, -0.45, 0.2, 0.45), p.box(0.38, -0.45, 0.2, 0.45)
    ),  # cat
    lambda p: union(
        _animal(p, 1.5, (-0.6, -0.35, 0.17), 0.95, 0.08),
        p.legs((-0.72, -0.55), -0.95, -0.4, 0.06),
        p.box(-0.5, -0.15, 0.15, 0.4),
    ),  # deer
    lambda p: union(
        _animal(p, 1.8, (-0.6, -0.2, 0.28), 0.6, 0.14),
        p.box(-0.45, 0.0, 0.14, 0.4),
        p.box(0.65, -0.3, 0.08, 0.5),
    ),  # dog
    lambda p: union(
        p.disc(0, 0.25, 0.45, 1.5), p.disc(-0.35, -0.25, 0.22), p.disc(0.35, -0.25, 0.22)
    ),  # frog
    lambda p: union(
        _animal(p, 2.0, (-0.85, -0.6, 0.16), 0.85, 0.1), p.box(-0.65, -0.3, 0.25, 0.6)
    ),  # horse
    lambda p: union(
        p.taper(0.25, 0.65, 0.9, 0.55),
        p.box(0, -0.25, 0.09, 1.1),
        without(p.box(0.3, -0.3, 0.6, 0.8), p.box(0.3, 0.1, 0.7, 0.1)),
    ),  # ship
    lambda p: union(
        p.box(0.2, -0.15, 1.2, 0.9),
        p.box(-0.6, 0.05, 0.4, 0.5),
        p.disc(-0.5, 0.42, 0.17),
        p.disc(0.1, 0.42, 0.17),
        p.disc(0.55, 0.42, 0.17),
    ),  # truck
)


def scene(
    counts: Sequence[int], wavelengths: np.ndarray, side: int = 145, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """A made-up hyperspectral scene of side×side pixels: cube uint16 side×side×B, labels int64
    side×side, 0 = unlabelled.

    The classes are as unequal as ``counts`` (made smaller in proportion where they would cover more
    than half of the scene, but never below 10 pixels), the bands lie at ``wavelengths`` in nm.
    Every class has a spectrum between bare soil and green leaves with absorptions of its own, and
    grows in rectangular fields, none quite like the other; at the edges the spectra mix, the light
    changes slowly over the scene, and every value is noisy.
    """
    random = np.random.default_rng(seed)
    counts = np.maximum(np.array(counts) * min(1, side * side / 2 / sum(counts)), 10).astype(int)
    number_of_fields = np.clip(counts // 150, 2, 6)
    areas = [counts[k] / n for k, n in enumerate(number_of_fields) for _ in range(n)]
    classes = np.repeat(np.arange(1, len(counts) + 1), number_of_fields)
    fallow = 40  # fields of which nothing is known
    areas += [(side * side - counts.sum()) / fallow] * fallow
    classes = np.concatenate([classes, np.zeros(fallow, dtype=int)])
    order = random.permutation(len(areas))
    fields = _fields(0, 0, side, side, [(areas[i], i) for i in order])

    soil, leaves = _soil_and_leaves(wavelengths)
    library = np.stack(
        [_material(wavelengths, soil, leaves, random) for _ in range(len(counts) + 1)]
    )
    labels, reflectance = (
        np.zeros((side, side), dtype=int),
        np.empty((side, side, len(wavelengths))),
    )
    for top, left, bottom, right, i in fields:
        grown = library[classes[i] or random.integers(len(library))]
        cover = random.uniform(0.75, 1.0)  # the rest is bare soil
        own = 1 + 0.03 * _bumps(wavelengths, 3, 150, random)
        labels[top:bottom, left:right] = classes[i]
        reflectance[top:bottom, left:right] = (
            (cover * grown + (1 - cover) * soil) * own * random.uniform(0.92, 1.08)
        )
    for k, count in enumerate(counts, 1):  # rounding made some fields too large
        labels.flat[np.flatnonzero(labels == k)[count:]] = 0
    reflectance = torch.from_numpy(reflectance).permute(2, 0, 1)[None]
    reflectance = (
        F.avg_pool2d(F.pad(reflectance, (1, 1, 1, 1), mode="replicate"), 3, stride=1)[0]
        .permute(1, 2, 0)
        .numpy()
    )
    light = F.interpolate(
        torch.from_numpy(random.uniform(0.85, 1.15, (1, 1, 5, 5))),
        side,
        mode="bicubic",
        align_corners=True,
    )[0, 0, :, :, None].numpy()
    noisy = reflectance * light * (
        1 + 0.01 * random.standard_normal(reflectance.shape)
    ) + 0.025 * random.standard_normal(reflectance.shape)
    return (10_000 * noisy).clip(0, 65_535).astype(np.uint16), labels


def _fields(
    top: int, left: int, bottom: int, right: int, areas: list[tuple[float, int]]
) -> list[tuple[int, ...]]:
    """Divide a rectangle into one for each (area, number), again and again across its longer
    side."""
    if len(areas) == 1:
        return [(top, left, bottom, right, areas[0][1])]
    half = len(areas) // 2
    share = sum(area for area, _ in areas[:half]) / sum(area for area, _ in areas)
    if bottom - top > right - left:
        cut = top + min(max(round(share * (bottom - top)), 1), bottom - top - 1)
        return _fields(top, left, cut, right, areas[:half]) + _fields(
            cut, left, bottom, right, areas[half:]
        )
    cut = left + min(max(round(share * (right - left)), 1), right - left - 1)
    return _fields(top, left, bottom, cut, areas[:half]) + _fields(
        top, cut, bottom, right, areas[half:]
    )


def _bumps(
    wavelengths: np.ndarray, n: int, width: float, random: np.random.Generator
) -> np.ndarray:
    """The sum of n bells of either sign, height 1 and about this width in nm."""
    centres, widths = (
        random.uniform(wavelengths[0], wavelengths[-1], (n, 1)),
        width * random.uniform(0.5, 1.5, (n, 1)),
    )
    return (
        random.choice([-1, 1], (n, 1)) * np.exp(-(((wavelengths - centres) / widths) ** 2))
    ).sum(0)


def _soil_and_leaves(wavelengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two reflectances: soil rises slowly; leaves are green, dark in red and bright in the
    infrared; water absorbs."""

    def dip(centre: float, width: float, depth: float) -> np.ndarray:
        return 1 - depth * np.exp(-(((wavelengths - centre) / width) ** 2))

    soil = 0.12 + 0.25 * (1 - np.exp(-(wavelengths - 400) / 900))
    soil = soil * dip(1400, 60, 0.15) * dip(1930, 70, 0.25) * dip(2200, 30, 0.12)
    red_edge = 1 / (1 + np.exp(-(wavelengths - 715) / 15))
    green = 0.05 + 0.06 * np.exp(-(((wavelengths - 550) / 40) ** 2))
    infrared = (
        0.5 * dip(970, 40, 0.1) * dip(1200, 50, 0.15) * dip(1450, 90, 0.6) * dip(1940, 110, 0.75)
    )
    infrared = infrared * np.exp(-np.maximum(wavelengths - 1300, 0) / 1800)
    return soil, green * (1 - red_edge) + infrared * red_edge


def _material(
    wavelengths: np.ndarray, soil: np.ndarray, leaves: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """A spectrum between soil and leaves, with three absorptions or reflections of its own."""
    green = random.uniform(0.2, 0.9)
    return (green * leaves + (1 - green) * soil) * (1 + 0.1 * _bumps(wavelengths, 3, 60, random))


def grey_photos(part: str) -> dict[str, Tensor]:
    """Photos that scikit-learn and scikit-image bring along, in grey, by name: uint8 H×W, the
    shorter side 180 pixels.

    ``part`` "train" has eight of them, "test" four others. They are made smaller with antialiasing,
    so that little of the cameras' own noise is left.
    """
    from skimage import color, data, transform
    from sklearn.datasets import load_sample_image

    photos = {
        "train": {
            "china": load_sample_image,
            "flower": load_sample_image,
            "astronaut": data.astronaut,
            "coffee": data.coffee,
            "rocket": data.rocket,
            "brick": data.brick,
            "gravel": data.gravel,
            "moon": data.moon,
        },
        "test": {
            "camera": data.camera,
            "chelsea": data.chelsea,
            "coins": data.coins,
            "grass": data.grass,
        },
    }[part]
    made = {}
    for name, get in photos.items():
        photo = get(f"{name}.jpg") if get is load_sample_image else get()
        grey = color.rgb2gray(photo) if photo.ndim == 3 else photo / 255
        shape = [round(side * 180 / min(grey.shape)) for side in grey.shape]
        small = transform.resize(grey, shape, anti_aliasing=True)
        made[name] = torch.from_numpy((small * 255).round().clip(0, 255).astype(np.uint8))
    return made


def pairs(words: int = 80, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, int]:
    """Two views of scikit-learn's 1,797 handwritten digits of 8×8 pixels (UCI, Alpaydin and Kaynak
    1998).

    The "image" is the 64 pixels, 0 … 1. The "text" is a bag of ``words`` words about the strokes: a
    word says in which quarter a piece of an edge lies and in which of eight directions it runs (32
    words in all), and the words of a digit are drawn from its edges, strong ones more often.
    Returns image float N×64, text float N×32 (the shares of the words), labels int64 N and the
    number of those that are for training: the first 1,400.
    """
    from sklearn.datasets import load_digits

    source = load_digits()
    image = torch.from_numpy(source.images / 16.0).float()
    padded = F.pad(image.unsqueeze(1), (1, 1, 1, 1)).squeeze(1)
    across, down = (
        padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2],
        padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1],
    )
    direction = ((torch.atan2(down, across) / (2 * math.pi) % 1) * 8).round().long() % 8
    quarter = 2 * (torch.arange(8) // 4).view(8, 1) + torch.arange(8) // 4
    word = (8 * quarter + direction).flatten(1)
    shares = torch.zeros(len(image), 32).scatter_add_(1, word, torch.hypot(across, down).flatten(1))
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.multinomial(shares, words, replacement=True, generator=generator)
    text = torch.zeros(len(image), 32).scatter_add_(1, drawn, torch.ones(drawn.shape)) / words
    return image.flatten(1), text, torch.from_numpy(source.target).long(), 1_400
