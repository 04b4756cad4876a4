import argparse
import json
import re
import shlex
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmark import run
from benchmark.external import check_command, named_command
from benchmark.image_sets import find_set
from benchmark.methods import BASELINES
from benchmark.tests.cli import read, save
from benchmark.tests.runs import call, stand_ins
from benchmark.tests.stand_ins import SIZE, add_pairs, add_scenes

AVERAGE = """
import sys
import cv2
*sources, output = sys.argv[1:]
images = [cv2.imread(path).astype(float) for path in sources]
held = bytearray(b"1") * (64 * 2**20)
cv2.imwrite(output, sum(images) / len(images))
"""
CRASHING = """
import sys
print("error: an earlier word")
sys.exit("RuntimeError: no weights" if "b.png" in sys.argv[1] else 0)
"""
FOLDERS = """
import sys
from pathlib import Path
import cv2
ir, vis, output = map(Path, sys.argv[1:])
for path in sorted(vis.iterdir()):
    image = cv2.imread(str(path)).astype(float) + cv2.imread(str(ir / path.name))
    cv2.imwrite(str(output / f"{path.stem}_fused.bmp"), image / 2)
print("Mean time: 0.250 seconds per result, without reading and writing")
"""


def command(folder: Path, script: str, placeholders: str) -> str:
    file = folder / "my code" / "run.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(script)
    return f"{shlex.join([sys.executable, str(file)])} {placeholders}"


def costs(out: Path, name: str) -> list[str]:
    """Return the cells of a method's line of time and memory in report.md."""
    text = (out / "report.md").read_text("utf-8").partition("## Time and memory")[2]
    [line] = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def mean_of_sources(data: Path, scene: str) -> np.ndarray:
    images = [cv2.imread(str(data / f"{side}/{scene}.png")) for side in ("ir", "vis")]
    return np.mean([image.astype(float) for image in images if image is not None], axis=0)


def test_a_command_per_pair_is_measured_and_scored(tmp_path: Path, pairs: Path, out: Path) -> None:
    mine = command(tmp_path, AVERAGE, "{ir} {vis} {output}")
    assert call(pairs, out, stand_ins(tmp_path, "good"), "--external", f"MyNet={mine}") == 0
    rows = read(out / "scores.csv")[1:]
    assert [row[:2] for row in rows] == [[m, s] for m in ("Good", "MyNet") for s in "abc"]
    fused = cv2.imread(str(out / "fused/MyNet/b.png"))
    assert fused is not None
    assert np.abs(fused - mean_of_sources(pairs, "b")).max() <= 0.5
    record = json.loads((out / "logs/MyNet.json").read_text())
    assert 0.01 < record["seconds"] < 60
    assert record["peak_mib"] > 64
    _, seconds, memory, device, note = costs(out, "MyNet")
    assert float(seconds) == pytest.approx(record["seconds"], abs=6e-4)
    assert float(memory) == pytest.approx(record["peak_mib"], abs=0.6)
    assert (device, "with its start" in note) == ("-", True)
    page = (out / "report.html").read_text("utf-8")
    assert re.search(r'data-value="MyNet">MyNet</th>\s*<td data-value="0?\d*\.\d+', page)
    assert call(pairs, out, {}, "--external", f"MyNet={mine}", "--reuse", "--overwrite") == 0
    assert costs(out, "MyNet")[1:3] == [seconds, memory]
    assert "earlier run" in costs(out, "MyNet")[4]


def test_a_crashing_command_costs_nobody_else(
    tmp_path: Path, pairs: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crashing = command(tmp_path, CRASHING, "{vis} {output}")
    commands = [
        "--external",
        f"Crash={crashing}",
        "--external",
        "None=no_such_program {vis} {output}",
    ]
    assert (
        call(pairs, out, stand_ins(tmp_path, "good"), *commands, "--results", f"Vis={pairs}/vis")
        == 1
    )
    told = capsys.readouterr().err
    assert "error: Crash: b: ended with status 1:" in told
    assert "error: None: a: ended with status 1: FileNotFoundError" in told
    assert {row[0] for row in read(out / "scores.csv")[1:]} == {"Good", "Vis"}
    assert ["Crash", "0"] in [row[:2] for row in read(out / "report.csv")]
    for name in ("report.md", "report.html", "report.tex"):
        report = out / name
        text = report.read_text("utf-8")
        assert "b: ended with status 1" in text
        assert str(tmp_path) not in text
    assert (out / "logs/Crash.txt").read_text().count("an earlier word") == 2
    assert not (out / "logs/Crash.json").exists()


def test_a_hanging_command_costs_its_time_limit(
    pairs: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shlex.quote("import time; time.sleep(60)")
    hanging = f"{shlex.quote(sys.executable)} -c {words} {{vis}} {{output}}"
    flags = ("--external", f"Hangs={hanging}", "--results", f"Vis={pairs}/vis", "--time_limit", "2")
    assert call(pairs, out, {}, *flags) == 1
    assert "error: Hangs: a: stopped after 2 s (--time_limit)" in capsys.readouterr().err
    assert {row[0] for row in read(out / "scores.csv")[1:]} == {"Vis"}


def test_a_command_that_leaves_a_result_out_has_failed(
    pairs: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lazy = f"{shlex.quote(sys.executable)} -c pass {{vis}} {{output}}"
    methods = {"Average": BASELINES["Average"]}
    assert call(pairs, out, methods, "--external", f"Lazy={lazy}") == 1
    assert "error: Lazy: made no result" in capsys.readouterr().err


def test_a_command_per_folder_may_use_marks_formats_and_its_own_time(
    tmp_path: Path, pairs: Path, out: Path
) -> None:
    mine = command(tmp_path, FOLDERS, "{ir_dir} {vis_dir} {output_dir}")
    save(out / "fused/MyNet/a.png", np.zeros(SIZE, np.uint8))  # of an earlier run
    assert call(pairs, out, {}, "--external", f"MyNet={mine}", "--overwrite") == 0
    assert {path.name for path in (out / "fused/MyNet").iterdir()} == {"a.bmp", "b.bmp", "c.bmp"}
    assert costs(out, "MyNet")[1] == "0.250"
    assert costs(out, "MyNet")[4] == ""
    assert [row[:2] for row in read(out / "scores.csv")[1:]] == [["MyNet", s] for s in "abc"]


def test_exposures(tmp_path: Path, out: Path) -> None:
    add_scenes(tmp_path / "set", "xy")
    save(tmp_path / "set/x/dark.png", np.full((48, 52, 3), 3, np.uint8))
    (tmp_path / "set/x/ev1.png").unlink()
    every = command(tmp_path, AVERAGE, "{sources} {output}")
    darker = f"{shlex.quote(sys.executable)} -c {shlex.quote(COPY)} {{under}} {{output}} {{device}}"
    flags = ["--external", f"All={every}", "--external", f"Dark={darker}", "--metrics", "en"]
    assert call(tmp_path / "set", out, {}, *flags) == 0
    dark = cv2.imread(str(out / "fused/Dark/x.png"))
    assert dark is not None
    assert (dark == 3).all()
    mean = cv2.imread(str(out / "fused/All/x.png"))
    other = cv2.imread(str(tmp_path / "set/x/ev0.png"))
    assert mean is not None
    assert other is not None
    assert np.abs(mean - (other.astype(float) + 3) / 2).max() <= 0.5
    assert costs(out, "Dark")[3] == "cpu"


COPY = "import shutil, sys; shutil.copyfile(*sys.argv[1:3])"


def test_no_shell_sees_the_command() -> None:
    _, found = named_command("A=run --name='a b' --out={output} {ir} ; $HOME {\"x\": 1}")
    filled = found.fill({"ir": "/i; {output}", "output": "o p"})
    assert filled[:4] == ["run", "--name=a b", "--out=o p", "/i; {output}"]
    assert filled[4:] == [";", "$HOME", "{x:", "1}"]
    with pytest.raises(argparse.ArgumentTypeError, match="expected NAME="):
        named_command("run {ir} {output}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A=run {ir} {visible} {output}", "unknown placeholder {visible}; known are {device} {ir}"),
        ("A=run '{ir}", "No closing quotation"),
        ("A=run --in={sources} {output}", "{sources} must be an argument of its own"),
        ("a/b=run {ir} {output}", "'a/b' cannot be the name of a folder"),
        ("A (quoted)=run {ir} {output}", "ends as the rows of --published do"),
    ],
)
def test_wrong_commands(text: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run.parse_args(["--data", "tno", "--external", text], {})
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("pairs", "run {ir} {vis}"),
        ("pairs", "run {output}"),
        ("pairs", "run"),
        ("pairs", "run {ir} {vis_dir} {output}"),
        ("pairs", "run {sources} {output}"),
        ("exposures", "run {ir} {vis} {output}"),
        ("exposures", "run {under} {over} {output}"),
    ],
)
def test_commands_that_do_not_fit_the_set(tmp_path: Path, kind: str, text: str) -> None:
    (add_pairs if kind == "pairs" else add_scenes)(tmp_path, "a")
    if "under" in text:
        save(tmp_path / "a/third.png", np.zeros((48, 52), np.uint8))
    name, found = named_command(f"A={text}")
    with pytest.raises(ValueError, match=r"A \(--external\) (names|takes) .*\(--data\)"):
        check_command(name, found, find_set(str(tmp_path)))
