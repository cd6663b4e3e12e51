"""Whether the packages of the course can be imported and the GPU used, for ``coursekit doctor``,
which runs this file in a process of its own: one that does not fit the machine may end it. What
their errors mean, and what to do about it."""

import re
import shutil
import sys
from importlib import import_module, util
from pathlib import Path

PACKAGES = ("numpy", "torch", "torchvision", "matplotlib", "scipy", "sklearn", "pandas", "skimage")
INSTALL = "python -m pip install"
TORCH = f"{INSTALL} torch torchvision"
CPU = "or go on on the CPU"
UNKNOWN = "report it, with all of this screen"
# What an error says, and what to do; NAME is the package's, \1 a part of the error.
CAUSES = {
    r"no kernels for it.* and newer": "take torch 2.14 or older for CUDA 12.6, which has them from "
    f"5.0 on (pytorch.org, Previous Versions), on Kaggle the accelerator T4, {CPU}",
    r"no kernels for it": f"{INSTALL} --upgrade torch torchvision, which knows newer GPUs, {CPU}",
    r"driver.* too old|driver version is insufficient": f"update the GPU's driver, {CPU}",
    r"(CUDA|HIP) init|unknown error": f"restart the machine, {CPU}",
    r"not as on the CPU": "update the system and torch; until then the CPU is right",
    r"built for the CPU only": f"install both as pytorch.org (Get Started) says for CUDA, {CPU}",
    r"layer failed.*(memory|unavailable)": f"close what else uses the GPU, {CPU}",
    r"WinError 1455|MemoryError|SIGKILL": "close programs and notebooks: the memory is full",
    r"WinError (126|127|1114)|DLL load failed": "install Microsoft's Visual C++ Redistributable "
    "(x64), which brings the runtime library that is missing or too old",
    r"`GLIBC_([\d.]+)' not found": r"its wheel needs glibc \1: a newer Linux, or Colab",
    r"`(GLIBCXX|CXXABI)_\S+ not found": "an old libstdc++ comes first: unset LD_LIBRARY_PATH, or "
    "update it (in conda: conda install -c conda-forge libstdcxx-ng)",
    r"(libcuda\.so\S*): cannot open": r"install NVIDIA's driver, which brings \1",
    r"(lib(?:cu|nv|nccl)\S*): cannot open": rf"{TORCH}, which requires NVIDIA's packages nvidia-…, "
    r"which bring \1",
    r"(lib\S+?)\.so\.(\d+)\S*: cannot open": r"install the system's package for it, \1\2 in "
    r"Debian and Ubuntu (in small letters)",
    r"torchvision\S*: undefined symbol|torchvision::|C\+\+ ops|module 'torchvision'": "torchvision "
    "is made for another torch: python -m pip uninstall torch torchvision, then "
    f"{TORCH}, both from one index",
    r"(nvidia|libcu|libnv)\S*: undefined symbol": "unset LD_LIBRARY_PATH, by which another CUDA's "
    "libraries take their place",
    r"dtype size changed|NumPy 1\.|_ARRAY_API|multiarray|Numpy is not available": "it is made for "
    f"another numpy: {INSTALL} --upgrade numpy NAME",
    r"SIGILL|0xc000001d": "it uses instructions that this processor lacks: take Colab",
    r"No module named '(torch|torchvision)'|'torch' \(unknown": TORCH,
    r"No module named '\w+'": f"{INSTALL} NAME, which adds what it requires",
}


def advice(text: str, name: str = "torch") -> str:
    """What to do about an error of this package, where its cause is known."""
    found = ((re.search(cause, text), told) for cause, told in CAUSES.items())
    told = next((match.expand(told) for match, told in found if match), UNKNOWN)
    pip = {"sklearn": "scikit-learn", "skimage": "scikit-image"}
    return told.replace("NAME", pip.get(name, name))


def report() -> None:
    """Print ``now``, what is looked at; ``failed``, a package and why; ``found``, versions, GPU."""
    from coursekit.engine.console import say

    failed = set()
    for name in PACKAGES:
        say(f"now: {name}")
        try:
            if name in ("numpy", "torch", "torchvision") or util.find_spec(name):
                import_module(name)
            if name == "torch":
                from torch import version, zeros

                if "numpy" not in failed:
                    zeros(1).numpy()
        except Exception as error:
            failed.add(name)
            say(f"failed: {name}: {type(error).__name__}: {' '.join(str(error).split())}")
            if name == "torch":  # without which more would fail
                return
    say("now: the GPU")
    import torch

    from coursekit.engine import devices

    makers = {"CUDA": version.cuda, "ROCm": version.hip, "XPU": getattr(version, "xpu", None)}
    built = [f"{maker} {number}" for maker, number in makers.items() if number]
    built += ["MPS"] * torch.backends.mps.is_built()
    device, why = devices.found()
    where = f"GPU: {devices.name_of(device)}"
    if device.type == "cuda":
        gpus = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
        names = (f"{gpu.name}, {gpu.total_memory / 2**30:.0f} GiB" for gpu in gpus)
        where = f"GPU: {'; '.join(names)}"
    elif device.type == "cpu":
        where = "it runs on the CPU" if why else "no GPU is seen, so it runs on the CPU"
    made = " ".join(built) or "the CPU only"
    say(f"found: torch {torch.__version__}, built for {made}; {where}")
    if not built and shutil.which("nvidia-smi"):
        why = f"NVIDIA's nvidia-smi is here, but this torch is built for {made}"
    if why:
        say(f"found: {why}")
    if "torchvision" in sys.modules:
        say(f"found: torchvision {sys.modules['torchvision'].__version__}")


if __name__ == "__main__":
    sys.path[:] = [*sys.path[1:], str(Path(__file__).parents[2])]  # not the rooms beside this one
    report()
