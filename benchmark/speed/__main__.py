"""Measure how fast every method trains and fuses here, and write one Markdown table."""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark import ROOT
from benchmark.environment import (
    child_environment,
    command_line,
    describe_machine,
    resolve_device,
    revision,
    versions,
)
from benchmark.evaluate import natural
from benchmark.methods import method_folders
from benchmark.output_paths import check_writable

HEAD = """\
# Speed

Training steps and fused pairs per second, as each method ships and as its plain form: the same \
network in NCHW, eager, whole images, and the loss as one would first write it. The two take \
turns; the speed-up is the median of their ratios. The share is that of the rate of a large matrix \
product on this machine. Memory is the largest resident memory of the process so far, with Python \
and its packages, without the memory of a GPU.

| method | case | per second | plain, per second | speed-up | GFLOP/s | share of the matrix \
product | peak memory, MiB | plain, MiB |
|---|---|---|---|---|---|---|---|---|
"""
Measured = dict[str, Any]  # the JSON of a method


def measurable(root: Path = ROOT) -> tuple[dict[str, Path], list[str]]:
    """Return the methods that can be measured with their folders, and the names of the others.

    A method can be measured if a file of this folder has its name.
    """
    scripts = {path.stem for path in Path(__file__).parent.glob("*.py")}
    folders = method_folders(root)
    found = {folder.name: folder for folder in folders if folder.name in scripts}
    return found, [folder.name for folder in folders if folder.name not in scripts]


def build_parser(methods: Mapping[str, Path]) -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.speed",
        description="Measure training steps and fused pairs per second of every method beside its "
        "plain form, and write one Markdown table. Nothing else should run meanwhile.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--methods", choices=methods, nargs="+", default=list(methods))
    parser.add_argument("--output", type=Path, required=True, help="the Markdown file to write")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing --output")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--rounds", type=natural, default=5, help="turns of the two forms")
    parser.add_argument(
        "--python", default=sys.executable, metavar="FILE", help="interpreter of the methods"
    )
    return parser


def parse_args(argv: Sequence[str] | None, methods: Mapping[str, Path]) -> argparse.Namespace:
    """Parse the command line. `args.command` is the command as it was typed."""
    args = build_parser(methods).parse_args(argv)
    args.command = command_line("benchmark.speed", sys.argv[1:] if argv is None else argv)
    return args


def measure(folder: Path, args: argparse.Namespace) -> Measured:
    """Measure a method in its folder and return the JSON that it printed.

    Raises:
        ValueError: It failed, or printed no JSON.
    """
    command = [args.python, "-m", f"benchmark.speed.{folder.name}"]
    command += ["--device", resolve_device(args.device), "--rounds", str(args.rounds)]
    done = subprocess.run(
        command,
        cwd=folder,
        env=child_environment(),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise ValueError(f"its measurement ended with status {done.returncode}")
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise ValueError(f"its measurement printed no JSON: {error}") from error


def table_lines(name: str, measured: Measured) -> list[str]:
    """Return the lines of a method, one per case."""
    rate = measured["matrix_product_gflops_per_second"]
    return [
        f"| {name} | {case}: {found['about']} "
        f"| {found['per_second']:.3g} | {found['plain_per_second']:.3g} | {found['ratio']:.2f} "
        f"| {found['gflops_per_second']:.0f} | {found['gflops_per_second'] / rate:.0%} "
        f"| {found['peak_memory_mib']:.0f} | {found['plain_peak_memory_mib']:.0f} |"
        for case, found in measured["cases"].items()
    ]


def write(path: Path, found: Mapping[str, Measured], args: argparse.Namespace) -> None:
    """Write the table and how it was made."""
    lines = [line for name, measured in found.items() for line in table_lines(name, measured)]
    rates = ", ".join(
        f"{measured['matrix_product_gflops_per_second']:.0f} beside {name}"
        for name, measured in found.items()
    )
    about = {
        "Matrix product, GFLOP/s": rates,
        "Command": f"`{args.command}`",
        "Machine": describe_machine(resolve_device(args.device)),
        "Threads": ", ".join(sorted({str(measured["threads"]) for measured in found.values()})),
        "Versions": versions(args.python),
        "Revision": revision(ROOT),
    }
    lines += ["", *(f"- {name}: {text}" for name, text in about.items() if text)]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    temporary.replace(path)


def main(args: argparse.Namespace, methods: Mapping[str, Path]) -> int:
    """Measure the methods one after the other. Return the exit status, 1 if any failed."""
    try:
        check_writable(args.output, "file")
        if args.output.exists() and not args.overwrite:
            raise ValueError(f"{args.output} exists; --overwrite replaces it")
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    found = {}
    for name in args.methods:
        print(f"{name} ...", flush=True)
        try:
            found[name] = measure(methods[name], args)
        except (OSError, ValueError) as error:
            print(f"error: {name}: {error}", file=sys.stderr)
    if not found:
        print(f"error: every method failed; {args.output} not written", file=sys.stderr)
        return 1
    write(args.output, found, args)
    print(args.output)
    return 0 if len(found) == len(args.methods) else 1


def run_command_line() -> int:
    """Run the command line, name methods that cannot be measured, and return the exit status."""
    methods, others = measurable()
    args = parse_args(None, methods)
    for name in others:
        print(f"note: {name} is not measured, because benchmark/speed/{name}.py does not exist")
    return main(args, methods)


if __name__ == "__main__":
    sys.exit(run_command_line())
