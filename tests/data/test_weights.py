"""Weights from a file or from an address: all of them fit, or nothing is changed and the message
says why."""

import hashlib
import http.server
import threading

import pytest
import torch
import torchvision
from mirror import answer, scripted  # noqa: F401
from torch import nn
from torchvision.models import ResNet18_Weights, resnet18, resnet34
from torchvision.models._api import Weights, WeightsEnum

import coursekit as ck


def trained(make=resnet18, seed=1, **options):
    """A network whose weights, and whose batch normalisation's statistics, are all unlike those of
    a new one."""
    torch.manual_seed(seed)
    net = make(**options)
    for buffer in net.buffers():
        if buffer.is_floating_point():
            buffer.copy_(torch.rand_like(buffer) + 0.5)
    return net.eval()


@pytest.fixture(scope="module")
def reference():
    return trained()


@pytest.fixture
def file(reference, tmp_path):
    path = tmp_path / "resnet18.pth"
    torch.save(reference.state_dict(), path)
    return path


@torch.inference_mode()
def same(a, b) -> bool:
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    return torch.equal(a.eval()(x), b.eval()(x))


def untouched(net):
    """A check that nothing of the model has changed since now."""
    before = {name: value.clone() for name, value in net.state_dict().items()}
    return lambda: all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_file_fills_the_model(file, reference):
    net = resnet18()
    assert not same(net, reference)
    ck.load_weights(net, file)
    assert same(net, reference)


def test_it_does_what_torchvisions_weights_does(file, reference, tmp_path, monkeypatch):
    """The same file, where torch.hub keeps the published one: resnet18(weights=…) gives the same
    network."""
    weights = ResNet18_Weights.IMAGENET1K_V1
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / weights.url.rsplit("/", 1)[-1]).write_bytes(file.read_bytes())
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    net = resnet18()
    ck.load_weights(net, file)
    assert same(resnet18(weights=weights), net)


@pytest.fixture
def address(tmp_path, monkeypatch):
    """A local address that gives the files of ``served``, and the list of what was asked for."""
    monkeypatch.delenv("COURSEKIT_OFFLINE")
    monkeypatch.setenv("no_proxy", "*")
    folder, asked = tmp_path / "served", []
    folder.mkdir()

    class Server(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, _, *args):
            asked.append(args)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}/", asked
        server.shutdown()


def enum(url: str, **meta):
    class Local_Weights(WeightsEnum):
        V1 = Weights(url=url, transforms=torch.nn.Identity, meta=meta)

    return Local_Weights.V1


def test_an_address_is_fetched_once_and_checked(file, reference, address):
    folder, url, asked = address
    name = f"resnet18-{hashlib.sha256(file.read_bytes()).hexdigest()[:8]}.pth"
    (folder / name).write_bytes(file.read_bytes())
    for _ in range(2):
        net = resnet18()
        ck.load_weights(net, enum(url + name))
        assert same(net, reference)
    assert len(asked) == 1


def test_an_address_with_other_bytes_gives_nothing(file, address):
    folder, url, _ = address
    (folder / "resnet18-00000000.pth").write_bytes(file.read_bytes())
    with pytest.raises(ConnectionError, match="resnet18-00000000.pth.*other bytes"):
        ck.load_weights(resnet18(), enum(url + "resnet18-00000000.pth"))
    assert not list(ck.lab.data_folder().rglob("*.pth*"))


def test_no_more_is_taken_than_the_weights_have(scripted):  # noqa: F811
    """torchvision knows their size, in units of 2^20 bytes."""
    server = scripted(answer(bytes(3_000_000)))
    with pytest.raises(ConnectionError, match="sends more than the 1 MB that the file may have"):
        ck.load_weights(resnet18(), enum(server.address + "-00000000.pth", _file_size=1.0))


def test_without_a_network_it_says_so():
    with pytest.raises(ConnectionError, match="resnet18-f37072fd.pth .*COURSEKIT_OFFLINE"):
        ck.load_weights(resnet18(), ResNet18_Weights.IMAGENET1K_V1)


def test_published_weights_in_the_data_folder_need_no_network_but_their_hash(file):
    path = ck.lab.data_folder() / "weights" / "resnet18-f37072fd.pth"
    path.parent.mkdir()
    path.write_bytes(file.read_bytes())
    net = resnet18()
    unchanged = untouched(net)
    with pytest.raises(ck.DataError, match="resnet18-f37072fd.pth.*expects f37072fd"):
        ck.load_weights(net, ResNet18_Weights.IMAGENET1K_V1)
    assert unchanged()


def test_a_head_for_other_classes_stays_as_it_is(file, reference):
    net = resnet18(num_classes=2)
    head = net.fc.weight.clone()
    ck.load_weights(net, file, without="fc")
    assert torch.equal(net.fc.weight, head)
    assert torch.equal(net.layer4[1].conv2.weight, reference.layer4[1].conv2.weight)
    assert torch.equal(net.bn1.running_var, reference.bn1.running_var)


def test_a_part_is_a_tensor_too_but_no_beginning_of_a_name(file, reference):
    net = resnet18()
    bias = net.fc.bias.clone()
    ck.load_weights(net, file, without=("fc.bias",))
    assert torch.equal(net.fc.bias, bias) and torch.equal(net.fc.weight, reference.fc.weight)
    with pytest.raises(ValueError, match="no part 'layer'"):
        ck.load_weights(net, file, without=("layer",))


def test_older_files_do_not_count_batches(file, reference):
    """torchvision's first weights have no ``num_batches_tracked``; everything else must still be
    there."""
    state = reference.state_dict()
    older = {
        name: value for name, value in state.items() if not name.endswith("num_batches_tracked")
    }
    assert len(state) - len(older) == 20
    torch.save(older, file)
    net = resnet18()
    ck.load_weights(net, file)
    assert same(net, reference)
    torch.save({name: value for name, value in older.items() if name != "bn1.running_mean"}, file)
    with pytest.raises(
        ck.DataError, match=r"1 of the model's 122 tensors are missing \(first: bn1.running_mean\)"
    ):
        ck.load_weights(resnet18(), file)


def test_a_date_in_a_name_is_no_hash(file, reference):
    dated = file.with_name("resnet18-20261122.pth")
    file.rename(dated)
    net = resnet18()
    ck.load_weights(net, dated)
    assert same(net, reference)


def test_an_address_without_a_hash_is_not_fetched(address):
    with pytest.raises(ValueError, match="resnet18.pth has no hash in its name"):
        ck.load_weights(resnet18(), enum(address[1] + "resnet18.pth"))
    assert not address[2]


def test_another_head_is_named_with_the_way_out(file):
    net = resnet18(num_classes=2)
    unchanged = untouched(net)
    with pytest.raises(
        ck.DataError,
        match=r"resnet18.pth .*2 have another shape \(first: fc.weight, 1000×512 in the file, "
        r"2×512 here\).*without=\('fc',\)",
    ):
        ck.load_weights(net, file)
    assert unchanged()


@pytest.mark.parametrize(
    "net, message",
    [
        (resnet34, r"80 of the model's 218 tensors are missing \(first: layer1.2.conv1.weight\)"),
        (
            torchvision.models.resnet50,
            r"another shape \(first: layer1.0.conv1.weight, 64×64×3×3 in the file, 64×64×1×1 ",
        ),
        (
            lambda: nn.Sequential(nn.Linear(3, 2)),
            r"122 of the file's 122 have no place in the model \(first: conv1.weight\)",
        ),
    ],
)
def test_another_architecture_is_counted_and_changes_nothing(file, net, message):
    net = net()
    unchanged = untouched(net)
    with pytest.raises(ck.DataError, match=message) as caught:
        ck.load_weights(net, file)
    assert "resnet18.pth" in str(caught.value) and "Nothing was changed" in str(caught.value)
    assert unchanged()


def test_a_truncated_file_is_named(file):
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        ck.DataError, match=r"resnet18.pth \(23.4 MB\) is truncated or not a file of weights"
    ):
        ck.load_weights(resnet18(), file)


def test_a_given_hash_is_checked_before_anything_is_read(file):
    good = hashlib.sha256(file.read_bytes()).hexdigest()
    for digits in (good, f" {good.upper()}"):  # as Windows gives them
        ck.load_weights(resnet18(), file, sha256=digits)
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(ck.DataError, match=f"resnet18.pth .*but sha256= expects {good}"):
        ck.load_weights(resnet18(), file, sha256=good)


@pytest.mark.parametrize(
    "content, message",
    [
        ({"model": {"weight": torch.zeros(1)}, "epoch": 3}, "no state_dict.*model, epoch"),
        ({}, "nothing"),
        ([1, 2], "list"),
        ({1: torch.zeros(1)}, "no state_dict.*but: 1$"),
        (nn.Linear(2, 2), "not a file of weights"),
    ],
)
def test_something_else_than_weights(tmp_path, content, message):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(ck.DataError, match=f"other.pt.*{message}"):
        ck.load_weights(resnet18(), tmp_path / "other.pt")


def test_no_file_and_no_such_part(file, tmp_path):
    with pytest.raises(ck.DataError, match="there is no file of weights nothing.pth"):
        ck.load_weights(resnet18(), tmp_path / "nothing.pth")
    with pytest.raises(ValueError, match="no part 'head'.*conv1, bn1, .*fc"):
        ck.load_weights(resnet18(), file, without=("head",))
