"""Look into a model: its layers with shapes and costs, and where it differs from a reference."""

import copy
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from math import prod

import torch
from torch import Tensor, fx, nn

from .engine.text import aligned, times

EVERYTHING = float("inf")  # the receptive field of an output that sees the whole input


@dataclass(frozen=True)
class Layer:
    """One row of the layer table: ``shape`` of the output (the first tensor's, if there are
    several), ``parameters`` trainable or not, ``macs`` multiply-accumulate operations for the whole
    batch, ``field`` the receptive field: how many input pixels, along one side, an output value
    depends on (infinite when it is all of them, None when it could not be traced)."""

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
        """Of all layers; those of a layer that is called twice count once."""
        return sum(layer.parameters for layer in self)

    @property
    def macs(self) -> int:
        """Of all calls."""
        return sum(layer.macs for layer in self)

    def __repr__(self) -> str:
        rows = [("layer", "kind", "output", "parameters", "MACs", "sees")]
        for layer in self:
            seen = {None: "?", EVERYTHING: "all"}.get(layer.field, str(layer.field))
            costs = f"{layer.parameters:,}", f"{layer.macs:,}"
            rows.append((layer.name, layer.kind, times(layer.shape), *costs, seen))
        rows.append(("total", "", "", f"{self.parameters:,}", f"{self.macs:,}", ""))
        head, *lines, total = aligned(rows, right=(3, 4, 5))
        return "\n".join((head, rule := "─" * len(head), *lines, rule, total))


def layers(model: nn.Module, x: Tensor) -> Layers:
    """The layer table for an input x: shape, parameters, costs and receptive field of each layer.

    A layer is a module without children, or one that has parameters beside its children's; each
    call is a row. Multiply-accumulates are half of what torch's ``FlopCounterMode`` counts, and one
    more for each output value that a bias is added to; a layer that only scales and shifts, as a
    batch normalisation, counts each of its weights once for each sample. The receptive field
    follows Araujo et al. 2019 (Distill), equation 2, along the graph that ``torch.fx`` traces.

    The model is not changed: it runs in eval mode and without gradients, x comes to its device.
    Raises ``ValueError`` for an input that does not fit.
    """
    from torch.utils.flop_counter import FlopCounterMode  # it takes its time

    device = next(model.parameters(), x).device
    try:
        fields = _receptive_fields(model)  # traced before anything is counted
        with torch.no_grad(), FlopCounterMode(display=False) as counter, ExitStack() as after:
            for module in model.modules():
                after.callback(setattr, module, "training", module.training)
            table = _watched(model, fields, counter, after)
            model.eval()(torch.zeros_like(x, device=device) if x.is_meta else x.to(device))
    except Exception as error:  # whatever the model's own code raises
        raise ValueError(f"the model cannot take an input {tuple(x.shape)}: {error}") from error
    return table


def _watched(model: nn.Module, fields: dict, counter, until: ExitStack) -> Layers:
    """A table that gets a row at the end of each call of a layer, ``until`` the stack is left."""
    table, counted, started, in_rows = Layers(), set(), {}, [0]

    def rest() -> int:
        """The products so far that belong to no row."""
        return counter.get_total_flops() // 2 - sum(in_rows)

    def start(module, _):
        started[module] = rest()

    def end(module, _, output, name):
        in_rows.append(rest() - started[module])
        shape = _shape(output)
        new = [parameter for parameter in module.parameters() if parameter not in counted]
        counted.update(new)
        size, macs = sum(parameter.numel() for parameter in new), _macs(module, in_rows[-1], shape)
        field = fields[name].pop(0) if fields.get(name) else None
        table.append(Layer(name, type(module).__name__, shape, size, macs, field))

    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            continue  # takes no hooks, so it has no rows
        if not list(module.children()) or list(module.parameters(recurse=False)):
            until.enter_context(module.register_forward_pre_hook(start))
            until.enter_context(module.register_forward_hook(partial(end, name=name)))
    return table


def _shape(output) -> tuple[int, ...]:
    """The shape of a layer's output; of several tensors, that of the first."""
    while isinstance(output, (tuple, list, dict)) and output:
        output = next(iter(output.values() if isinstance(output, dict) else output))
    return tuple(output.shape) if isinstance(output, Tensor) else ()


def _macs(module: nn.Module, products: int, shape: tuple[int, ...]) -> int:
    """What a call costs: its products, and what the counter does not see."""
    own = {name: weight.numel() for name, weight in module.named_parameters(recurse=False)}
    if isinstance(module, nn.RNNBase):  # counted or not, as torch fuses it
        return sum(own.values()) * prod(shape[:-1])
    if products:
        return products + (prod(shape) if "bias" in own else 0)
    if isinstance(module, nn.Embedding):  # looks its weights up
        return 0
    return (own.get("weight", 0) + own.get("bias", 0)) * prod(shape[:1])


def _each(*kinds: str) -> tuple[type, ...]:
    return tuple(getattr(nn, f"{kind}{n}d") for kind in kinds for n in (1, 2, 3))


_WINDOWS = _each("Conv", "MaxPool", "AvgPool")
_SEES_ALL = (nn.Linear, *_each("AdaptiveAvgPool", "AdaptiveMaxPool"))
_PIXELWISE = [f"torch.nn.modules.{s}" for s in ("activation", "batchnorm", "dropout", "flatten")]
# Functions, methods and operators by their names, of which each value keeps what it sees.
_POOLING = {"max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d"}
_KEEPS = set(
    "add iadd sub mul imul truediv cat relu relu6 hardtanh silu gelu sigmoid tanh softmax "
    "log_softmax dropout batch_norm flatten unsqueeze view reshape size contiguous".split()
)


def _receptive_fields(model: nn.Module) -> dict[str, list[float | None]]:
    """The receptive fields at the outputs of each called module, one for each call, by its name."""
    try:
        graph = fx.Tracer().trace(model)
    except Exception:  # a forward that fx cannot trace still has a table, without this column
        return {}
    # for each value (field, jump): the pixels it sees along a side, the input step to the next
    state, fields = {}, {}
    for node in graph.nodes:
        known = [state[argument] for argument in node.all_input_nodes if state.get(argument)]
        seen = tuple(map(max, zip(*known))) or None
        if node.op == "placeholder":
            seen = (1, 1)
        elif node.op == "call_module" and seen:
            seen = _through(model.get_submodule(node.target), *seen)
            fields.setdefault(node.target, []).append(seen and seen[0])
        elif node.op in ("call_function", "call_method") and seen:
            name = getattr(node.target, "__name__", node.target).rstrip("_")
            if name in _POOLING:
                options = dict(zip(("input", "kernel_size", "stride"), node.args)) | node.kwargs
                pool = nn.AvgPool2d(options["kernel_size"], options.get("stride") or None)
                seen = _through(pool, *seen)
            elif name not in _KEEPS:
                seen = None
        state[node] = seen
    return fields


def _through(module: nn.Module, field: float, jump: float) -> tuple[float, float] | None:
    """What a layer's output sees, for an input that sees so much; None if that is not known."""
    if isinstance(module, _WINDOWS):  # (size - 1)·dilation neighbours more, a jump apart
        shape = module.kernel_size, module.stride, getattr(module, "dilation", 1)
        size, stride, dilation = (v[-1] if isinstance(v, tuple) else v for v in shape)
        return field + (size - 1) * dilation * jump, jump * stride
    if isinstance(module, _SEES_ALL):
        return EVERYTHING, jump
    keeps = type(module).__module__ in _PIXELWISE or isinstance(module, nn.Identity)
    return (field, jump) if keeps else None


@dataclass(frozen=True)
class Comparison:
    """The answer of ``same_outputs``: true or false as it is, with the reason."""

    same: bool
    message: str

    def __bool__(self) -> bool:
        return self.same

    def __repr__(self) -> str:
        return f"{self.same} ({self.message})"


def same_outputs(
    mine: nn.Module, reference: nn.Module, x: Tensor, *, by="position", rtol=1e-4, atol=1e-5
) -> Comparison:
    """Whether two models compute the same from the same weights.

    Copies of both are put into eval mode and the reference's weights go into mine, ``by`` their
    ``"position"`` in the state_dict or by ``"name"``. If the outputs for x differ, the first layer
    with weights that differs is named. Raises ``ValueError`` when the weights do not fit, naming
    the first two that do not.
    """
    mine, reference = copy.deepcopy(mine).eval(), copy.deepcopy(reference).eval()
    mine.load_state_dict(_fitting(mine.state_dict(), reference.state_dict(), by))
    steps, output = _record(mine, x)
    reference_steps, expected = _record(reference, x)
    close = partial(torch.allclose, rtol=rtol, atol=atol)
    if output.shape == expected.shape and close(output, expected):
        return Comparison(True, f"largest difference {(output - expected).abs().max():.1e}")
    for (name, a), (other, b) in zip(steps, reference_steps):
        first = f"first difference at layer {name!r}"
        if a.shape != b.shape:
            shapes = f"{tuple(a.shape)} against {tuple(b.shape)}"
            return Comparison(False, f"{first}: {shapes} at {other!r}")
        if not close(a, b):
            most = (a - b).abs().max()
            return Comparison(False, f"{first} (reference {other!r}): up to {most:.1e}")
    after = "all layers with weights agree; the difference arises after the last of them"
    return Comparison(False, after)


def _fitting(own: dict, given: dict, by: str) -> dict:
    """The given weights under the names of one's own."""
    if by not in ("position", "name"):
        raise ValueError(f"weights are copied by 'position' or by 'name', not by {by!r}")
    if by == "name":
        if alone := sorted(own.keys() ^ given.keys()):
            which = f"no partner of the same name, the first is {alone[0]!r}"
            raise ValueError(f"{len(alone)} weights have {which}")
        given = {name: given[name] for name in own}
    for (a, mine), (b, weight) in zip(own.items(), given.items()):
        if mine.shape != weight.shape:
            there = f"where the reference has {b!r} {tuple(weight.shape)}"
            raise ValueError(f"weights do not fit: mine has {a!r} {tuple(mine.shape)} {there}")
    if len(own) != len(given):
        raise ValueError(f"mine has {len(own)} weights, the reference {len(given)}")
    return dict(zip(own, given.values()))


@torch.inference_mode()
def _record(model: nn.Module, x: Tensor) -> tuple[list[tuple[str, Tensor]], Tensor]:
    """The outputs of the layers with weights of their own, as they are computed, and the end's."""
    steps = []
    for name, module in model.named_modules():
        if next(module.parameters(recurse=False), None) is not None:
            # cloned, for an in-place ReLU behind the layer would change what was recorded
            module.register_forward_hook(
                lambda _, __, output, name=name: steps.append((name, output.clone()))
            )
    return steps, model(x)
