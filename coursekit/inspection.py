"""Look into a model: its layers with shapes and costs, and where it differs from a reference."""

import copy
import operator
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

EVERYTHING = float("inf")  # the receptive field of an output that sees the whole input


@dataclass(frozen=True)
class Layer:
    """One row of the layer table.

    ``shape`` of the output, ``parameters`` trainable or not, ``macs`` multiply-accumulate
    operations for the whole batch (adding a bias counts as one more), ``field`` the receptive
    field: how many input pixels, along one side, an output value depends on (infinite when it is
    all of them, None when it could not be traced).
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    macs: int
    field: float | None


class Layers(list):
    """The layer table: a list of ``Layer`` that prints itself."""

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self)

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self)

    def __repr__(self) -> str:
        head = ("layer", "kind", "output", "parameters", "MACs", "sees")
        rows = [
            (
                layer.name,
                layer.kind,
                "×".join(map(str, layer.shape)),
                f"{layer.parameters:,}",
                f"{layer.macs:,}",
                "?"
                if layer.field is None
                else "all"
                if layer.field == EVERYTHING
                else f"{layer.field:g}",
            )
            for layer in self
        ]
        rows.append(("total", "", "", f"{self.parameters:,}", f"{self.macs:,}", ""))
        widths = [max(map(len, column)) for column in zip(head, *rows)]
        lines = [
            "  ".join(
                cell.ljust(w) if i < 3 else cell.rjust(w)
                for i, (cell, w) in enumerate(zip(row, widths))
            )
            for row in (head, *rows)
        ]
        rule = "─" * len(lines[0])
        return "\n".join(line.rstrip() for line in (lines[0], rule, *lines[1:-1], rule, lines[-1]))


def layers(model: nn.Module, x: Tensor) -> Layers:
    """Name, kind, output shape, parameters, multiply-accumulates and receptive field of each layer,
    for an input x.

    Shapes, parameters and MACs are torchinfo's; the receptive field follows Araujo et al. 2019
    (Distill), equation 2, along the graph that ``torch.fx`` traces. The model is not changed.
    Raises ``ValueError`` for an input that does not fit.
    """
    import torchinfo

    names = {id(module): name for name, module in model.named_modules()}
    modes = [(module, module.training) for module in model.modules()]
    fields = _receptive_fields(model)
    try:
        summary = torchinfo.summary(
            model, input_data=x, verbose=0, depth=100, mode="eval", device=x.device
        )
    except RuntimeError as error:  # torchinfo's own message says only that something failed
        raise ValueError(
            f"the model cannot take an input {tuple(x.shape)}: {error.__cause__ or error}"
        ) from error
    finally:
        for module, mode in modes:
            module.training = mode
    rows = Layers()
    for info in summary.summary_list:
        if info.is_leaf_layer and info.executed:
            name = names[info.layer_id] if info.layer_id in names else info.var_name
            field = fields[name].pop(0) if fields.get(name) else None
            rows.append(
                Layer(
                    name,
                    info.class_name,
                    tuple(info.output_size),
                    0 if info.is_recursive else info.num_params,
                    info.macs,
                    field,
                )
            )
    return rows


_WINDOWS = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.MaxPool1d,
    nn.MaxPool2d,
    nn.MaxPool3d,
    nn.AvgPool1d,
    nn.AvgPool2d,
    nn.AvgPool3d,
)
_PIXELWISE = tuple(
    f"torch.nn.modules.{family}" for family in ("activation", "batchnorm", "dropout", "flatten")
)
_SEES_ALL = (
    nn.Linear,
    nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveAvgPool3d,
    nn.AdaptiveMaxPool2d,
)
_POOLING = {F.max_pool2d, F.avg_pool2d, torch.max_pool2d}
_KEEPS = {
    F.relu,
    F.relu6,
    F.dropout,
    F.log_softmax,
    F.softmax,
    F.batch_norm,
    F.hardtanh,
    F.silu,
    F.gelu,
    F.sigmoid,
    torch.relu,
    torch.sigmoid,
    torch.tanh,
    torch.flatten,
    torch.cat,
    torch.add,
    torch.log_softmax,
    torch.softmax,
    operator.add,
    operator.iadd,
    operator.mul,
    operator.imul,
    operator.truediv,
    operator.sub,
    "add",
    "add_",
    "mul",
    "relu",
    "relu_",
    "sigmoid",
    "tanh",
    "flatten",
    "unsqueeze",
    "view",
    "reshape",
    "size",
    "contiguous",
    "log_softmax",
    "softmax",
}


def _receptive_fields(model: nn.Module) -> dict[str, list[float | None]]:
    """The receptive fields at the outputs of each called module, one for each call, by the module's
    name.

    Each value carries (field, jump): the pixels it sees along a side, and the input step between
    two neighbours.
    """
    try:
        graph = fx.Tracer().trace(model)
    except Exception:  # a forward that fx cannot trace still has a table, without this column
        return {}
    state, fields = {}, {}
    for node in graph.nodes:
        known = [state[argument] for argument in node.all_input_nodes if state.get(argument)]
        seen = (max(field for field, _ in known), max(jump for _, jump in known)) if known else None
        if node.op == "placeholder":
            seen = (1, 1)
        elif node.op == "call_module" and seen:
            seen = _through(model.get_submodule(node.target), *seen)
            fields.setdefault(node.target, []).append(seen and seen[0])
        elif node.op in ("call_function", "call_method") and seen:
            if node.target in _POOLING:
                options = dict(zip(("input", "kernel_size", "stride"), node.args)) | node.kwargs
                size = options["kernel_size"]
                seen = _window(*seen, size, options.get("stride") or size, 1)
            elif node.target not in _KEEPS:
                seen = None
        state[node] = seen
    return fields


def _through(module: nn.Module, field: float, jump: float) -> tuple[float, float] | None:
    if isinstance(module, _WINDOWS):
        return _window(
            field, jump, module.kernel_size, module.stride, getattr(module, "dilation", 1)
        )
    if isinstance(module, _SEES_ALL):
        return EVERYTHING, jump
    return (
        (field, jump)
        if type(module).__module__ in _PIXELWISE or isinstance(module, nn.Identity)
        else None
    )


def _window(field, jump, size, stride, dilation) -> tuple[float, float]:
    """A sliding window: it sees (size - 1)·dilation neighbours more, each ``jump`` input pixels
    apart."""
    size, stride, dilation = (
        value[-1] if isinstance(value, tuple) else value for value in (size, stride, dilation)
    )
    return field + (size - 1) * dilation * jump, jump * stride


@dataclass(frozen=True)
class Comparison:
    """The answer of ``same_outputs``: true or false as it is, and when false, the first layer that
    differs."""

    same: bool
    message: str

    def __bool__(self) -> bool:
        return self.same

    def __repr__(self) -> str:
        return f"{self.same} ({self.message})"


def same_outputs(
    mine: nn.Module,
    reference: nn.Module,
    x: Tensor,
    *,
    by: str = "position",
    rtol: float = 1e-4,
    atol: float = 1e-5,
) -> Comparison:
    """Whether two models compute the same from the same weights.

    Copies of both are put into eval mode and the reference's weights go into mine, ``by`` their
    ``"position"`` in the state_dict or by ``"name"``. If the outputs for x differ, the first layer
    with weights that differs is named. Raises ``ValueError`` when the weights do not fit, naming
    the first two that do not.
    """
    mine, reference = copy.deepcopy(mine).eval(), copy.deepcopy(reference).eval()
    own, given = mine.state_dict(), reference.state_dict()
    if by not in ("position", "name"):
        raise ValueError(f"weights are copied by 'position' or by 'name', not by {by!r}")
    pairs = list(zip(own, given)) if by == "position" else [(name, name) for name in own]
    if by == "name" and (alone := sorted(own.keys() ^ given.keys())):
        raise ValueError(
            f"{len(alone)} weights have no partner of the same name, the first is {alone[0]!r}"
        )
    for a, b in pairs:
        if own[a].shape != given[b].shape:
            raise ValueError(
                f"weights do not fit: mine has {a!r} {tuple(own[a].shape)} where the reference has "
                f"{b!r} {tuple(given[b].shape)}"
            )
    if len(own) != len(given):
        raise ValueError(f"mine has {len(own)} weights, the reference {len(given)}")
    mine.load_state_dict({a: given[b] for a, b in pairs})
    steps_mine, out_mine = _record(mine, x)
    steps_reference, out_reference = _record(reference, x)
    if out_mine.shape == out_reference.shape and torch.allclose(
        out_mine, out_reference, rtol=rtol, atol=atol
    ):
        return Comparison(True, f"largest difference {(out_mine - out_reference).abs().max():.1e}")
    for (name, a), (other, b) in zip(steps_mine, steps_reference):
        if a.shape != b.shape:
            return Comparison(
                False,
                f"first difference at layer {name!r}: {tuple(a.shape)} against "
                f"{tuple(b.shape)} at {other!r}",
            )
        if not torch.allclose(a, b, rtol=rtol, atol=atol):
            return Comparison(
                False,
                f"first difference at layer {name!r} (reference {other!r}): "
                f"up to {(a - b).abs().max():.1e}",
            )
    return Comparison(
        False, "all layers with weights agree; the difference arises after the last of them"
    )


@torch.inference_mode()
def _record(model: nn.Module, x: Tensor) -> tuple[list[tuple[str, Tensor]], Tensor]:
    """The outputs of the layers that have weights of their own, in the order of the computation,
    and the end result."""
    steps = []
    for name, module in model.named_modules():
        if next(module.parameters(recurse=False), None) is not None:
            # cloned, for an in-place ReLU behind the layer would change what was recorded
            module.register_forward_hook(
                lambda _, __, output, name=name: steps.append((name, output.clone()))
            )
    return steps, model(x)
