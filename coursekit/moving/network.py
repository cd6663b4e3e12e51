"""What a trained network computes, written down so that a page can compute it, too."""

import copy

import torch
from torch import Tensor, fx, nn

from ..engine.text import times
from .output import base64_of

SIDE, CLASSES = 28, 10
CAN = (
    "Linear, Conv2d (dilation 1, groups 1, padded with zeros), ReLU, MaxPool2d (dilation 1), "
    "Flatten and view, LogSoftmax and Softmax over dim 1, Dropout, Identity, in one chain"
)
# Layers by their exact types, functions and methods by their names. What keeps the numbers as they
# are, in their order, is no step.
_OPS = {nn.Linear: "linear", nn.Conv2d: "conv2d", nn.ReLU: "relu", nn.MaxPool2d: "max_pool2d"}
_OPS |= {nn.LogSoftmax: "log_softmax", nn.Softmax: "softmax", nn.Dropout: "dropout"}
_OPS |= {name: name for name in ("relu", "max_pool2d", "log_softmax", "softmax", "dropout")}
_OPS |= dict.fromkeys((nn.Flatten, nn.Identity, "flatten", "view", "reshape"), "same")
_ARGUMENTS = {"softmax": ("dim",), "log_softmax": ("dim",), "dropout": ("p", "training")}
_ARGUMENTS["max_pool2d"] = ("kernel_size", "stride", "padding", "dilation")


def in_eval_mode(model: nn.Module) -> nn.Module:
    """A copy of the network on the CPU, float32, as it answers after its training."""
    return copy.deepcopy(model).cpu().float().eval()


def steps_of(model: nn.Module) -> dict:
    """The steps of a network that takes an image 1×1×28×28 and gives 10 outputs.

    ``steps`` have an ``op`` and the ``shape`` of what they give, C×H×W or one number; convolutions
    and pooling also that of what they take (``of``), and ``kernel``, ``stride`` and ``padding``.
    ``weights`` are all weights and biases in the order of the steps, float32 little-endian in
    base64, ``parameters`` their number, ``maps`` the step that gives the first feature maps (after
    the ReLU, where one follows), or None. Raises ``ValueError`` for a network that does something
    else.
    """
    if any(one._forward_hooks or one._forward_pre_hooks for one in model.modules()):
        raise ValueError("the network has forward hooks, which the page cannot run: remove them")
    graph, steps, weights, before = _followed(in_eval_mode(model)), [], [], None
    for node in graph.graph.nodes:
        value = node.meta["value"]
        if node.op == "output":
            last = node.args[0] is before
            if not last or value.shape != (1, CLASSES):
                found = times(value.shape[1:]) if last else "something other than its last step"
                raise ValueError(f"a network gives {CLASSES} outputs for an image, not {found}")
        elif isinstance(value, Tensor):  # all else is counted for a view: x.size(0)
            if node.op != "placeholder":
                step, layer = _step(node, graph, before)
                steps += [step] if step["op"] not in ("same", "dropout") else []
                weights += _weights(layer)
            before = node
    if not all(weight.isfinite().all() for weight in weights):
        raise ValueError("some weights of the network are not finite: its training went wrong")
    numbers = torch.cat([weight.flatten() for weight in weights]) if weights else torch.zeros(0)
    ops = [step["op"] for step in steps]
    first = ops.index("conv2d") if "conv2d" in ops else None
    if first is not None and ops[first + 1 : first + 2] == ["relu"]:
        first += 1
    return {
        "steps": steps,
        "weights": base64_of(numbers.numpy().astype("<f4").tobytes()),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "maps": first,
    }


class _Kept(fx.Interpreter):
    """Runs a graph, and keeps what each node gives."""

    def run_node(self, node):
        node.meta["value"] = value = super().run_node(node)
        return value


def _followed(model: nn.Module) -> fx.GraphModule:
    try:
        graph = fx.symbolic_trace(model)
        with torch.no_grad():
            _Kept(graph).run(torch.zeros(1, 1, SIDE, SIDE))
    except Exception as error:  # whatever the model's own code raises
        what = f"the network cannot be followed with an image 1×1×{SIDE}×{SIDE}"
        raise ValueError(f"{what}: {error}") from error
    return graph


def _step(node, graph: fx.GraphModule, before) -> tuple[dict, nn.Module | None]:
    """What a node does to what the node before it gives; and its layer, if it has one."""
    layer = graph.get_submodule(node.target) if node.op == "call_module" else None
    name = getattr(node.target, "__name__", str(node.target))
    op = _OPS.get(type(layer) if layer else name.rstrip("_"))
    has = vars(layer) if layer else dict(zip(_ARGUMENTS.get(op, ()), node.args[1:])) | node.kwargs
    taken, given = before.meta["value"], node.meta["value"]
    window = taken.ndim == 4 and _pair(has.get("dilation", 1)) == [1, 1]
    fits = {"linear": taken.ndim == 2, "relu": True, "same": True}
    fits["conv2d"] = window and has.get("groups") == 1 and has.get("padding_mode") == "zeros"
    fits["max_pool2d"] = window and not has.get("return_indices")
    fits["softmax"] = fits["log_softmax"] = taken.ndim == 2 and has.get("dim") in (1, -1)
    fits["dropout"] = not has.get("training", True)
    inputs = [one for one in node.all_input_nodes if isinstance(one.meta["value"], Tensor)]
    if not fits.get(op) or inputs != [before] or given.shape[0] != 1:
        what = f"the layer {name}, {layer}," if layer else name
        raise ValueError(f"{what} cannot be computed in the page. What can: {CAN}")
    step = {"op": op, "shape": list(given.shape[1:])}
    if op in ("conv2d", "max_pool2d"):
        kernel, padding = _pair(has["kernel_size"]), has.get("padding", 0)
        # "same" adds more at the end, where the shape says how far the window goes
        padding = {"valid": 0, "same": [(side - 1) // 2 for side in kernel]}.get(padding, padding)
        step |= {"of": list(taken.shape[1:]), "kernel": kernel, "padding": _pair(padding)}
        step["stride"] = _pair(has.get("stride") or kernel)
    return step, layer


def _pair(value) -> list:
    return list(value) if isinstance(value, (tuple, list)) else [value, value]


def _weights(layer: nn.Module | None) -> list[Tensor]:
    """Weight and bias of a layer; zeros where it has no bias."""
    if not isinstance(layer, (nn.Linear, nn.Conv2d)):
        return []
    weight, bias = layer.weight.detach(), layer.bias
    return [weight, weight.new_zeros(len(weight)) if bias is None else bias.detach()]
