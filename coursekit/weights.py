"""Weights that somebody trained before: fetched once, checked, and put only into the model they
belong to."""

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import WeightsEnum

from . import lab
from .download import DataError, check_hash, fetch


def load_weights(
    model: nn.Module,
    weights: WeightsEnum | str | Path,
    *,
    sha256: str = "",
    without: Sequence[str] = (),
) -> None:
    """Fill the model with trained weights: all of them fit, or nothing is changed.

    ``weights`` is a member of one of torchvision's enums, as in ``ResNet34_Weights.IMAGENET1K_V1``
    (downloaded once into ``weights/`` of the data folder, its hash checked by the digits in its
    name), or the file of a state_dict, whose hash must begin with ``sha256``. ``without`` names
    parts that the model keeps as they are, as ``("fc",)``: a head for other classes. How many
    batches a normalisation has seen (``num_batches_tracked``) may be missing, as in torchvision's
    older files.

    Raises ``DataError`` for a missing or damaged file and for weights of another architecture,
    ``ConnectionError`` when the file cannot be downloaded, ``ValueError`` when the model has no
    part with a name in ``without``.
    """
    if isinstance(weights, WeightsEnum):
        path = lab.data_folder() / "weights" / weights.url.rsplit("/", 1)[-1]
        sha256 = sha256 or _hash_in_name(path)
        if not path.exists():
            if lab.offline():
                raise ConnectionError(
                    f"{path.name} is not in weights/ of the data folder, and COURSEKIT_OFFLINE forbids the "
                    "network"
                )
            fetch([weights.url], path, f"sha256:{sha256}")
    else:
        path = Path(weights)
    given, own = _read(path, sha256), model.state_dict()
    for part in without:
        if not any(_inside(name, part) for name in own):
            raise ValueError(
                f"the model has no part {part!r} to leave as it is; its parts are "
                f"{', '.join(name for name, _ in model.named_children())}"
            )
    given, wanted = (
        {
            name: value
            for name, value in tensors.items()
            if not any(_inside(name, part) for part in without)
        }
        for tensors in (given, own)
    )
    given = {
        name: value for name, value in wanted.items() if name.endswith("num_batches_tracked")
    } | given
    _check_fit(path, model, given, wanted)
    model.load_state_dict({**own, **given})


def _inside(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


def _hash_in_name(path: Path) -> str:
    """The first digits of the sha256, which torch.hub expects at the end of a file's name:
    resnet34-b627a593.pth.

    Raises ``ValueError`` when there are none, for what is downloaded is checked.
    """
    found = re.search(r"-([0-9a-f]{8,64})\.[a-z]+$", path.name)
    if not found:
        raise ValueError(
            f"{path.name} has no hash in its name: give the one of the file with sha256="
        )
    return found[1]


def _read(path: Path, sha256: str) -> dict[str, Tensor]:
    """The tensors of a file of weights; nothing in the file is executed."""
    if not path.is_file():
        raise DataError(f"there is no file of weights {path.name}")
    if sha256:
        check_hash(path, f"sha256:{sha256}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load has no common class for what is wrong with a file
        raise DataError(
            f"{path.name} ({path.stat().st_size / 1e6:.1f} MB) is truncated or not a file of weights: "
            "fetch it again, nothing was changed"
        ) from error
    if (
        not isinstance(state, dict)
        or not state
        or not all(isinstance(value, Tensor) for value in state.values())
    ):
        held = ", ".join(map(str, state))[:80] if isinstance(state, dict) else type(state).__name__
        raise DataError(
            f"{path.name} holds no state_dict, a tensor for each name, but: {held or 'nothing'}"
        )
    return state


def _check_fit(
    path: Path, model: nn.Module, given: dict[str, Tensor], wanted: dict[str, Tensor]
) -> None:
    """Raise ``DataError`` that counts what is missing, what is left over and what has another
    shape."""
    missing, extra = [n for n in wanted if n not in given], [n for n in given if n not in wanted]
    reshaped = [n for n in wanted if n in given and wanted[n].shape != given[n].shape]
    faults = []
    if missing:
        faults.append(
            f"{len(missing)} of the model's {len(wanted)} tensors are missing (first: {missing[0]})"
        )
    if extra:
        faults.append(
            f"{len(extra)} of the file's {len(given)} have no place in the model (first: {extra[0]})"
        )
    if reshaped:
        name = reshaped[0]
        faults.append(
            f"{len(reshaped)} have another shape (first: {name}, {_shape(given[name])} in the file, "
            f"{_shape(wanted[name])} here)"
        )
    if not faults:
        return
    parts = {name.split(".")[0] for name in missing + extra + reshaped}
    advice = (
        f"; without=({parts.pop()!r},) leaves this part of the model as it is"
        if len(parts) == 1
        else ""
    )
    raise DataError(
        f"{path.name} does not fit this {type(model).__name__}: {'; '.join(faults)}. Nothing was changed{advice}"
    )


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "one number"
