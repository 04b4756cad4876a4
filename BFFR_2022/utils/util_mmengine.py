"""Start mmengine's Runner: packages, configs, device, and processes.

BFFR trains with mmengine, because its segmenter is mmsegmentation's.
"""

import atexit
import io
import os
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from utils import HERE
from utils.util_device import keep_freed_memory, resolve_device
from utils.utils import InputError, warn

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner

NEEDED = ("mmengine", "mmcv", "mmseg")
OPENMMLABS = ("mmengine", "mmengine-lite", "mmcv", "mmcv-full", "mmcv-lite", "mmsegmentation")
INSTALL = "pip install -e mmseg_bffr"
STAGE1 = HERE / "configs/fuser/transfuser6_avg.py"
STAGE2 = HERE / "configs/fuser_segmenters/transfuser_segformer_mit-b0_preavgfuser6.py"


def require_packages() -> None:
    """Check that mmsegmentation is installed, in the one form that works.

    Raises:
        InputError: it is missing, or OpenMMLab's own packages are installed; the message says
            what to install.
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
    """Return a config file, changed by options as `--cfg-options` gives them.

    Raises:
        InputError: there is no such file, or mmsegmentation is missing.
    """
    require_packages()
    warnings.filterwarnings("ignore", message="Fail to import")  # operators SegFormer does not use
    warnings.filterwarnings("ignore", message="Default ``avg_non_ignore``")
    from mmengine.config import Config

    if not path.is_file():
        known = " and ".join(str(stage.relative_to(HERE)) for stage in (STAGE1, STAGE2))
        raise InputError(f"no config {path}; there are {known}")
    with redirect_stdout(io.StringIO()):  # mmsegmentation prints which of its extras are missing
        config = Config.fromfile(path)
    config.merge_from_dict(dict(options or {}))
    return config


def choose_device(name: str) -> None:
    """Make mmengine use this device; by itself it takes the best one that it sees.

    Args:
        name: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
    """
    device = resolve_device(name)
    if device.type == "cuda" and device.index is not None:
        choose_gpu(device.index)
    elif device.type == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def choose_gpu(number: int) -> None:
    """Use one of the visible GPUs, before CUDA starts; without a GPU use the CPU and warn.

    Raises:
        InputError: there are GPUs, but none with this number.
    """
    count = torch.cuda.device_count()  # counts without starting CUDA
    if count == 0:
        warn(f"--gpu-id {number}: this machine has no GPU, going on with the CPU")
        return
    if number >= count:
        raise InputError(f"--gpu-id {number}: there are {count} GPUs, from 0")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    os.environ["CUDA_VISIBLE_DEVICES"] = visible.split(",")[number] if visible else str(number)


def is_main_process() -> bool:
    """Return True in the process that writes files; works before processes are connected."""
    return os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0")) == "0"


def share_path(path: Path | None, launcher: str) -> Path:
    """Return the main process's path in every process that a launcher started."""
    from mmengine.dist import broadcast_object_list

    shared = [path]
    if launcher != "none":
        connect(launcher)
        broadcast_object_list(shared)
    assert shared[0]
    return shared[0]


def wait_for_others() -> None:
    """Wait until all processes have come here; a process that runs alone goes on at once."""
    from mmengine.dist import barrier

    barrier()


def connect(launcher: str) -> None:
    """Connect the processes that a launcher started, until they exit.

    Raises:
        InputError: the machine has no GPU and the launcher is not torchrun.
    """
    from mmengine.dist import init_dist, is_distributed

    if is_distributed():
        return
    if torch.cuda.is_available():
        init_dist(launcher, backend="nccl")
    elif launcher == "pytorch":
        torch.distributed.init_process_group("gloo")  # mmengine's init_dist needs GPUs
    else:
        raise InputError(f"--launcher {launcher} needs GPUs; torchrun and pytorch do without")
    # A process group that is left open can abort the exit.
    atexit.register(torch.distributed.destroy_process_group)


def build_runner(config: "Config", launcher: str = "none") -> "Runner":
    """Return mmengine's Runner for a config.

    Args:
        config: From `load_config`.
        launcher: `none`, or what started several processes: `pytorch`, `slurm` or `mpi`.
    """
    from mmseg_bffr.runtime import CheckedRunner

    keep_freed_memory()
    config.launcher = launcher
    if launcher != "none":
        connect(launcher)
        _share_between_processes(config)
    return CheckedRunner.from_cfg(config)


def _share_between_processes(config: "Config") -> None:
    """Let batch norms on GPUs use the batches of all processes; CPUs have no device numbers.

    `CheckedRunner` does the same for batch norms on CPUs.
    """
    if torch.cuda.is_available():
        config.sync_bn = "torch"
        return
    wrapper = {"type": "MMDistributedDataParallel", "device_ids": None, "broadcast_buffers": False}
    config.model_wrapper_cfg = wrapper
