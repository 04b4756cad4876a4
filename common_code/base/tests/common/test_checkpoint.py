# From common_code/base/tests/common/test_checkpoint.py; edit it there, then tools/sync.py.
"""Checkpoints: whole or not at all, and read without running code."""

import errno
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tests.helpers import FOLDER, quiet_environment
from tests.method import build
from utils.common.checkpoint import (
    copy_weights,
    is_run_checkpoint,
    load_checkpoint,
    random_states,
    restore_random_states,
    save_checkpoint,
    save_weights,
)
from utils.common.files import write_atomically
from utils.util_weights import load_model
from utils.utils import InputError


def test_round_trip(tmp_path: Path) -> None:
    state = {"model": {"a": torch.rand(3)}, "next_epoch": 2, "arguments": {"lr": 0.1, "x": None}}
    save_checkpoint(tmp_path / "last.pth", state)
    found = load_checkpoint(tmp_path / "last.pth")
    assert torch.equal(found["model"]["a"], state["model"]["a"])
    assert (found["next_epoch"], found["arguments"]) == (2, state["arguments"])
    assert [p.name for p in tmp_path.iterdir()] == ["last.pth"]


def test_weights_carry_what_they_are(tmp_path: Path) -> None:
    model = build().to(memory_format=torch.channels_last)
    save_weights(tmp_path / "a.safetensors", model, {"seed": "7"})
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        assert file.metadata() == {"seed": "7"}
    found = load_checkpoint(tmp_path / "a.safetensors")
    assert found.pop("about") == {"seed": "7"}
    for name, value in model.state_dict().items():
        assert torch.equal(found[name], value)


SAVE = """
import sys
from pathlib import Path
import torch
from utils.common.checkpoint import save_weights
torch.manual_seed(0)
about = {word: word.upper() for word in "seed loss epoch method git_revision network".split()}
save_weights(Path(sys.argv[1]), torch.nn.Conv2d(2, 3, 3), about)
"""


def test_the_same_weights_are_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    written = []
    for number in range(3):
        path = tmp_path / f"{number}.safetensors"
        environment = {**quiet_environment(), "PYTHONHASHSEED": str(number)}
        command = [sys.executable, "-c", SAVE, str(path)]
        subprocess.run(command, cwd=FOLDER, env=environment, check=True)
        written.append(path.read_bytes())
    assert len(set(written)) == 1
    with safe_open(path, "pt") as file:
        assert set(file.keys()) == {"weight", "bias"}
        assert file.metadata()["loss"] == "LOSS"
        torch.manual_seed(0)
        assert torch.equal(file.get_tensor("weight"), torch.nn.Conv2d(2, 3, 3).weight)
    assert int.from_bytes(written[0][:8], "little") % 8 == 0


def test_failing_halfway_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "last.pth"
    path.write_bytes(b"old")

    def fill(file: IO[bytes]) -> None:
        file.write(b"new")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left on device") as caught:
        write_atomically(path, fill)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["last.pth"]


DISK_FULL = """
import resource, signal, sys
from pathlib import Path
import torch
from utils.common.checkpoint import save_checkpoint
from utils.utils import run_main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
run_main(lambda path: save_checkpoint(path, {"x": torch.ones(100_000)}), Path(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file size are POSIX")
def test_disk_full_while_saving_keeps_the_old_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "last.pth"
    save_checkpoint(path, {"x": torch.zeros(3)})
    done = subprocess.run(
        [sys.executable, "-c", DISK_FULL, str(path)],
        cwd=FOLDER,
        env=quiet_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "cannot write" in done.stderr
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr
    assert load_checkpoint(path)["x"].tolist() == [0, 0, 0]
    assert [p.name for p in tmp_path.iterdir()] == ["last.pth"]


def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"cannot write.*Not a directory.*file/last.pth"):
        save_checkpoint(tmp_path / "file" / "last.pth", {})
    with pytest.raises(OSError, match=r"cannot write.*No such file or directory"):
        save_checkpoint(tmp_path / "absent" / "last.pth", {})


class Trap:
    """Pickled, it makes a file when it is loaded by `pickle`."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple:
        return Path.touch, (self.made,)


def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    path, made = tmp_path / "trap.pth", tmp_path / "made"
    torch.save({"model": {"conv1.weight": Trap(made)}}, path)
    with pytest.raises(InputError, match=r"was not loaded.*can run code"):
        load_checkpoint(path)
    assert not made.exists()
    pickle.loads(pickle.dumps(Trap(made)))  # the trap does work
    assert made.exists()


@pytest.mark.parametrize("name", ["a.pth", "a.model", "a.safetensors", "a.npz"])
@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 cut short", b"\x80\x02}q\x00"])
def test_unreadable_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        load_checkpoint(tmp_path / name)


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_truncated_file_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("pth"):
        save_checkpoint(path, build().state_dict())
    else:
        save_weights(path, build(), {})
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(InputError, match=f"{name} is not a readable checkpoint"):
        load_checkpoint(path)


def test_arrays_are_read_and_nothing_else(tmp_path: Path) -> None:
    path, made = tmp_path / "a.npz", tmp_path / "made"
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.savez(path, **{"scope/kernel": values})
    [(name, tensor)] = load_checkpoint(path).items()
    assert name == "scope/kernel"
    assert torch.equal(tensor, torch.tensor(values))
    for other in (np.array(["text"]), np.array([Trap(made)], dtype=object)):
        np.savez(path, other=other)
        with pytest.raises(InputError, match=r"a\.npz is not a readable checkpoint"):
            load_checkpoint(path)
    assert not made.exists()


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
def test_small_files_that_declare_terabytes(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    for huge in (
        torch.zeros(1).expand(10**6, 10**6),
        torch.zeros(2**20, 2**20, device="meta"),
        torch.sparse_coo_tensor([[0], [0]], [1.0], (2**20, 2**20), check_invariants=True),
    ):
        torch.save({"deep": {"inside": [{"weight": huge}]}}, path)
        with pytest.raises(InputError, match=r"a\.pth is not a readable checkpoint"):
            load_checkpoint(path)
    with zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weight.npy", bytes(10**8))
    with pytest.raises(InputError, match=r"b\.npz .* would unpack to 100000000 bytes"):
        load_checkpoint(tmp_path / "b.npz")
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}"
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as archive:
        start = b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little")
        archive.writestr("weight.npy", start + header + b"\n" + bytes(64))
    with pytest.raises(InputError, match=r"c\.npz is not a readable checkpoint"):
        load_checkpoint(tmp_path / "c.npz")


def test_nested_loops_end(tmp_path: Path) -> None:
    shared: list = [torch.zeros(1)]
    for _ in range(60):
        shared = [shared, shared]  # 2**60 ways to the tensor
    shared.append(shared)
    torch.save({"a": shared}, tmp_path / "a.pth")
    assert set(load_checkpoint(tmp_path / "a.pth")) == {"a"}


SPOILT = {
    "holds int64, not float32 values": lambda value: value.round().long(),
    "holds complex64, not float32 values": lambda value: value.to(torch.complex64),
    "not finite": lambda value: torch.full_like(value, float("inf")),
    "values that are not finite": lambda value: torch.where(value == value.max(), torch.nan, value),
}


@pytest.mark.parametrize("reason", SPOILT)
def test_spoilt_weights_are_refused(tmp_path: Path, reason: str) -> None:
    state = build().state_dict()
    for name in (next(iter(state)), list(state)[-1]):
        path = tmp_path / "a.pth"
        save_checkpoint(path, {**state, name: SPOILT[reason](state[name])})
        with pytest.raises(InputError, match=rf"a\.pth cannot be used: {name} .*{reason}"):
            load_model(path)


def test_weights_of_other_precisions_are_taken() -> None:
    own = {"a": torch.zeros(3), "count": torch.zeros((), dtype=torch.int64)}
    for kind in (torch.float16, torch.bfloat16, torch.float64):
        found = {"a": torch.tensor([1, 2.5, -3], dtype=kind), "count": torch.tensor(7)}
        copy_weights(own, found, Path("a.pth"))
        assert own["a"].tolist() == [1, 2.5, -3]
        assert own["count"] == 7
        own["a"].zero_()


def test_entries_without_names(tmp_path: Path) -> None:
    torch.save({1: torch.zeros(2), "b": torch.zeros(2)}, tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"a\.pth .* not all of its entries have names"):
        load_checkpoint(tmp_path / "a.pth")
    torch.save({"model": {1: torch.zeros(2), "b": torch.zeros(2)}}, tmp_path / "b.pth")
    with pytest.raises(InputError, match=r"b\.pth"):
        load_model(tmp_path / "b.pth")


def test_a_folder_is_read_as_the_hub_lays_it_out(tmp_path: Path) -> None:
    save_weights(tmp_path / "model.safetensors", torch.nn.Linear(2, 1), {})
    assert set(load_checkpoint(tmp_path)) == {"weight", "bias", "about"}
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no such file: .*empty.model\.safetensors"):
        load_checkpoint(tmp_path / "empty")


def test_absent_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_checkpoint(tmp_path / "absent.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(InputError, match="holds a list"):
        load_checkpoint(tmp_path / "list.pth")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"a": 1}, protocol=2))
    with pytest.raises(InputError, match=r"plain\.pkl"):
        load_checkpoint(tmp_path / "plain.pkl")


def test_a_run_is_told_from_weights() -> None:
    keys = ("model", "optimizer", "scheduler", "next_epoch", "best_loss", "arguments")
    run = dict.fromkeys(keys)
    assert is_run_checkpoint(run)
    assert not is_run_checkpoint({"model": {}, "epoch": 3})
    assert not is_run_checkpoint(build().state_dict())


def test_random_states_come_back() -> None:
    states = random_states()
    drawn = torch.rand(4)
    assert not torch.equal(torch.rand(4), drawn)
    restore_random_states(states)
    assert torch.equal(torch.rand(4), drawn)
