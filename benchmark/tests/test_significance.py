import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata, wilcoxon

from benchmark.report import write_html, write_latex, write_markdown
from benchmark.report.significance import (
    best_against_second,
    fewest_images,
    legend,
    paired_p,
    smallest_p,
)
from benchmark.tests.pages import made_up, with_many_images

NAN, INF = float("nan"), float("inf")


def p_of(gains: list[float]) -> float:
    """Return p of values that are better by `gains`."""
    return paired_p(np.array(gains), np.zeros(len(gains)), higher_is_better=True)


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([1, 2, 3, 4, 5, 6], 2 / 2**6),  # no other signs have a rank sum below 1
        ([-1, 2, 3, 4, 5, 6], 2 * 2 / 2**6),  # {} and {1} have one of at most 1
        ([1, 2, -3, 4, 5, 6, 7, 8], 2 * 5 / 2**8),  # {}, {1}, {2}, {3} and {1, 2}
        ([0.5] * 6, 2 / 2**6),  # ties
        ([0.5] * 7 + [-0.5], 2 * 9 / 2**8),  # ties: no sign or one of eight is the other one
        ([0, 0, 1, 2, 3, 0, 4, 5, 6], 2 / 2**6),  # what is equal is left out
        ([1, 2, 3, 4, 5], 2 / 2**5),
        ([7], 1.0),
        ([0, 0, 0], 1.0),
        ([1, 2, -3], 1.0),  # the rank sums are equal
    ],
)
def test_hand_worked(gains: list[float], expected: float) -> None:
    assert p_of(gains) == pytest.approx(expected, rel=1e-12)


def test_the_other_direction_supports_nothing() -> None:
    """One image makes the mean better; the method is worse on the twelve others."""
    gains = [*range(-12, 0), 100]
    assert np.mean(gains) > 0
    assert p_of(gains) == 1
    assert p_of([-gain for gain in gains]) == wilcoxon(gains).pvalue < 0.05


@pytest.mark.parametrize("count", [7, 21, 50, 80])
def test_as_scipy_tests_two_sides(count: int) -> None:
    rng = np.random.default_rng(count)
    for shift in (0.1, 0.4):
        second = rng.normal(size=count)
        first = second + rng.normal(shift, 1, size=count)
        ps = [paired_p(first, second, True), paired_p(first, second, False)]
        assert min(ps) == pytest.approx(wilcoxon(first, second).pvalue, rel=1e-9)
        assert max(ps) == 1
        assert paired_p(second, first, False) == ps[0]


def test_as_all_signs_counted() -> None:
    rng = np.random.default_rng(3)
    gains = np.round(rng.normal(0.8, 1, size=11), 1)  # with ties
    gains = gains[gains != 0]
    ranks = rankdata(abs(gains))
    seen = ranks[gains > 0].sum()
    sums = [np.dot(ranks, signs) for signs in product((0, 1), repeat=len(ranks))]
    assert len(set(ranks)) < len(ranks)
    expected = 2 * np.mean(np.array(sums) >= seen - 1e-9)
    assert p_of(list(gains)) == pytest.approx(min(1, expected), rel=1e-9)


def test_no_test_of_what_is_not_finite() -> None:
    assert math.isnan(p_of([1, 2, 3, 4, 5, 6, NAN]))
    assert math.isnan(p_of([1, 2, 3, 4, 5, 6, INF]))
    infinite = np.array([INF, 1.0])
    assert math.isnan(paired_p(infinite, infinite, higher_is_better=True))


def test_the_first_two_of_a_column() -> None:
    near, far = np.arange(6.0), np.arange(6.0) - np.arange(1.0, 7)
    best = near + np.array([-0.1, 2, 3, 4, 5, 6])
    columns = {"Near": near, "Far": far, "Best": best}
    assert best_against_second(columns, True) == pytest.approx(4 / 64)
    assert best_against_second(columns, False) == pytest.approx(2 / 64)  # Far against Near
    shuffled = near[::-1].copy()  # the same mean
    with_two_seconds = columns | {"Shuffled": shuffled}
    expected = max(paired_p(best, second, True) for second in (near, shuffled))
    assert best_against_second(with_two_seconds, True) == expected > 4 / 64


def test_columns_without_a_test() -> None:
    values = np.arange(6.0)
    for columns in (
        {"A": values},
        {"A": values, "B": values},
        {"A": values, "B": values[::-1].copy(), "C": values - 1},  # two are best
        {"A": values, "B": values * NAN},
    ):
        assert math.isnan(best_against_second(columns, higher_is_better=True))
    with_nan = {"A": values + 1, "B": values, "C": values * NAN}  # which has no place
    assert best_against_second(with_nan, True) == 2 / 64


def test_few_images_are_not_marked() -> None:
    assert fewest_images() == 6
    assert [smallest_p(count) for count in (1, 2, 5, 6)] == [1, 0.5, 0.0625, 0.03125]
    assert "*" not in legend(5, "pair", [])
    assert "*" in legend(6, "pair", [])
    assert "SSIM" in legend(6, "pair", ["SSIM"])


def test_marks_in_all_reports(tmp_path: Path) -> None:
    report = with_many_images(tmp_path)
    write_html(report, tmp_path / "a.html")
    write_latex(report, tmp_path / "a.tex")
    write_markdown(report, tmp_path / "a.md")
    html, tex, markdown = (
        (tmp_path / f"a.{ending}").read_text("utf-8") for ending in ("html", "tex", "md")
    )
    means = ("11.00", "0.7500", "1.000")  # of DenseFuse: better, better but for one image, equal
    assert f'<span class="best">{means[0]}</span><sup title="p = 0.031">*</sup>' in html
    assert html.count("<sup") == 1
    assert f"{{{means[0]}}}\\rlap{{\\textsuperscript{{*}}}} & \\textbf{{{means[2]}}} &" in tex
    assert tex.count(r"\rlap") == 1
    assert f"**{means[0]}**\\* ±" in markdown
    assert markdown.count("**\\*") == 1
    for text in (html, tex, markdown):
        assert "Wilcoxon" in text
        assert "6 pairs" in text
        assert "0.05" in text


def test_two_images_have_no_marks(tmp_path: Path) -> None:
    write_html(made_up(tmp_path), tmp_path / "a.html")
    write_latex(made_up(tmp_path), tmp_path / "a.tex")
    assert "<sup" not in (tmp_path / "a.html").read_text("utf-8")
    assert r"\rlap" not in (tmp_path / "a.tex").read_text("utf-8")
