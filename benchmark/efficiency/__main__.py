"""Print a table of parameters, multiply-adds, time and memory of every method, and plot it."""

import argparse
import sys
from collections.abc import Mapping, Sequence

import torch

from benchmark.efficiency import SIZE
from benchmark.efficiency.plot import RESOLUTION, add_plot_flags, check_plot, draw
from benchmark.efficiency.processes import measure
from benchmark.environment import command_line, describe_machine, resolve_device, versions
from benchmark.fusing import MethodError
from benchmark.methods import Method, find_methods
from benchmark.report.costs import EFFICIENCY, cost_text


def build_parser(methods: Mapping[str, Method]) -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.efficiency",
        description="Print a Markdown table of parameters, multiply-adds, time and memory of every "
        f"method and baseline for one pair of gray images, {SIZE}. Nothing else should run "
        "meanwhile.",
    )
    parser.add_argument(
        "--methods",
        choices=methods,
        nargs="*",
        default=list(methods),
        help="measure these, or without a name none (default: all)",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument(
        "--python", default=sys.executable, metavar="FILE", help="interpreter of the methods"
    )
    add_plot_flags(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print and draw, and return the exit status, 1 if a method failed."""
    try:
        methods = find_methods()
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    args = build_parser(methods).parse_args(argv)
    try:
        panels, points = check_plot(args)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    device = resolve_device(args.device)
    print(f"`{command_line('benchmark.efficiency', sys.argv[1:] if argv is None else argv)}`\n")
    print(f"{describe_machine(device)}, {versions(args.python)}, {torch.get_num_threads()} threads")
    seconds = print_table({name: methods[name] for name in args.methods}, device, args.python)
    if panels:
        kinds = {name: "no network" if m.baseline else "network" for name, m in methods.items()}
        draw(panels, seconds, points, kinds).savefig(args.plot, dpi=RESOLUTION)
        print(f"\nPlot: {args.plot}")
    return int(len(seconds) < len(args.methods))


def print_table(methods: Mapping[str, Method], device: str, python: str) -> dict[str, float]:
    """Measure methods, print a row of each, and return the seconds of those that did not fail."""
    seconds = {}
    print(f"\n| | {' | '.join(cost.head for cost in EFFICIENCY)} |")
    print(f"|---|{'---|' * len(EFFICIENCY)}")
    for name, method in methods.items():
        try:
            found = measure(method, device, python)
        except MethodError as error:
            print(f"error: {name}: {error}", file=sys.stderr)
        else:
            seconds[name] = found.seconds
            cells = (cost_text(cost, getattr(found, cost.attribute)) for cost in EFFICIENCY)
            print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return seconds


if __name__ == "__main__":
    sys.exit(main())
