"""Print a Markdown table of parameters, multiply-adds, time and memory of every method."""

import argparse
import sys
from collections.abc import Mapping, Sequence

import torch

from benchmark.efficiency import SIZE
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
    parser.add_argument("--methods", choices=methods, nargs="+", default=list(methods))
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument(
        "--python", default=sys.executable, metavar="FILE", help="interpreter of the methods"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table and return the exit status, 1 if a method failed."""
    try:
        methods = find_methods()
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    args = build_parser(methods).parse_args(argv)
    device, status = resolve_device(args.device), 0
    print(f"`{command_line('benchmark.efficiency', sys.argv[1:] if argv is None else argv)}`\n")
    print(f"{describe_machine(device)}, {versions(args.python)}, {torch.get_num_threads()} threads")
    print(f"\n| | {' | '.join(cost.head for cost in EFFICIENCY)} |")
    print(f"|---|{'---|' * len(EFFICIENCY)}")
    for name in args.methods:
        try:
            found = measure(methods[name], device, args.python)
        except MethodError as error:
            print(f"error: {name}: {error}", file=sys.stderr)
            status = 1
        else:
            cells = (cost_text(cost, getattr(found, cost.attribute)) for cost in EFFICIENCY)
            print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
