"""Small made-up data sets that stand in for the real ones where there is no network.

Each function but ``scene``, ``grey_photos`` and ``pairs`` returns ``(train_images, train_labels,
test_images, test_labels)``: uint8 tensors N×C×H×W with the image shape and the classes of the real
set, int64 labels, every class equally often up to one image. The same seed gives the same pixels.
What lies in the test part was not seen in the training part: other originals, other objects, other
noise.
"""

import math
from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

Arrays = tuple[Tensor, Tensor, Tensor, Tensor]


def digits(train: int = 20_000, test: int = 4_000, seed: int = 0) -> Arrays:
    """28×28 grey digits: scikit-learn's 1,797 real handwritten ones of 8×8 pixels (UCI, Alpaydin
    and Kaynak 1998), enlarged, shifted by up to 3 pixels, rotated by up to 15° and scaled by up to
    15 %.

    Each of the 1,797 appears in the training part or in the test part, never in both (a writer may
    be in both).
    """
    generator = torch.Generator().manual_seed(seed)
    originals, targets, cut = _handwritten()

    def part(n: int, originals: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        labels = _balanced(n, 10, generator)
        chosen = torch.empty_like(labels)
        for digit in range(10):
            (candidates,), (places,) = (torch.where(y == digit) for y in (targets, labels))
            drawn = torch.randint(len(candidates), (len(places),), generator=generator)
            chosen[places] = candidates[drawn]
        angle = _uniform(n, -15, 15, generator) * math.pi / 180
        # 28 pixels show 8 / 0.72 pixels of the original: the digit fills about 20×20 as in MNIST.
        zoom = _uniform(n, 0.85, 1.15, generator) / 0.72
        right, down = _uniform((2, n), -3 / 14, 3 / 14, generator) * zoom
        cos, sin = angle.cos() * zoom, angle.sin() * zoom
        matrix = torch.stack([cos, -sin, right, sin, cos, down], dim=1).view(n, 2, 3)
        grid = F.affine_grid(matrix, [n, 1, 28, 28], align_corners=False)
        small = originals[chosen].unsqueeze(1)
        return _uint8(F.grid_sample(small, grid, mode="bicubic", align_corners=False)), labels

    return *part(train, originals[:cut], targets[:cut]), *part(test, originals[cut:], targets[cut:])


def clothing(train: int = 12_000, test: int = 2_000, seed: int = 0) -> Arrays:
    """28×28 grey drawings in Fashion-MNIST's ten classes, of any size, place, cut and cloth."""
    style = {"scale": (0.85, 1.1), "shift": 0.12, "angle": 8, "texture": 0.25, "noise": 0.04}
    return _drawn(train, test, seed, _CLOTHES.values(), 1, 28, _Canvas.grey_on_black, style)


def objects(train: int = 6_000, test: int = 2_000, seed: int = 0) -> Arrays:
    """32×32 colour drawings in the ten classes of CIFAR-10, at any place and size, half of them
    mirrored.

    Colours say nothing about the class, the backgrounds little: the shape has to be learned, as in
    the real set.
    """
    style = {"scale": (0.6, 1.1), "shift": 0.3, "angle": 15, "texture": 0.6, "noise": 0.12}
    return _drawn(train, test, seed, _OBJECTS.values(), 3, 32, _Canvas.contrasting_colours, style)


def pets(train: int = 600, test: int = 300, size: int = 128, seed: int = 0) -> Arrays:
    """Colour drawings of cats and dogs, size×size: the shapes of ``objects`` in more places, sizes,
    colours and company.

    They are large beside the number of drawings, and neither colour nor place nor what stands
    around says which animal it is: a handful of labels does not suffice, but who knows the shapes
    already does well.
    """
    style = {"scale": (0.5, 1.1), "shift": 0.35, "angle": 25, "texture": 0.6, "noise": 0.06}
    animals = _OBJECTS["cat"], _OBJECTS["dog"]
    return _drawn(train, test, seed, animals, 3, size, _Canvas.scenery, style, at_once=100)


def _drawn(train, test, seed, drawings, channels, size, colours, style, at_once=100_000) -> Arrays:
    """Both parts of a set with one drawing for each class, in these colours (a method of the
    canvas) and this style, those in colour mirrored or not; ``at_once`` are painted together."""
    generator = torch.Generator().manual_seed(seed)

    def part(n: int) -> tuple[Tensor, Tensor]:
        labels = _balanced(n, len(drawings), generator)
        images = torch.empty(n, channels, size, size, dtype=torch.uint8)
        for label, drawing in enumerate(drawings):
            for mine in torch.where(labels == label)[0].split(at_once):
                canvas = _Canvas(len(mine), size, generator, mirror=channels > 1, **style)
                images[mine] = canvas.paint(drawing, colours)
        return images, labels

    return *part(train), *part(test)


def _handwritten() -> tuple[Tensor, Tensor, int]:
    """scikit-learn's digits: float 1,797×8×8 in 0 … 1, their labels, how many are to learn from."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return torch.from_numpy(found.images / 16).float(), torch.from_numpy(found.target).long(), 1_400


def _balanced(n: int, classes: int, generator: torch.Generator) -> Tensor:
    """n labels, every class equally often up to one, in random order."""
    return (torch.arange(n) % classes)[torch.randperm(n, generator=generator)]


def _uniform(shape, low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator)


def _uint8(images: Tensor) -> Tensor:
    """Grey levels of numbers from 0, black, to 1, white."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)


class _Canvas:
    """n images of one class, drawn together.

    ``x`` and ``y`` are the coordinates of every pixel in each drawing's own system,
    n×1×size×size, about -1 … 1 with y downwards; ``scale`` (smallest, largest), ``shift``,
    ``angle`` (degrees) and ``mirror`` say how this may lie, ``texture`` and ``noise`` how strong
    cloth and grain are. A shape is a signed distance, negative inside.
    """

    def __init__(self, n, size, generator, *, scale, shift, angle, mirror, texture, noise):
        self.n, self.size, self.generator = n, size, generator
        self.texture, self.noise = texture, noise
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

    def number(self, low: float, high: float, channels: int = 1) -> Tensor:
        """One random number for each channel of each image, n×channels×1×1."""
        return _uniform((self.n, channels, 1, 1), low, high, self.generator)

    def draw(self, steps: str) -> Tensor:
        """A drawing in words: shapes united one after the other, or cut out ("without"). A shape
        is a method of those below, with its numbers."""
        drawing = torch.tensor(math.inf)
        for step in steps.split(", "):
            shape, *numbers = step.removeprefix("without ").split()
            distance = getattr(self, shape)(*map(float, numbers))
            if step.startswith("without"):
                drawing = torch.maximum(drawing, -distance)
            else:
                drawing = torch.minimum(drawing, distance)
        return drawing

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

    def bars(self, top, bottom, width, *places) -> Tensor:
        """Upright bars at these x."""
        middle, height = (top + bottom) / 2, bottom - top
        return reduce(torch.minimum, [self.box(x, middle, width, height) for x in places])

    def shirt(self, sleeve, half=0.42) -> Tensor:
        """A body ``half`` to each side, two sleeves of this length, and a neck cut out."""
        arms = f"bars -0.75 {sleeve - 0.75} 0.26 {-half - 0.13} {half + 0.13}"
        return self.draw(f"taper -0.75 0.8 {half} {half}, {arms}, without disc 0 -0.8 0.16")

    def dress(self) -> Tensor:
        """A trapezium whose widths differ from image to image."""
        return self.taper(-0.85, 0.85, self.number(0.16, 0.26), self.number(0.4, 0.55))

    def animal(self, stretch, x, y, head, feet, width) -> Tensor:
        """A body, a head of this radius at (x, y), and four legs that end at y = feet."""
        legs = f"bars 0.1 {feet} {width} -0.35 -0.2 0.3 0.45"
        return self.draw(f"disc 0.05 0 0.32 {stretch}, disc {x} {y} {head}, {legs}")

    def grey_on_black(self) -> tuple[Tensor, Tensor]:
        """Brightness of object and background for each image."""
        grey = self.number(0.45, 1.0)
        return grey, torch.zeros_like(grey)

    def contrasting_colours(self) -> tuple[Tensor, Tensor]:
        """Colours of object and background, n×3×1×1, at least 0.35 apart in brightness."""
        light, gap = self.number(0, 0.45), self.number(0.35, 0.55)
        swap = self.number(0, 1) < 0.5
        tint = (torch.rand(2, self.n, 3, 1, 1, generator=self.generator) - 0.5) * 0.3
        dark, bright = light + tint[0], light + gap + tint[1]
        return torch.where(swap, dark, bright), torch.where(swap, bright, dark)

    def scenery(self) -> tuple[Tensor, Tensor]:
        """The same, with three boxes and three discs in the background, n×3×size×size, never far
        from its brightness."""
        colour, background = self.contrasting_colours()
        image = background
        for shape in (self.box, self.disc) * 3:
            x, y, extent = self.number(-1.2, 1.2), self.number(-1.2, 1.2), self.number(0.1, 0.5)
            thing = shape(x, y, extent, self.number(0.3, 1.5))
            image = torch.where(thing < 0, background + self.number(-0.15, 0.15, 3), image)
        return colour, image

    def paint(self, drawing: str, colours: Callable[["_Canvas"], tuple[Tensor, Tensor]]) -> Tensor:
        """The drawing in its colour on its background, with smooth cloth and pixel noise: uint8
        n×C×size×size. A background in colour has its own cloth."""
        inside = torch.sigmoid(-24 * self.draw(drawing))
        colour, background = colours(self)
        coarse = torch.rand(2 * self.n, 1, 5, 5, generator=self.generator) - 0.5
        smooth = F.interpolate(coarse, self.size, mode="bilinear", align_corners=False)
        cloth, clouds = smooth.split(self.n)
        if colour.shape[1] > 1:
            background = background + self.texture * clouds
        image = inside * (colour + self.texture * cloth) + (1 - inside) * background
        # grain of its own: what is drawn next must not depend on how many pixels there are
        seed = torch.randint(2**62, (), generator=self.generator).item()
        grain = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
        return _uint8(image + self.noise * grain)


# One drawing a class (see ``_Canvas.draw``), in the order of Fashion-MNIST's labels.
_CLOTHES = {
    "T-shirt/top": "shirt 0.5",
    "Trouser": "taper -0.85 0.85 0.3 0.4, without taper -0.4 0.95 0.02 0.16",
    "Pullover": "shirt 1.4",
    "Dress": "dress",
    "Coat": "shirt 1.5 0.46, without box 0 0.1 0.07 1.9",
    "Sandal": "box 0 0.45 1.6 0.14, box 0.6 0.15 0.12 0.6, box -0.4 0.25 0.12 0.4, "
    "box 0.1 0.2 0.1 0.5",
    "Shirt": "shirt 1.4, without disc 0 -0.4 0.06, without disc 0 0 0.06, without disc 0 0.4 0.06",
    "Sneaker": "box 0 0.4 1.7 0.25, disc -0.45 0.2 0.25 1.6, box 0.5 0.1 0.6 0.5",
    "Bag": "disc 0 -0.25 0.45, without disc 0 -0.25 0.32, box 0 0.25 1.5 0.9",
    "Ankle boot": "box 0 0.5 1.6 0.3, disc -0.4 0.3 0.25 1.6, box 0.45 -0.2 0.6 1.3",
}

# In the order of CIFAR-10's labels.
_OBJECTS = {
    "airplane": "disc 0 0 0.16 5, box 0.1 0 0.25 1.5, box 0.65 -0.15 0.15 0.5",
    "automobile": "box 0 0.2 1.6 0.35, disc 0.05 0.05 0.38 1.4, "
    "disc -0.5 0.42 0.2, disc 0.5 0.42 0.2",
    "bird": "disc 0 0.1 0.3 1.6, disc -0.5 -0.25 0.2, "
    "box -0.75 -0.22 0.22 0.07, bars 0.3 0.8 0.06 0 0.15",
    "cat": "disc 0 0.1 0.55, box -0.38 -0.45 0.2 0.45, box 0.38 -0.45 0.2 0.45",
    "deer": "animal 1.5 -0.6 -0.35 0.17 0.95 0.08, "
    "bars -0.95 -0.4 0.06 -0.72 -0.55, box -0.5 -0.15 0.15 0.4",
    "dog": "animal 1.8 -0.6 -0.2 0.28 0.6 0.14, box -0.45 0 0.14 0.4, box 0.65 -0.3 0.08 0.5",
    "frog": "disc 0 0.25 0.45 1.5, disc -0.35 -0.25 0.22, disc 0.35 -0.25 0.22",
    "horse": "animal 2 -0.85 -0.6 0.16 0.85 0.1, box -0.65 -0.3 0.25 0.6",
    "ship": "box 0.3 -0.3 0.6 0.8, without box 0.3 0.1 0.7 0.1, "
    "taper 0.25 0.65 0.9 0.55, box 0 -0.25 0.09 1.1",
    "truck": "box 0.2 -0.15 1.2 0.9, box -0.6 0.05 0.4 0.5, "
    "disc -0.5 0.42 0.17, disc 0.1 0.42 0.17, disc 0.55 0.42 0.17",
}


def scene(
    counts: Sequence[int], wavelengths: np.ndarray | None, side: int = 145, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """A made-up hyperspectral scene of side×side pixels: cube uint16 side×side×B, labels int64
    side×side, 0 = unlabelled.

    The classes are as unequal as ``counts`` (made smaller in proportion where they would cover more
    than half of the scene, but never below 10 pixels), the bands lie at ``wavelengths``, by
    default 200 from 400 to 2500 nm. Every class has a spectrum between soil and green leaves with
    absorptions of its own, and grows in rectangular fields, none quite like the other; at the edges
    the spectra mix, the light changes slowly over the scene, and every value is noisy.
    """
    random = np.random.default_rng(seed)
    wavelengths = np.linspace(400, 2500, 200) if wavelengths is None else wavelengths
    counts = np.maximum(np.array(counts) * min(1, side * side / 2 / sum(counts)), 10).astype(int)
    number_of_fields = np.clip(counts // 150, 2, 6)
    fallow = 40  # fields of which nothing is known
    areas = [*np.repeat(counts / number_of_fields, number_of_fields)]
    areas += [(side * side - counts.sum()) / fallow] * fallow
    classes = [*np.repeat(np.arange(1, len(counts) + 1), number_of_fields)] + [0] * fallow
    order = random.permutation(len(areas))
    field_of = np.empty((side, side), dtype=int)
    _lay_out(field_of, [(areas[i], i) for i in order])

    soil, leaves = _soil_and_leaves(wavelengths)
    spectra = []
    for _ in range(len(counts) + 1):
        green = random.uniform(0.2, 0.9)
        own = 1 + 0.1 * _bumps(wavelengths, 3, 60, random)  # absorptions or reflections
        spectra.append((green * leaves + (1 - green) * soil) * own)
    labels = np.array(classes)[field_of]
    reflectance = np.empty((side, side, len(wavelengths)))
    for i in order:
        grown = spectra[classes[i] or random.integers(len(spectra))]
        cover = random.uniform(0.75, 1.0)  # the rest is bare soil
        own = 1 + 0.03 * _bumps(wavelengths, 3, 150, random)
        seen = (cover * grown + (1 - cover) * soil) * own * random.uniform(0.92, 1.08)
        reflectance[field_of == i] = seen
    for k, count in enumerate(counts, 1):  # rounding made some fields too large
        labels.flat[np.flatnonzero(labels == k)[count:]] = 0

    light = torch.from_numpy(random.uniform(0.85, 1.15, (1, 1, 5, 5)))  # changes slowly
    light = F.interpolate(light, side, mode="bicubic", align_corners=True)[0, 0, :, :, None].numpy()
    lit = _blurred(reflectance) * light
    lit = lit * (1 + 0.01 * random.standard_normal(lit.shape))
    noisy = lit + 0.025 * random.standard_normal(lit.shape)
    return (10_000 * noisy).clip(0, 65_535).astype(np.uint16), labels


def _lay_out(place: np.ndarray, fields: list[tuple[float, int]]) -> None:
    """Write the number of each field (area, number) into its share of a place, which is divided
    again and again across its longer side."""
    if len(fields) == 1:
        place[:] = fields[0][1]
        return
    halves = fields[: len(fields) // 2], fields[len(fields) // 2 :]
    share = sum(area for area, _ in halves[0]) / sum(area for area, _ in fields)
    axis = 0 if place.shape[0] > place.shape[1] else 1
    cut = min(max(round(share * place.shape[axis]), 1), place.shape[axis] - 1)
    for part, half in zip(np.split(place, [cut], axis), halves):
        _lay_out(part, half)


def _blurred(cube: np.ndarray) -> np.ndarray:
    """Each value the mean of the 3×3 pixels around it."""
    bands = torch.from_numpy(cube).permute(2, 0, 1)[None]
    means = F.avg_pool2d(F.pad(bands, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return means[0].permute(1, 2, 0).numpy()


def _bumps(wavelengths: np.ndarray, n: int, width: float, random) -> np.ndarray:
    """The sum of n bells of either sign, height 1 and about this width in nm."""
    centres = random.uniform(wavelengths[0], wavelengths[-1], (n, 1))
    widths = width * random.uniform(0.5, 1.5, (n, 1))
    signs = random.choice([-1, 1], (n, 1))
    return (signs * np.exp(-(((wavelengths - centres) / widths) ** 2))).sum(0)


def _soil_and_leaves(wavelengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two reflectances: soil rises slowly; leaves are green, dark in red and bright in the
    infrared; water absorbs."""

    def dip(centre: float, width: float, depth: float) -> np.ndarray:
        return 1 - depth * np.exp(-(((wavelengths - centre) / width) ** 2))

    soil = 0.12 + 0.25 * (1 - np.exp(-(wavelengths - 400) / 900))
    soil = soil * dip(1400, 60, 0.15) * dip(1930, 70, 0.25) * dip(2200, 30, 0.12)
    red_edge = 1 / (1 + np.exp(-(wavelengths - 715) / 15))
    green = 0.05 + 0.06 * np.exp(-(((wavelengths - 550) / 40) ** 2))
    infrared = 0.5 * dip(970, 40, 0.1) * dip(1200, 50, 0.15)
    infrared = infrared * dip(1450, 90, 0.6) * dip(1940, 110, 0.75)
    infrared = infrared * np.exp(-np.maximum(wavelengths - 1300, 0) / 1800)
    return soil, green * (1 - red_edge) + infrared * red_edge


def grey_photos(part: str) -> dict[str, Tensor]:
    """Photos that scikit-learn and scikit-image bring along, in grey, by name: uint8 H×W, the
    shorter side 180 pixels.

    ``part`` "train" has eight of them, "test" four others. They are made smaller with antialiasing,
    so that little of the cameras' own noise is left.
    """
    from skimage import color, data, transform
    from sklearn.datasets import load_sample_image

    train = "china flower astronaut coffee rocket brick gravel moon"
    names, made = {"train": train, "test": "camera chelsea coins grass"}[part], {}
    for name in names.split():
        ours = name in ("china", "flower")  # those of scikit-learn
        photo = load_sample_image(f"{name}.jpg") if ours else getattr(data, name)()
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
    image, labels, cut = _handwritten()
    padded = F.pad(image, (1, 1, 1, 1))
    across = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    down = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    direction = ((torch.atan2(down, across) / (2 * math.pi) % 1) * 8).round().long() % 8
    quarter = 2 * (torch.arange(8) // 4).view(8, 1) + torch.arange(8) // 4
    word = (8 * quarter + direction).flatten(1)
    shares = torch.zeros(len(image), 32).scatter_add_(1, word, torch.hypot(across, down).flatten(1))
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.multinomial(shares, words, replacement=True, generator=generator)
    text = torch.zeros(len(image), 32).scatter_add_(1, drawn, torch.ones(drawn.shape)) / words
    return image.flatten(1), text, labels, cut
