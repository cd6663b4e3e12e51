"""What a notebook defines, without running its experiments."""

import ast
import contextlib
import json
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import nn

import coursekit as ck

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"


def definitions(name: str) -> SimpleNamespace:
    """The imports, classes, functions and literal constants of a notebook, executed in their order.

    All else (data, training, pictures) is left out, so this takes a second and needs no data.
    """
    content = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    space = {"ck": ck}  # from the set-up cell, which is for Colab otherwise
    for cell in content["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and "%pip" not in source:
            for node in filter(_is_definition, ast.parse(source).body):
                # a function whose default value is an experiment's result cannot be had without the
                # experiment
                with contextlib.suppress(NameError):
                    exec(
                        compile(ast.Module([node], type_ignores=[]), f"{name}.ipynb", "exec"), space
                    )
    return SimpleNamespace(**space)


def parameters(net) -> int:
    """How many numbers the network learns."""
    return sum(p.numel() for p in net.parameters())


def _is_definition(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        try:
            ast.literal_eval(node.value)
        except ValueError:
            return False
        return True
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef))


@torch.no_grad()
def as_if_trained(net):
    """Random batch statistics, scales and shifts: fresh ones would hide a forgotten or misplaced
    normalisation."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(std=0.1)
    return net.eval()
