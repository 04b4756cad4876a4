import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from benchmark.methods import BASELINES, Method, find_methods


def add(root: Path, name: str, facts: object = None) -> Path:
    """Add a method's folder, with a benchmark.json if there are facts."""
    folder = root / name
    folder.mkdir()
    (folder / "run_fusion.py").touch()
    if facts is not None:
        (folder / "benchmark.json").write_text(json.dumps(facts))
    return folder


def test_methods_are_found_by_their_folders(tmp_path: Path) -> None:
    late = add(tmp_path, "Alpha_2031")
    early = add(tmp_path, "Beta_2019", {"fuses": ["pairs", "exposures"]})
    add(tmp_path, "tools")
    (tmp_path / "Empty_2020").mkdir()
    found = find_methods(tmp_path)
    assert list(found) == ["Beta", "Alpha", *BASELINES]
    assert found["Alpha"] == Method(("pairs",), late)
    assert found["Beta"] == Method(("pairs", "exposures"), early)


def test_methods_of_one_name_are_called_as_their_folders(tmp_path: Path) -> None:
    for name in ("Same_2020", "Same_2018", "Other_2019"):
        add(tmp_path, name)
    assert list(find_methods(tmp_path)) == ["Same_2018", "Other", "Same_2020", *BASELINES]


def test_students_follow_their_teacher(tmp_path: Path) -> None:
    for name in ("Alpha_2031", "Beta_2019"):
        add(tmp_path, name, {"fuses": ["pairs", "exposures"]})
    for name, kind in (("beta_small", "pair"), ("beta", "exposures")):
        weights = tmp_path / "apps" / "realtime" / "weights" / name / "model.safetensors"
        weights.parent.mkdir(parents=True)
        save_file({"bias": np.zeros(1)}, weights, {"teacher": "beta", "kind": kind})
    found = find_methods(tmp_path)
    assert list(found) == ["Beta", "Beta-realtime", "Beta-realtime-small", "Alpha", *BASELINES]
    command = ("-m", "apps.realtime.fuse", "--teacher", "beta", "--weights")
    for name, folder, kind in (
        ("Beta-realtime", "beta", "exposures"),
        ("Beta-realtime-small", "beta_small", "pairs"),
    ):
        file = f"apps/realtime/weights/{folder}/model.safetensors"
        assert found[name] == Method((kind,), tmp_path, (*command, file), teacher="beta")


@pytest.mark.parametrize(
    "facts", [[], {}, {"fuses": []}, {"fuses": ["videos"]}, {"fuses": 1}, {"kinds": ["pairs"]}]
)
def test_other_facts_are_an_error_that_names_the_file(tmp_path: Path, facts: object) -> None:
    add(tmp_path, "Odd_2020", facts)
    with pytest.raises(ValueError, match=r"Odd_2020/benchmark\.json: expected"):
        find_methods(tmp_path)


def test_this_repository_has_methods_for_each_kind_of_set() -> None:
    found = [method for method in find_methods().values() if not method.baseline]
    assert {kind for method in found for kind in method.kinds} == {"pairs", "exposures", "focus"}
