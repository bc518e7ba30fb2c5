"""Files that are no networks: one line each, no memory, nothing unpickled."""

import io
import pickle
import zipfile

import h5py
import nir
import numpy as np
import pytest
import torch

from fxp_model.errors import InputError
from fxp_model.exchange import hdf5, state_dict
from fxp_model.exchange.asked import Asked
from fxp_model.exchange.read import read_network
from fxp_model.spec import ResetMode
from tests.foreign import dense_net
from tests.snntorch_networks import network as snntorch_network

SAID = Asked(dt=1e-4, reset=ResetMode.ZERO, cycle_delay=1)


def graph_file(path):
    own = nir.LIF(np.ones(2), np.ones(2), np.zeros(2), np.ones(2), np.zeros(2))
    nodes = {
        "input": nir.Input(np.array([3])),
        "w": nir.Linear(np.ones((2, 3))),
        "lif": own,
        "output": nir.Output(np.array([2])),
    }
    nir.write(path, nir.NIRGraph(nodes, [("input", "w"), ("w", "lif"), ("lif", "output")]))
    return path


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_network(path, SAID)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(str(path))


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 100, b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"PK\x03\x04" + b"\0" * 60]
)
def test_bytes_that_are_no_network(tmp_path, content):
    (tmp_path / "net").write_bytes(content)
    refusal(tmp_path / "net")


def test_a_file_that_is_not_there(tmp_path):
    assert refusal(tmp_path / "net") == ": No such file or directory"


def test_hdf5_of_something_else(tmp_path):
    with h5py.File(tmp_path / "net.h5", "w") as file:
        file["a"] = np.ones(3)
    assert refusal(tmp_path / "net.h5") == ": must be a NIR file, with a graph as its node"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda nodes: nodes["w"].__delitem__("weight"), ": node 'w' (Linear): weight is missing"),
        (lambda nodes: nodes["w"].__delitem__("type"), ": node 'w': type is missing"),
        (
            lambda nodes: nodes["w"].attrs.clear() or nodes.__delitem__("w"),
            ": edge input -> w: there is no node 'w' (nodes: input, lif, output)",
        ),
        (
            lambda nodes: nodes.__delitem__("input"),
            ": edge input -> w: there is no node 'input' (nodes: lif, output, w)",
        ),
    ],
)
def test_a_part_that_is_missing(tmp_path, change, message):
    file = graph_file(tmp_path / "net.nir")
    with h5py.File(file, "a") as opened:
        change(opened["node/nodes"])
    assert refusal(file) == message


TWO_LINES = {
    "an edge to no node": lambda file: file["node"].__setitem__("edges", [["in\nput", "w"]]),
    "an edge that is there twice": lambda file: (
        file.move("node/nodes/w", "node/nodes/w\nw"),
        file["node"].__setitem__("edges", [["input", "w\nw"]] * 2),
    ),
    "a kind": lambda file: (
        file.__delitem__("node/nodes/w/type"),
        file.__setitem__("node/nodes/w/type", "Aff\nine"),
    ),
}


@pytest.mark.parametrize("change", TWO_LINES)
def test_names_of_two_lines_are_told_in_one(tmp_path, change):
    file = graph_file(tmp_path / "net.nir")
    with h5py.File(file, "a") as opened:
        if "edge" in change:
            del opened["node/edges"]
        TWO_LINES[change](opened)
    assert "\\n" in refusal(file)


def test_names_of_two_lines_in_a_state_dict(tmp_path):
    arrays = snntorch_network("Leaky")[0].state_dict()
    torch.save({name.replace("lif", "l\nif"): array for name, array in arrays.items()}, tmp_path / "net.pt")
    assert "\\n" in refusal(tmp_path / "net.pt")


def test_another_type_or_a_link(tmp_path):
    file = graph_file(tmp_path / "net.nir")
    with h5py.File(file, "a") as opened:
        del opened["node/nodes/w/weight"]
        opened["node/nodes/w/weight"] = "heavy"
    assert refusal(file) == ": node 'w' (Linear): weight must be numbers, not 'heavy'"
    with h5py.File(file, "a") as opened:
        del opened["node/nodes/w/weight"]
        opened["node/nodes/w/weight"] = h5py.ExternalLink("/etc/passwd", "x")
    assert refusal(file) == ": 'node/nodes/w/weight' must not be a link"


def test_a_huge_array_is_refused_before_memory_is_taken(tmp_path):
    file = graph_file(tmp_path / "net.nir")
    with h5py.File(file, "a") as opened:
        del opened["node/nodes/w/weight"]
        opened["node/nodes/w"].create_dataset(
            "weight", shape=(1 << 20, 1 << 20), dtype="f8", chunks=(1024, 1024)
        )
    assert file.stat().st_size < 1 << 20
    assert refusal(file).startswith(
        ": must hold at most 67108864 numbers; 'node/nodes/w/weight' is of (1048576, 1048576)"
    )


def test_strings_are_counted_in_bytes(tmp_path, monkeypatch):
    """A string of fixed length that no byte of the file holds, and one that is there many times."""
    file = tmp_path / "net.nir"
    with h5py.File(file, "w") as opened:
        opened.create_dataset("text", (), "S500000000")
    assert file.stat().st_size < 4096
    assert refusal(file) == f": strings must take at most {1 << 26} bytes"
    monkeypatch.setattr(hdf5, "MAX_TEXT_BYTES", 100)
    with h5py.File(file, "w") as opened:
        opened.create_dataset("text", data=["x" * 10] * 11, dtype=h5py.string_dtype())
    assert refusal(file) == ": strings must take at most 100 bytes"
    with h5py.File(file, "w") as opened:
        opened.create_dataset("text", ((1 << 16) + 1,), h5py.string_dtype(), chunks=(1024,))
    assert refusal(file) == f": must hold at most {1 << 16} strings"


def test_limits_of_members(tmp_path, monkeypatch):
    file = graph_file(tmp_path / "net.nir")
    monkeypatch.setattr(hdf5, "MAX_NODES", 5)
    assert refusal(file) == ": must have at most 5 groups and arrays"
    monkeypatch.setattr(hdf5, "MAX_NODES", 100)
    monkeypatch.setattr(hdf5, "MAX_DEPTH", 2)
    assert refusal(file) == ": groups must be nested at most 2 deep"
    monkeypatch.setattr(hdf5, "MAX_BYTES", 100)
    assert refusal(file) == ": must hold at most 100 bytes"


def test_lava_files(tmp_path):
    file = dense_net(tmp_path / "net.net", [{"weight": [[1, 2]], "vDecay": 1, "vThMant": 3}])
    with h5py.File(file, "a") as opened:
        opened.move("layer/0", "layer/3")
    assert refusal(file) == ": layers must be numbered 0..0, not '3'"
    with h5py.File(file, "a") as opened:
        opened.move("layer/3", "layer/0")
        del opened["layer/0/neuron"]
    assert refusal(file) == ": layer 0: neuron is missing"


class Planted:
    """What a pickle would run."""

    def __reduce__(self):
        return (print, ("planted",))


def test_a_pickle_is_not_run(tmp_path, capsys):
    torch.save({"a": Planted()}, tmp_path / "net.pt")
    assert refusal(tmp_path / "net.pt").startswith(": not a readable state dict: ")
    (tmp_path / "old.pt").write_bytes(pickle.dumps({"a": Planted()}))
    refusal(tmp_path / "old.pt")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2], ": must hold a state dict, not a list"),
        ({"a": 1}, ": 'a' must be a tensor, not a int"),
        ({}, ": must hold at least 1 tensor, not 0"),
        ({"a": torch.ones(2, dtype=torch.complex64)}, ": 'a' must hold real numbers"),
        ({"a": torch.empty(2, device="meta")}, ": 'a' must hold real numbers"),
        ({"a": torch.ones(1).expand(1 << 27)}, ": must hold at most 67108864 numbers"),
        (
            {"a.weight": torch.ones(2, 2)},
            ": must have neurons of snnTorch, or be named layers.0.weight, ... as DelRec names them",
        ),
    ],
)
def test_state_dicts_of_something_else(tmp_path, value, message):
    torch.save(value, tmp_path / "net.pt")
    assert refusal(tmp_path / "net.pt") == message


def test_parameters_are_their_numbers(tmp_path):
    torch.save({"a": torch.nn.Parameter(torch.arange(3.0))}, tmp_path / "net.pt")
    assert state_dict.read_state_dict(tmp_path / "net.pt")["a"].tolist() == [0, 1, 2]


def test_a_size_of_more_than_64_bits_is_counted(tmp_path):
    """An archive whose directory says so too."""
    member = io.BytesIO()
    form = {"descr": "|i1", "fortran_order": False, "shape": (1 << 31, 1 << 32)}
    np.lib.format.write_array_header_1_0(member, form)
    with zipfile.ZipFile(tmp_path / "net.npz", "w") as archive:
        archive.writestr("layer0.weight.npy", member.getvalue())
        archive.infolist()[0].file_size += 1 << 63
    assert refusal(tmp_path / "net.npz") == ": must hold at most 67108864 numbers"


def test_a_state_dict_that_unpacks_to_too_much(tmp_path, monkeypatch):
    torch.save({"a": torch.zeros(4000)}, tmp_path / "net.pt")
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(tmp_path / "net.pt") as source,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            target.writestr(name, source.read(name))
    (tmp_path / "net.pt").write_bytes(packed.getvalue())
    monkeypatch.setattr(state_dict, "MAX_BYTES", len(packed.getvalue()) + 100)
    assert refusal(tmp_path / "net.pt").startswith(": must unpack to at most ")
