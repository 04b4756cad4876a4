"""Start mmengine's Runner: packages, device, weights to start from, and resuming.

This is BFFR's own: its training loop is mmengine's, since its segmenter is mmsegmentation's.
"""

import io
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from utils.common.checkpoint import UNREADABLE, load_checkpoint
from utils.util_device import keep_freed_memory, resolve_device, set_threads
from utils.util_weights import LINKS
from utils.utils import InputError, warn

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner

HERE = Path(__file__).resolve().parents[1]
NEEDED = ("mmengine", "mmcv", "mmseg")
OPENMMLABS = ("mmengine", "mmengine-lite", "mmcv", "mmcv-full", "mmcv-lite", "mmsegmentation")
INSTALL = "pip install -e mmseg_bffr"
STAGE1 = "configs/fuser/transfuser6_avg.py"
STAGE2 = "configs/fuser_segmenters/transfuser_segformer_mit-b0_preavgfuser6.py"


def require_packages() -> None:
    """Check that mmsegmentation is there, and in the one form that works.

    Raises:
        InputError: it is missing, or OpenMMLab's own packages are installed; both say what to
            install.
    """
    if rivals := [f"{name} {found}" for name in OPENMMLABS if (found := _version_of(name))]:
        raise InputError(
            f"OpenMMLab's own packages are installed ({', '.join(rivals)}); they share the names "
            "of the maintained ones. Uninstall both, pip uninstall -y "
            f"{' '.join(r.split()[0] for r in rivals)} onedl-mmengine onedl-mmcv "
            f"onedl-mmsegmentation, then {INSTALL}"
        )
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise InputError(
            f"this needs mmsegmentation ({', '.join(missing)} not found): {INSTALL}, "
            "in the method's folder"
        )


def _version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def load_config(path: Path, options: Mapping[str, Any] | None = None) -> "Config":
    """Return a config file with options as `--cfg-options` gives them.

    Raises:
        InputError: no such file, or mmsegmentation is missing.
    """
    require_packages()
    warnings.filterwarnings("ignore", message="Fail to import")  # operators that no SegFormer uses
    warnings.filterwarnings("ignore", message="Default ``avg_non_ignore``")
    from mmengine.config import Config

    if not path.is_file():
        raise InputError(f"no config {path}; there are {STAGE1} and {STAGE2}")
    with redirect_stdout(io.StringIO()):  # mmsegmentation prints which of its extras are absent
        config = Config.fromfile(path)
    config.merge_from_dict(dict(options or {}))
    config.setdefault("work_dir", str(HERE / "work_dirs" / path.stem))
    return config


def choose_gpu(number: int) -> None:
    """Use one GPU of those that are visible, before CUDA starts; without any, the CPU.

    Raises:
        InputError: there are GPUs, but fewer.
    """
    count = torch.cuda.device_count()  # counts without starting CUDA
    if count == 0:
        warn(f"--gpu-id {number}: this machine has no GPU, going on with the CPU")
        return
    if number >= count:
        raise InputError(f"--gpu-id {number}: there are {count} GPUs, from 0")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    os.environ["CUDA_VISIBLE_DEVICES"] = visible.split(",")[number] if visible else str(number)


def choose_device(name: str) -> None:
    """Make mmengine, which takes the best device that it sees, use the one that is named."""
    device = resolve_device(name)
    if device.type == "cuda" and device.index is not None:
        choose_gpu(device.index)
    elif device.type == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def is_main_process() -> bool:
    """Tell whether this is the process that writes, before any are connected."""
    return os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0")) == "0"


def same_everywhere(path: Path | None, launcher: str) -> Path:
    """Return the main process's path in each, of those that a launcher started."""
    from mmengine.dist import broadcast_object_list

    shared = [path]
    if launcher != "none":
        connect(launcher)
        broadcast_object_list(shared)
    assert shared[0]
    return shared[0]


def connect(launcher: str) -> None:
    """Connect the processes that a launcher started.

    Raises:
        InputError: not torchrun's, on a machine without a GPU.
    """
    from mmengine.dist import init_dist, is_distributed

    if is_distributed():
        return
    if torch.cuda.is_available():
        init_dist(launcher, backend="nccl")
    elif launcher == "pytorch":
        torch.distributed.init_process_group("gloo")  # mmengine would look for GPUs
    else:
        raise InputError(f"--launcher {launcher} needs GPUs; torchrun and pytorch do without")


def build_runner(config: "Config", launcher: str = "none", threads: int = 0) -> "Runner":
    """Return mmengine's Runner for a config.

    Args:
        config: From `load_config`.
        launcher: `none`, or what started several processes: `pytorch`, `slurm` or `mpi`.
        threads: Of the CPU, 0 for one a core.
    """
    from mmengine.runner import Runner

    keep_freed_memory()
    set_threads(threads)
    config.launcher = launcher
    if launcher != "none":
        connect(launcher)
        _share_between_processes(config)
    return Runner.from_cfg(config)


def _share_between_processes(config: "Config") -> None:
    """On GPUs batch norms see the batches of all processes; CPUs have no device numbers."""
    if torch.cuda.is_available():
        config.sync_bn = "torch"
        return
    wrapper = {"type": "MMDistributedDataParallel", "device_ids": None, "broadcast_buffers": False}
    config.model_wrapper_cfg = wrapper


def train(
    config: "Config", resume: Path | None = None, launcher: str = "none", threads: int = 0
) -> Path:
    """Train as a config says and return its working folder.

    Args:
        config: From `load_config`.
        resume: A checkpoint of this very training to go on from.
        launcher: See `build_runner`.
        threads: See `build_runner`.

    Raises:
        InputError: weights to start from are absent or do not fit, or a foreign checkpoint.
    """
    for name in ("test_dataloader", "test_cfg", "test_evaluator"):
        config[name] = None
    state = read_own_checkpoint(resume) if resume else {}
    if resume:
        config.load_from, config.resume = str(resume), True
    if config.model.type == "FuserSegmenter":
        if resume:
            config.model.pretrained_fuser = config.model.pretrained_segmenter = None
        else:
            find_weights(config.model)
    runner = build_runner(config, launcher, threads)
    if resume:
        refuse_damage(runner, state, resume)
    with first_cause():
        runner.train()
    return Path(config.work_dir)


@contextmanager
def first_cause() -> Iterator[None]:
    """Give an `InputError` of a loading process without its traceback."""
    try:
        yield
    except InputError as error:
        last = str(error).strip().splitlines()[-1]
        raise InputError(last.partition("InputError: ")[2] or last) from error


def read_own_checkpoint(path: Path) -> dict[str, Any]:
    """Return a checkpoint of a training here.

    Raises:
        InputError: unreadable, a pickle that can run code, or without an optimiser's state.
    """
    state = load_checkpoint(path)
    if not {"state_dict", "optimizer", "param_schedulers", "meta"} <= set(state):
        raise InputError(
            f"{path} is no checkpoint of a run of this repository, which alone can be resumed; "
            "start a new run from its weights (pretrained_fuser, pretrained_segmenter)"
        )
    return state


def refuse_damage(runner: "Runner", state: Mapping[str, Any], path: Path) -> None:
    """Let a run that goes on with a damaged checkpoint end in an `InputError`.

    mmengine passes over weights that are missing, and raises all kinds of errors for the rest.

    Args:
        runner: About to resume.
        state: What the checkpoint holds.
        path: For messages.

    Raises:
        InputError: the network's weights are missing, of other shapes or types, or not finite.
    """
    model: Any = getattr(runner.model, "module", runner.model)
    found, own = state["state_dict"], model.state_dict()
    if not isinstance(found, dict) or found.keys() != own.keys():
        raise InputError(f"{path} cannot be resumed: it holds the weights of another network")
    for name, value in own.items():
        there = found[name]
        same = isinstance(there, Tensor) and (there.shape, there.dtype) == (
            value.shape,
            value.dtype,
        )
        if not (same and there.isfinite().all()):
            raise InputError(f"{path} cannot be resumed: its {name} is damaged")
    resume = runner.load_or_resume

    def resume_or_refuse() -> None:
        try:
            resume()
        except UNREADABLE as error:
            raise InputError(f"{path} cannot be resumed, it is damaged: {error}") from error

    runner.load_or_resume = resume_or_refuse  # type: ignore[method-assign]


def find_weights(model: "Config") -> None:
    """Replace the paths of a stage 2 model's weights by files that exist.

    Stage 1's result is looked for where the config says, then it is the last that was trained. A
    segmenter that is absent is left to chance, with a warning.

    Raises:
        InputError: there is no result of stage 1.
    """
    wanted = model.get("pretrained_fuser")
    if wanted and model.get("fusion", "network") == "network":
        found = Path(wanted) if Path(wanted).is_file() else _newest_stage1()
        if found is None:
            raise InputError(
                f"no result of stage 1: neither {wanted} (pretrained_fuser) nor a checkpoint "
                f"of {STAGE1} in work_dirs/ or runs/; run stage 1 first"
            )
        print(f"The fuser starts from {found}")
        model.pretrained_fuser = str(found)
    segmenter = model.get("pretrained_segmenter")
    if segmenter and not Path(segmenter).is_file():
        warn(
            f"no {segmenter}: the segmenter starts from random weights. The authors' mit_b0.pth, "
            f"trained on ImageNet, is at {LINKS['mit_b0.pth']}"
        )
        model.pretrained_segmenter = None
    elif segmenter:
        print(f"The segmenter starts from {segmenter}")


def _newest_stage1() -> Path | None:
    folders = [HERE / "work_dirs" / Path(STAGE1).stem]
    folders += (HERE / "runs").glob("*/checkpoints/stage1")
    found = [path for folder in folders if (path := newest_checkpoint(folder))]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def newest_checkpoint(work_dir: Path) -> Path | None:
    """Return the last checkpoint of a working folder that was written to its end, if any."""
    said = work_dir / "last_checkpoint"
    if not said.is_file():
        return None
    path = work_dir / Path(said.read_text(encoding="utf-8").strip()).name
    return path if path.is_file() else None
