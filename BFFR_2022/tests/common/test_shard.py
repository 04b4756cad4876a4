# From common_code/base/tests/common/test_shard.py; edit it there, then tools/sync.py.
"""Parts of many names: `--shard`."""

import argparse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.common.shard import Shard, shard, shard_of


@given(st.sets(st.text(max_size=4)), st.integers(1, 9), st.randoms())
def test_parts_are_disjoint_even_and_all(names: set[str], count: int, rng: object) -> None:
    parts = [Shard(number, count).take(names) for number in range(1, count + 1)]
    assert sorted(name for part in parts for name in part) == sorted(names)
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1


def test_parts_are_by_name_whatever_the_order() -> None:
    assert Shard(2, 3).take(["d", "a", "e", "b", "c"]) == ["b", "e"]
    assert Shard(2, 3).take(["e", "d", "c", "b", "a"]) == ["b", "e"]
    assert Shard(3, 3).take(["a", "b"]) == []


def test_a_file_of_its_own() -> None:
    assert Shard(2, 8).name(Path("out/scores.csv")) == Path("out/scores-2-of-8.csv")


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "a/3", "1/3/5", "-1/3", "", "1.0/3"])
def test_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="say I/N"):
        shard(text)


def slurm(index: int, count: int, low: int | None = None, step: int = 1) -> dict[str, str]:
    """Return the variables that SLURM sets in a task of an array."""
    variables = {"SLURM_ARRAY_TASK_ID": index, "SLURM_ARRAY_TASK_COUNT": count}
    if low is not None:
        high = low + step * (count - 1)
        variables |= {"SLURM_ARRAY_TASK_MIN": low, "SLURM_ARRAY_TASK_MAX": high}
        variables |= {"SLURM_ARRAY_TASK_STEP": step}
    return {name: str(value) for name, value in variables.items()}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (slurm(0, 4), Shard(1, 4)),
        (slurm(0, 4, 0), Shard(1, 4)),  # --array=0-3
        (slurm(3, 4, 0), Shard(4, 4)),
        (slurm(1, 4, 1), Shard(1, 4)),  # --array=1-4
        (slurm(4, 4, 1), Shard(4, 4)),
        (slurm(15, 3, 5, 5), Shard(3, 3)),  # --array=5-15:5
        (slurm(7, 1, 7), Shard(1, 1)),  # --array=7
        ({"RANK": "0", "WORLD_SIZE": "2"}, Shard(1, 2)),
        ({"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}, Shard(2, 2)),
        ({"JOB_COMPLETION_INDEX": "9", "JOB_COMPLETIONS": "10"}, Shard(10, 10)),
    ],
)
def test_schedulers(variables: dict[str, str], expected: Shard) -> None:
    assert shard_of({"HOME": "/", **variables}) == expected


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "none of these is set: SLURM_ARRAY_TASK_ID with"),
        ({"RANK": "0"}, "RANK is set and WORLD_SIZE is not"),
        ({"RANK": "2", "WORLD_SIZE": "2"}, "RANK=2, WORLD_SIZE=2: no such part"),
        ({"RANK": "x", "WORLD_SIZE": "2"}, "RANK=x"),
        ({"RANK": "0", "WORLD_SIZE": "2"} | slurm(0, 4, 0), "several of these are set"),
        (slurm(3, 2, 3) | {"SLURM_ARRAY_TASK_MAX": "7"}, "leave gaps"),  # --array=3,7
        (slurm(4, 3, 1, 2), "leave gaps"),
        (slurm(0, 4, 1), "no such part"),
    ],
)
def test_schedulers_refused(variables: dict[str, str], message: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        shard_of(variables)


def test_env_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in slurm(2, 3, 1).items():
        monkeypatch.setenv(name, value)
    for name in ("RANK", "WORLD_SIZE", "JOB_COMPLETION_INDEX"):
        monkeypatch.delenv(name, raising=False)
    assert shard("env") == Shard(2, 3)
