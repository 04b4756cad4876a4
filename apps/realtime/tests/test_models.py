"""The network: its size, what it sees, and its statistics, worked out by hand."""

import pytest
import torch

from apps.realtime.models import BINS, LEVELS, STATISTICS, Student, measure, to_statistics


def random_student(whole: bool = False) -> Student:
    torch.manual_seed(0)
    network = Student(whole)
    for layer in (network.last, *network.sides.children()):
        torch.nn.init.normal_(layer.weight, std=0.1)
    return network.eval()


def test_the_number_of_parameters() -> None:
    # 8-32, six times 32-32, 32-4 and four sides of 32-4, each with 3x3 weights and biases
    assert sum(p.numel() for p in Student().parameters()) == 2336 + 6 * 9248 + 5 * 1156


def test_the_smallest_student() -> None:
    # 8-1, 1-4 and four sides of 1-4, each with 3x3 weights and biases
    network = Student(channels=1, layers=0)
    assert sum(p.numel() for p in network.parameters()) == 73 + 40 + 4 * 40
    assert network.receptive_radius == 4


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("form", [{}, {"channels": 1, "layers": 0}, {"channels": 12, "layers": 3}])
def test_the_form_is_seen_in_the_weights(whole: bool, form: dict[str, int]) -> None:
    network = Student(whole, **form)
    again = Student.like(network.state_dict())
    again.load_state_dict(network.state_dict())
    assert again.receptive_radius == network.receptive_radius
    assert again.looks_at_whole == whole


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("size", [(6, 6), (7, 9), (17, 32), (40, 23)])
def test_it_starts_as_the_average(whole: bool, size: tuple[int, int]) -> None:
    pair = torch.rand(2, 2, *size)
    statistics = torch.rand(2, STATISTICS) if whole else None
    fused = Student(whole)(pair, statistics)
    torch.testing.assert_close(fused, (pair[:, :1] + pair[:, 1:]) / 2)


def test_a_batch_of_two_is_two_singles() -> None:
    network, pair = random_student(), torch.rand(2, 2, 20, 24)
    singles = torch.cat([network(each[None]) for each in pair])
    torch.testing.assert_close(network(pair), singles)


def test_a_pixel_sees_as_far_as_the_receptive_radius() -> None:
    network = random_student()
    pair = torch.rand(1, 2, 81, 80, requires_grad=True)
    network(pair)[0, 0, 40, 41].backward()
    rows, columns = pair.grad[0].abs().sum(dim=0).nonzero().T
    radius = network.receptive_radius  # from the square of 2x2 pixels, 40 and 41
    assert (rows.min(), rows.max()) == (40 - radius, 41 + radius)
    assert (columns.min(), columns.max()) == (40 - radius, 41 + radius)


def test_each_side_changes_its_own_two_rows_or_columns_only() -> None:
    network, pair = random_student(), torch.rand(1, 2, 20, 24)
    before = network(pair)
    for name, part in {
        "top": (slice(0, 2), slice(None)),
        "bottom": (slice(18, 20), slice(None)),
        "left": (slice(None), slice(0, 2)),
        "right": (slice(None), slice(22, 24)),
    }.items():
        layer = getattr(network.sides, name)
        layer.bias.data += 1
        change = network(pair) - before
        layer.bias.data -= 1
        expected = torch.zeros_like(change)
        expected[..., part[0], part[1]] = 1
        torch.testing.assert_close(change, expected, atol=1e-5, rtol=0)


def test_statistics_of_flat_images() -> None:
    # 3/7 is the center of the fourth of eight bins; 0.5 lies between the fourth and the fifth
    pair = torch.stack([torch.full((24, 40), 3 / 7), torch.full((24, 40), 0.5)])[None]
    found = to_statistics(measure(pair))[0]
    first, second = found[: BINS + LEVELS], found[BINS + LEVELS : -1]
    torch.testing.assert_close(first, torch.eye(BINS + LEVELS)[3], atol=1e-5, rtol=0)
    expected = torch.zeros(BINS + LEVELS)
    expected[3:5] = 0.5
    torch.testing.assert_close(second, expected, atol=1e-5, rtol=0)
    assert found[-1] == pytest.approx(10 * (0.5 - 3 / 7), abs=1e-5)


def test_contrast_of_an_edge_at_each_size() -> None:
    # a step of 1 between columns: one difference in each of 16, 8, 4 and 2 columns
    pair = torch.zeros(1, 2, 16, 16)
    pair[..., 8:] = 1
    contrast = to_statistics(measure(pair))[0, BINS : BINS + LEVELS]
    torch.testing.assert_close(contrast, 10 / torch.tensor([16.0, 8.0, 4.0, 2.0]))


def test_sums_of_tiles_are_those_of_the_image() -> None:
    pair = torch.rand(1, 2, 47, 61)
    upper = measure(pair[:, :, :40], slice(0, 24))
    lower = measure(pair[:, :, 8:], slice(16, 39))
    torch.testing.assert_close(upper + lower, measure(pair))
