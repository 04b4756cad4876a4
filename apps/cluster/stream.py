"""The stages as one stream of Ray Data."""

import argparse
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from apps.cluster.addresses import INSTALL, UsageError
from apps.cluster.stages import Fuser, Row, Watch, score

ROOT = Path(__file__).resolve().parents[2]
OBJECT_STORE = 2**28  # bytes on this machine: rows are small, and images do not travel
TRIES = 2  # of a pair whose process is lost, before it is left for a process of its own
SHARES = 4  # blocks of pairs for each call that runs at a time, so that all end together
LARGEST = 64  # pairs of a block: what is looked at again when a process is lost


class Resources(NamedTuple):
    """What the stream may use.

    Attributes:
        actors: That fuse.
        gpus: Of each actor, 0 or 1.
        in_flight: Pairs that an actor reads, fuses and writes at a time.
    """

    actors: int
    gpus: int
    in_flight: int


class Scoring(NamedTuple):
    """Which metrics are computed."""

    convention: str
    metrics: list[str]


def start(address: str, num_cpus: int | None, num_gpus: int | None) -> tuple[int, int]:
    """Join a cluster, or begin with this machine alone, and return the number of CPUs and of GPUs.

    Args:
        address: `local`, or a cluster's.
        num_cpus: Use no more; None for all.
        num_gpus: Use no more; None for all.

    Raises:
        UsageError: Ray is missing.
        OSError: no cluster at the address.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_worker_niceness", "0")  # as run_fusion.py; Ray's default is 15
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # of Ray Data's actors, which are fine
    try:
        import ray.data
    except ImportError as error:
        raise UsageError(f"Ray is missing: {INSTALL}") from error
    alone = address == "local"
    ray.init(
        address,
        num_cpus=num_cpus if alone else None,
        num_gpus=num_gpus if alone else None,
        object_store_memory=OBJECT_STORE if alone else None,
        runtime_env=None if alone else {"working_dir": str(ROOT)},  # a copy of this repository
        include_dashboard=False if alone else None,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # an error that no stage expects costs its pairs only
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    there = ray.cluster_resources()
    limits = {"CPU": num_cpus, "GPU": num_gpus}
    cpus, gpus = (
        int(min(there.get(kind, 0), there.get(kind, 0) if limit is None else limit))
        for kind, limit in limits.items()
    )
    return max(1, cpus), gpus


def fuse(
    rows: Sequence[Row],
    method: str,
    args: argparse.Namespace,
    resources: Resources,
    scoring: Scoring | None = None,
) -> Iterator[Row]:
    """Yield what became of each pair, in the order in which they end: see `Fuser` and `score`.

    A pair at which an error was raised that no stage expects is not yielded; Ray prints the error.

    Args:
        rows: What a `Fuser` takes.
        method: Its name.
        args: Parsed flags of its `run_fusion.py`.
        resources: What may be used.
        scoring: Metrics to compute beside, None for none.
    """
    import ray
    from ray.data import ActorPoolStrategy

    watch = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Watch).remote()
    pool = ActorPoolStrategy(
        size=min(resources.actors, len(rows)),
        max_concurrent_calls_per_actor=resources.in_flight,
        max_tasks_in_flight_per_actor=2 * resources.in_flight,
        enable_true_multi_threading=True,
    )
    data = _data(rows, resources.actors * resources.in_flight).map(
        Fuser,
        fn_constructor_args=(method, args, watch, TRIES),
        compute=pool,
        num_cpus=1,
        num_gpus=resources.gpus,
    )
    if scoring:
        data = data.map(score, fn_kwargs=scoring._asdict(), num_cpus=1)
    yield from data.iter_rows()


def score_only(rows: Sequence[Row], scoring: Scoring) -> Iterator[Row]:
    """Yield rows of results that are there with their scores: see `score`."""
    import ray

    data = _data(rows, int(ray.cluster_resources().get("CPU", 1)))
    yield from data.map(score, fn_kwargs=scoring._asdict(), num_cpus=1).iter_rows()


def _data(rows: Sequence[Row], calls: int) -> Any:
    """Return rows as a dataset, whose blocks are what a call takes.

    Args:
        rows: What the stages take.
        calls: How many of them run at a time. A block of few pairs costs each pair some
            hundredths of a second.
    """
    import ray.data

    side = min(LARGEST, max(1, len(rows) // (SHARES * calls)))
    return ray.data.from_items(list(rows), override_num_blocks=-(-len(rows) // side))
