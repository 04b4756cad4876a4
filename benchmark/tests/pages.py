"""Reports of made-up scores and tiny images, with names that must be escaped."""

from pathlib import Path

from benchmark.fusing import RunRecord
from benchmark.image_sets import ImageSet, find_set
from benchmark.metrics import CONVENTIONS
from benchmark.report import Report
from benchmark.score_table import Row
from benchmark.tests.stand_ins import add_pairs

ODD = "<b>&'\"|</script>"  # as a scene's name or in a message
METRICS = ["en", "ce", "ssim"]
SCORES = {  # means by method: en 6, 7, 5; ce 2, 1, 3; ssim 0.5, nan, 0.25
    "DenseFuse": [[5.0, 1.0, 0.75], [7.0, 3.0, 0.25]],
    "BFFR": [[7.0, 0.5, float("nan")], [7.0, 1.5, 0.5]],
    "Average": [[5.0, 2.0, 0.25], [5.0, 4.0, 0.25]],
}


HARD = "[a]*_{b}~1% $2 \\c & #3^--<|>"  # as a method's name, for LaTeX
ALL_METRICS = list(CONVENTIONS["standard"].functions)


def with_many_images(folder: Path, count: int = 6) -> Report:
    """Return a report in which the first of `en` is better than the second on every image.

    In `ce` both are equal on average, and in `ssim` the second is better on one image.
    """
    add_pairs(folder / "set", "abcdefghij"[:count])
    images = find_set(str(folder / "set"))
    rows = []
    for index, scene in enumerate(images.scenes):
        rows += [
            Row("DenseFuse", scene, [6.0 + 2 * index, 1.0, -0.5 if index == 0 else 1.0]),
            Row("BFFR", scene, [5.5 + 1.5 * index, 1.0, 0.5]),
            Row(HARD, scene, [1.0, 2.0, 0.25]),
        ]
    runs = {name: RunRecord(0.5, 100.0, "cpu") for name in ("DenseFuse", "BFFR", HARD)}
    about = {"Command": "python -m benchmark.run"}
    return Report(images, "standard", METRICS, rows, runs, {HARD}, {HARD[::-1]: HARD}, about)


def made_up(folder: Path) -> Report:
    """Return a report of two scenes, the second of an odd name, and three methods."""
    add_pairs(folder / "set", "ab")
    found = find_set(str(folder / "set"))
    sources = list(found.scenes.values())
    images = ImageSet("set & <set>", "pairs", "all", {"first": sources[0], ODD: sources[1]})
    rows = [
        Row(method, scene, values)
        for method, table in SCORES.items()
        for scene, values in zip(images.scenes, table, strict=True)
    ]
    return Report(
        images,
        "standard",
        METRICS,
        rows,
        {
            "DenseFuse": RunRecord(0.7216, 1048.4, "cpu"),
            "BFFR": RunRecord(3.5, 946.6, "cpu", reused=True),
            "Average": RunRecord(None, None, "cpu"),
        },
        {"Average"},
        {"NestFuse": f"error: {ODD}"},
        {"Command": "python -m benchmark.run --data 'a b'", "Machine": "two <cores>"},
        {method: {scene: files[1] for scene, files in images.scenes.items()} for method in SCORES},
        viewer_scenes=24,
    )
