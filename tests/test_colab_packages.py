"""Colab's list is read whatever the form of a line and of a name."""

from pathlib import Path

from colab_packages import needed, versions

FREEZE = """\
# Do not modify this file directly
jupyter_client==7.4.9
SQLAlchemy==2.0.52
nvidia-nccl-cu13==2.31.2
ruamel.yaml==0.18.1
torch @ https://download.pytorch.org/whl/cpu/torch-2.11.0%2Bcpu-cp313-cp313-manylinux.whl
torchvision==0.26.0+cu128
scikit-image @ https://example.org/a-b/scikit_image-0.25.2-cp313-cp313-linux.whl#sha256=0
google-colab @ file:///colabtools/dist/google_colab-1.0.0.tar.gz
jupyter_kernel_gateway @ git+https://github.com/googlecolab/kernel_gateway@b134e99
-e git+https://example.org/a@0#egg=b
"""


def test_names_and_versions_are_found():
    assert versions(FREEZE) == {
        "jupyter-client": "7.4.9",
        "sqlalchemy": "2.0.52",
        "ruamel-yaml": "0.18.1",
        "torch": "2.11.0",
        "torchvision": "0.26.0",
        "scikit-image": "0.25.2",
    }


def test_what_coursekit_needs():
    text = Path(__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8")
    assert {"torch", "scikit-learn", "torchmetrics", "certifi"} <= {*needed(text)}
    assert "nbclient" not in needed(text)
