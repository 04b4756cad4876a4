from __future__ import annotations

from pathlib import Path

import pytest

from tools.check_copies import HEADER, find_problems, fix

ONE, OTHER = "OneFuse_2001", "OtherFuse_2002"
DECLARED = {"utils/shared.py": (ONE, OTHER)}
BODY = "".join(f"value_{n} = {n}\n" for n in range(20))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two methods with one shared file, and files of their own."""
    for name in (ONE, OTHER):
        write(tmp_path / name / "utils" / "shared.py", f"{HEADER}\n{BODY}")
        write(tmp_path / name / "configs.py", f'NAME = "{name}"\n' * 9)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_equal_copies_pass(tree: Path) -> None:
    assert find_problems(tree, DECLARED, {}) == []


@pytest.mark.parametrize("name", [ONE, OTHER])
def test_a_changed_byte_fails_and_fix_mends_it(tree: Path, name: str) -> None:
    changed = tree / name / "utils" / "shared.py"
    data = changed.read_bytes()
    changed.write_bytes(data[:-2] + b"8" + data[-1:])
    (problem,) = find_problems(tree, DECLARED, {})
    assert f"{OTHER}/utils/shared.py: differs from {ONE}" in problem
    expected = (tree / ONE / "utils" / "shared.py").read_bytes()
    fix(tree, DECLARED)
    assert find_problems(tree, DECLARED, {}) == []
    assert (tree / OTHER / "utils" / "shared.py").read_bytes() == expected


def test_a_missing_copy_fails_and_fix_makes_it(tree: Path) -> None:
    (tree / OTHER / "utils" / "shared.py").unlink()
    assert "absent" in find_problems(tree, DECLARED, {})[0]
    fix(tree, DECLARED)
    assert find_problems(tree, DECLARED, {}) == []


def test_a_missing_source_fails_and_fix_leaves_the_copy(tree: Path) -> None:
    (tree / ONE / "utils" / "shared.py").unlink()
    fix(tree, DECLARED)
    (problem,) = find_problems(tree, DECLARED, {})
    assert problem.startswith(f"{ONE}/utils/shared.py: declared in COPIES, but absent")
    assert (tree / OTHER / "utils" / "shared.py").is_file()


def test_the_header_belongs_to_declared_files_and_only_to_them(tree: Path) -> None:
    for name in (ONE, OTHER):
        write(tree / name / "utils" / "shared.py", BODY)
    assert "first line" in find_problems(tree, DECLARED, {})[0]
    write(tree / OTHER / "models" / "net.py", f"{HEADER}\n")
    assert f"{OTHER}/models/net.py: says that it is a copy" in find_problems(tree, {}, {})[0]


@pytest.mark.parametrize(("changed", "alike"), [(3, True), (5, False)])
def test_undeclared_files_may_not_be_more_than_80_percent_alike(
    tree: Path, changed: int, alike: bool
) -> None:
    write(tree / ONE / "run.py", BODY)
    write(tree / OTHER / "run.py", BODY.replace("value", "number", changed))
    problems = find_problems(tree, DECLARED, {})
    assert len(problems) == alike
    assert all("run.py: 85% alike" in problem for problem in problems)
    assert find_problems(tree, DECLARED, {"run.py": "one line each"}) == []


def test_copies_outside_the_method_folders(tree: Path) -> None:
    elsewhere = {f"{ONE}/utils/shared.py": ("benchmark/shared.py",)}
    (problem,) = find_problems(tree, DECLARED, {}, elsewhere)
    assert problem.startswith("benchmark/shared.py: absent")
    fix(tree, DECLARED, elsewhere)
    assert find_problems(tree, DECLARED, {}, elsewhere) == []
    assert (tree / "benchmark" / "shared.py").read_text("utf-8") == f"{HEADER}\n{BODY}"
