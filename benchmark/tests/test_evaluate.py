import os
from pathlib import Path

import numpy as np
import pytest

from benchmark.image_files import read_channels
from benchmark.metrics import COLUMNS, CONVENTIONS
from benchmark.tests.cli import PAIRS, read, refused, run, run_script, save

CHOSEN = ["en", "sf", "mi", "ce", "scd", "vif", "qabf", "ssim"]
METHODS = ("mean", "visible")


def expected_scores(folder: Path, method: str, number: str, convention: str) -> list[float]:
    paths = (f"ir/IR{number}.png", f"vis/VIS{number}.png", f"{method}/{number}.png")
    ir, vis, fused = (read_channels(folder / path) for path in paths)
    return CONVENTIONS[convention].score(CHOSEN, [ir, vis], fused)


def test_scores_and_means(folder: Path) -> None:
    done = run_script(folder, *PAIRS, "--metrics", *CHOSEN, "--workers", "2")
    assert done.returncode == 0, done.stderr
    header, *rows = read(folder / "out/scores.csv")
    assert header == ["method", "image", *CHOSEN]
    assert [row[:2] for row in rows] == [[m, str(n)] for m in METHODS for n in (1, 2, 3)]
    for method, number, *scores in rows:
        expected = expected_scores(folder, method, number, "standard")
        assert [float(s) for s in scores] == pytest.approx(expected, rel=1e-8, nan_ok=True)
    convention, count, methods, *table = done.stdout.splitlines()
    assert convention == "convention standard: the published definitions, on luma in 0-255"
    assert count == "3 images, mean ± standard deviation"
    assert methods.split() == list(METHODS)
    assert len({len(line) for line in (methods, *table)}) == 1
    for column, (name, line) in enumerate(zip(CHOSEN, table, strict=True)):
        label, arrow, *cells = line.split()
        assert (label, arrow) == (COLUMNS[name].label, "↓" if name == "ce" else "↑")
        for place, method in enumerate(METHODS):
            values = [float(row[2 + column]) for row in rows if row[0] == method]
            mean, sign, deviation = cells[3 * place : 3 * place + 3]
            assert sign == "±"
            assert float(mean) == pytest.approx(np.mean(values), abs=6e-5, nan_ok=True)
            assert float(deviation) == pytest.approx(np.std(values, ddof=1), abs=6e-5, nan_ok=True)
    assert "3/3" in done.stderr
    assert list((folder / "out").iterdir()) == [folder / "out/scores.csv"]


@pytest.mark.parametrize("convention", ["vifb", "tang", "cddfuse"])
def test_a_convention_has_its_own_tables(folder: Path, convention: str) -> None:
    done = run(folder, *PAIRS, "--convention", convention)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"convention {convention}: ")
    header, *rows = read(folder / "out/scores.csv")
    assert header[2:] == list(CONVENTIONS[convention].default)
    images = [read_channels(folder / path) for path in ("ir/IR1.png", "vis/VIS1.png", "mean/1.png")]
    expected = CONVENTIONS[convention].score(header[2:], images[:2], images[2])
    assert [float(score) for score in rows[0][2:]] == pytest.approx(expected, rel=1e-8)


def test_the_standard_has_all_metrics(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for name in ("ir/1.png", "vis/1.png", "mean/1.png"):
        save(tmp_path / name, rng.integers(0, 256, (161, 165, 3), dtype=np.uint8))
    arguments = ["--ir", "ir", "--vis", "vis", "--fused", "mean=mean", "--workers", "1"]
    done = run(tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
    header, row = read(tmp_path / "out/scores.csv")
    assert header == ["method", "image", *(name for name in COLUMNS if name != "mse")]
    assert np.isfinite([float(score) for score in row[2:]]).all()
    assert "±" not in done.stdout.split("\n", 2)[2]  # one image has no deviation


def test_single_files(folder: Path) -> None:
    command = ["--ir", "ir/IR1.png", "--vis", "vis/VIS2.png"]
    command += ["--fused", "a=mean/3.png", "--fused", "b=ir/IR1.png", "--output", "one.csv"]
    command += ["--metrics", "en"]
    done = run_script(folder, *command)
    assert done.returncode == 0, done.stderr
    assert [row[:2] for row in read(folder / "one.csv")[1:]] == [["a", "2"], ["b", "2"]]


def test_existing_output_needs_overwrite(folder: Path) -> None:
    output = folder / "out/scores.csv"
    output.parent.mkdir()
    output.write_text("precious")
    done = run(folder, *PAIRS)
    assert done.returncode == 1
    assert "scores.csv exists; replace it with --overwrite" in done.stderr
    assert output.read_text() == "precious"
    assert run(folder, *PAIRS, "--overwrite", "--metrics", "en").returncode == 0
    assert len(read(output)) == 7


@pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("loop", "is a loop of symbolic links"),
        ("loop above", "is a loop of symbolic links"),
        ("folder", "is a folder; expected a file"),
        ("file above", "cannot be written"),
    ],
)
def test_an_output_that_cannot_be_written(
    folder: Path, kind: str, message: str, overwrite: tuple[str, ...]
) -> None:
    output = folder / "new/scores.csv"
    if kind == "loop":
        output.parent.mkdir()
        output.symlink_to(output)
    elif kind == "loop above":
        output.parent.symlink_to(folder / "new")
    elif kind == "folder":
        output.mkdir(parents=True)
    else:
        output.parent.touch()
    done = run(folder, *PAIRS, "--output", str(output), *overwrite)
    refused(folder, done, f"error: {output} (--output) {message}")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="a superuser may write everywhere"
)
def test_an_output_without_permission(folder: Path) -> None:
    (folder / "shut").mkdir(mode=0o500)
    done = run(folder, *PAIRS, "--output", "shut/new/scores.csv")
    refused(folder, done, "(--output) cannot be written: no permission to write to")


def test_an_output_that_is_an_image_is_kept(folder: Path) -> None:
    (folder / "scores.csv").symlink_to(folder / "mean/1.png")
    before = (folder / "mean/1.png").read_bytes()
    for output in ("mean/1.png", "scores.csv"):
        done = run(folder, *PAIRS, "--output", output, "--overwrite")
        refused(folder, done, f"{output} (--output) would replace {Path('mean/1.png')}")
    assert (folder / "mean/1.png").read_bytes() == before


def test_one_image_is_not_both_sources(folder: Path) -> None:
    message = f"{Path('vis/VIS1.png')} is given with --ir and with --vis"
    refused(folder, run(folder, *PAIRS, "--ir", "vis"), message)


def test_a_missing_result_is_named(folder: Path) -> None:
    (folder / "mean/2.png").unlink()
    refused(folder, run(folder, *PAIRS), "mean (--fused mean) has no image for 2 of --vis")


def test_sizes_must_agree(folder: Path) -> None:
    small = np.zeros((48, 51), dtype=np.uint8)
    save(folder / "visible/2.png", small)
    save(folder / "ir/IR3.png", small)
    sources = f"{Path('ir/IR3.png')} 48 x 51, {Path('vis/VIS3.png')} 48 x 52"
    result = f"{Path('vis/VIS2.png')} 48 x 52, {Path('visible/2.png')} 48 x 51"
    refused(
        folder,
        run(folder, *PAIRS),
        f"3 (--ir, --vis): sizes differ, height x width: {sources}",
        f"2 (--fused visible): sizes differ, height x width: {result}",
    )


def test_every_unreadable_file_is_named(folder: Path) -> None:
    (folder / "vis/VIS1.png").write_text("text")
    (folder / "mean/3.png").write_bytes(b"")
    vis, fused = Path("vis/VIS1.png"), Path("mean/3.png")
    messages = (f"{vis} cannot be decoded", f"3 (--fused mean): {fused} cannot be decoded")
    refused(folder, run_script(folder, *PAIRS, "--workers", "2"), *messages)


@pytest.mark.parametrize(
    ("extra", "status", "message"),
    [
        (("--fused", "mean"), 2, "expected NAME=DIR, found 'mean'"),
        (("--fused", "mean=visible"), 1, "--fused names a method twice"),
        (("--workers", "0"), 2, "expected a whole number of at least 1, found '0'"),
        (("--ir", "none"), 1, "none (--ir) does not exist"),
        (("--scenes", "scenes"), 2, "--scenes cannot be combined with --ir and --vis"),
        (("--metrics", "snr"), 2, "invalid choice: 'snr'"),
        (("--convention", "mine"), 2, "invalid choice: 'mine'"),
        (
            ("--convention", "vifb", "--metrics", "en", "scd", "vif"),
            2,
            "--convention vifb has no scd, vif (--metrics); it has en, sd, sf,",
        ),
    ],
)
def test_wrong_arguments(folder: Path, extra: tuple[str, ...], status: int, message: str) -> None:
    done = run(folder, *PAIRS, *extra)
    assert done.returncode == status
    assert message in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--ir", "ir"), "give the sources with --ir and --vis, or with --scenes"),
        ((), "give the sources with --ir and --vis, or with --scenes"),
        (("--scenes", "scenes", "--vis", "vis"), "--scenes cannot be combined with --vis"),
    ],
)
def test_sources_are_pairs_or_scenes(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = run(tmp_path, *arguments, "--fused", "mean=mean")
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
