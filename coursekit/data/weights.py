"""Weights that somebody trained before: fetched once, checked, put into the model they fit."""

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import WeightsEnum

from ..engine.settings import data_folder
from ..engine.text import times
from .download import DataError, File, check_hash, obtain


def load_weights(
    model: nn.Module,
    weights: WeightsEnum | str | Path,
    *,
    sha256: str = "",
    without: str | Sequence[str] = (),
) -> None:
    """Fill the model with trained weights: all of them fit, or nothing is changed.

    ``weights`` is a member of one of torchvision's enums, as in ``ResNet34_Weights.IMAGENET1K_V1``
    (downloaded once into ``weights/`` of the data folder, its hash checked by the digits in its
    name), or the file of a state_dict, whose hash must begin with ``sha256``. ``without`` names the
    part or parts that the model keeps as they are, as ``"fc"``: a head for other classes. How many
    batches a normalisation has seen (``num_batches_tracked``) may be missing, as in torchvision's
    older files.

    Raises ``DataError`` for a missing or damaged file and for weights of another architecture,
    ``ConnectionError`` when the file cannot be downloaded, ``ValueError`` when the model has no
    part with a name in ``without``.
    """
    sha256 = sha256.strip().lower()  # Windows gives it in capitals
    if isinstance(weights, WeightsEnum):
        name = weights.url.rsplit("/", 1)[-1]
        known_hash = f"sha256:{sha256 or _hash_in_name(name)}"
        path = data_folder() / "weights" / name
        size = int(weights.meta.get("_file_size", 0) * 2**20)  # rounded to thousandths
        size = size and size + 1024
        obtain([File(f"weights/{name}", (weights.url,), known_hash, size)], f"weights/{name}")
    else:
        path = Path(weights)
        if not path.is_file():
            raise DataError(f"there is no file of weights {path.name}")
        if sha256:
            check_hash(path, f"sha256:{sha256}", "sha256=")
    own = model.state_dict()
    without = [without] if isinstance(without, str) else without
    for part in without:
        if len(_outside([part], own)) == len(own):
            parts = ", ".join(name for name, _ in model.named_children())
            raise ValueError(f"the model has no part {part!r} to leave out; its parts are {parts}")
    given, wanted = _outside(without, _read(path)), _outside(without, own)
    for name, value in wanted.items():
        if name.endswith("num_batches_tracked"):
            given.setdefault(name, value)
    if misfit := _misfit(given, wanted):
        raise DataError(f"{path.name} does not fit this {type(model).__name__}: {misfit}")
    model.load_state_dict({**own, **given})


def _outside(parts: Sequence[str], tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that lie in none of these parts of a model."""
    inside = tuple(f"{part}." for part in parts)
    return {name: x for name, x in tensors.items() if not f"{name}.".startswith(inside)}


def _hash_in_name(name: str) -> str:
    """The first digits of the sha256, where torch.hub has them too: resnet34-b627a593.pth. Raises
    ``ValueError`` when there are none, for what is downloaded is checked."""
    if not (found := re.search(r"-([0-9a-f]{8,64})\.[a-z]+$", name)):
        raise ValueError(f"{name} has no hash in its name: give the one of the file with sha256=")
    return found[1]


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file of weights; nothing in the file is executed."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load has no common class for what is wrong with a file
        size = f"{path.stat().st_size / 1e6:.1f} MB"
        what = f"{path.name} ({size}) is truncated or not a file of weights"
        raise DataError(f"{what}: fetch it again, nothing was changed") from error
    if not isinstance(state, dict):
        held = type(state).__name__
    elif not all(isinstance(x, Tensor) and isinstance(name, str) for name, x in state.items()):
        held = ", ".join(map(str, state))[:80]
    elif not state:
        held = "nothing"
    elif odd := [n for n, x in state.items() if x.layout != torch.strided or x.is_quantized]:
        held = f"{odd[0]} in a form that is not dense"
    elif bad := [n for n, x in state.items() if not _finite(x)]:
        held = f"{bad[0]} with values that are not finite"
    else:
        return state
    raise DataError(f"{path.name} holds no state_dict, a tensor for each name, but: {held}")


def _finite(x: Tensor) -> bool:
    """Whether no number is NaN or infinite; one of 8 bits is compared as one of 32."""
    x = x.float() if x.element_size() == 1 else x
    return x.is_meta or bool(x.isfinite().all())


def _misfit(given: dict[str, Tensor], wanted: dict[str, Tensor]) -> str:
    """What is missing, what is left over and what has another shape, counted; empty if all fits."""
    missing, extra = [n for n in wanted if n not in given], [n for n in given if n not in wanted]
    both = [n for n in wanted if n in given]
    reshaped = [n for n in both if wanted[n].shape != given[n].shape]
    retyped = [n for n in both if _kind(wanted[n]) != _kind(given[n])]
    faults = []
    if missing:
        count = f"{len(missing)} of the model's {len(wanted)} tensors"
        faults.append(f"{count} are missing (first: {missing[0]})")
    if extra:
        count = f"{len(extra)} of the file's {len(given)}"
        faults.append(f"{count} have no place in the model (first: {extra[0]})")
    if reshaped:
        there, here = (times(tensors[reshaped[0]].shape) for tensors in (given, wanted))
        shapes = f"{there or 'one number'} in the file, {here or 'one number'} here"
        faults.append(f"{len(reshaped)} have another shape (first: {reshaped[0]}, {shapes})")
    if retyped:
        kinds = f"{given[retyped[0]].dtype} in the file, {wanted[retyped[0]].dtype} here"
        faults.append(f"{len(retyped)} hold other numbers (first: {retyped[0]}, {kinds})")
    parts = {name.split(".")[0] for name in missing + extra + reshaped + retyped}
    advice = f"; without=({parts.pop()!r},) leaves this part as it is" if len(parts) == 1 else ""
    return f"{'; '.join(faults)}. Nothing was changed{advice}" if faults else ""


def _kind(tensor: Tensor) -> tuple[bool, bool, bool]:
    """Real, complex or whole numbers, and whether there are any (``meta`` holds none)."""
    return tensor.is_floating_point(), tensor.is_complex(), tensor.is_meta
