from __future__ import annotations

from pathlib import Path

import pytest

from tools.sync import HEADER, PARTS, SOURCE, find_problems, sync

ONE, OTHER, THIRD = "OneFuse_2001", "OtherFuse_2002", "ThirdFuse_2003"
NAME = "utils/common/shared.py"
BODY = "".join(f"value_{n} = {n}\n" for n in range(20))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three methods, two of which take the part `base`, and files of their own."""
    write(tmp_path / SOURCE / "base" / NAME, content("base", NAME))
    for name in (ONE, OTHER, THIRD):
        write(tmp_path / name / "configs.py", f'NAME = "{name}"\n' * 9)
    for name in (ONE, OTHER):
        write(tmp_path / name / PARTS, "base\n")
    sync(tmp_path, {})
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def content(part: str, name: str) -> str:
    return f"{HEADER.format(f'{SOURCE}/{part}/{name}')}\n{BODY}"


def problems(tree: Path, variants: dict[str, str] | None = None) -> list[str]:
    return find_problems(tree, {}, variants or {})


def test_a_part_is_copied_where_it_is_taken(tree: Path) -> None:
    for name in (ONE, OTHER):
        assert (tree / name / NAME).read_text("utf-8") == content("base", NAME)
    assert not (tree / THIRD / NAME).exists()
    assert problems(tree) == []


def test_a_changed_or_missing_copy_fails_and_is_mended(tree: Path) -> None:
    changed = tree / OTHER / NAME
    changed.write_bytes(changed.read_bytes()[:-2] + b"8\n")
    (tree / ONE / NAME).unlink()
    found = problems(tree)
    assert [problem.partition(":")[0] for problem in found] == [f"{ONE}/{NAME}", f"{OTHER}/{NAME}"]
    sync(tree, {})
    assert problems(tree) == []


def test_what_is_taken_no_more_fails_and_is_deleted(tree: Path) -> None:
    (tree / ONE / PARTS).write_text("", encoding="utf-8")
    problem, near_copy = problems(tree)
    assert problem.startswith(f"{ONE}/{NAME}: vendored, but")
    assert f"{NAME}: 100% alike" in near_copy
    sync(tree, {})
    assert not (tree / ONE / NAME).exists()
    assert (tree / ONE / "configs.py").is_file()


def test_a_source_names_itself_in_its_first_line(tree: Path) -> None:
    write(tree / SOURCE / "base" / NAME, BODY)
    sync(tree, {})
    assert any(f"{SOURCE}/base/{NAME}: its first line is not" in p for p in problems(tree))


def test_parts_that_cannot_be_taken(tree: Path) -> None:
    (tree / ONE / PARTS).write_text("base\nabsent\n", encoding="utf-8")
    with pytest.raises(ValueError, match="there is no part absent"):
        sync(tree, {})
    write(tree / SOURCE / "absent" / NAME, content("absent", NAME))
    with pytest.raises(ValueError, match="would both be"):
        sync(tree, {})


@pytest.mark.parametrize(("changed", "alike"), [(3, True), (5, False)])
def test_own_files_may_not_be_more_than_80_percent_alike(
    tree: Path, changed: int, alike: bool
) -> None:
    write(tree / ONE / "run.py", BODY)
    write(tree / THIRD / "run.py", BODY.replace("value", "number", changed))
    found = problems(tree)
    assert len(found) == alike
    assert all("run.py: 85% alike" in problem for problem in found)
    assert problems(tree, {"run.py": "one line each"}) == []


def test_copies_outside_the_method_folders(tree: Path) -> None:
    outside = {f"base/{NAME}": ("benchmark/shared.py",)}
    [problem] = find_problems(tree, outside, {})
    assert problem.startswith("benchmark/shared.py: differs from")
    sync(tree, outside)
    assert find_problems(tree, outside, {}) == []
    assert (tree / "benchmark" / "shared.py").read_text("utf-8") == content("base", NAME)
