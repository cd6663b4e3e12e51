"""The numbers of a tensor or an array as bytes, whatever its place and its layout."""

import numpy as np
import torch


def bytes_of(value: torch.Tensor | np.ndarray) -> np.ndarray | None:
    """The bytes as uint8 N; None where there are none to read: on no device, nested, of objects."""
    if isinstance(value, torch.Tensor):
        try:
            value = value.detach().cpu().to_dense().resolve_conj().resolve_neg().contiguous()
            return value.view(-1).view(torch.uint8).numpy()
        except (NotImplementedError, RuntimeError):
            return None
    if value.dtype.hasobject:
        return None
    return np.ascontiguousarray(value).reshape(-1).view(np.uint8)
