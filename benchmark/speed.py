"""Measure how fast every method trains and fuses here: runs each method's own speed.py."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from machine import command_line, describe_machine, resolve_device, revision, versions
from outputs import check_writable
from sets import ROOT

METHODS = {
    name: ROOT / name / "speed.py"
    for name in ("DeepFuse_2017", "DenseFuse_2019", "NestFuse_2020", "U2Fusion_2020", "BFFR_2022")
}
HEAD = """\
# Speed

Training steps and fused pairs a second. Plain is the same network run plainly (NCHW, eager, the \
loss in its plain form), in turn with ours; the ratio is the median over the turns. The share is \
that of the rate of a large matrix product on this machine. Memory is the process's largest \
resident memory up to then, with Python, its packages and the cases before; memory on a GPU is \
not in it.

| method | what | a second | plain | ratio | GFLOP/s | share of the matrix product | peak memory, \
MiB | plain |
|---|---|---|---|---|---|---|---|---|
"""
Measured = dict[str, Any]  # the JSON of a method's speed.py


def build_parser(methods: Mapping[str, Path]) -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description="Run each method's speed.py and write one Markdown table.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--methods", choices=methods, nargs="+", default=list(methods))
    parser.add_argument("--output", type=Path, required=True, help="the Markdown file to write")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing --output")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for one a core")
    parser.add_argument("--rounds", type=int, default=5, help="turns of the two forms")
    parser.add_argument(
        "--python", default=sys.executable, metavar="FILE", help="interpreter of the methods"
    )
    return parser


def parse_args(
    argv: Sequence[str] | None = None, methods: Mapping[str, Path] = METHODS
) -> argparse.Namespace:
    """Parse the command line; `args.command` is what was typed."""
    args = build_parser(methods).parse_args(argv)
    args.command = command_line("benchmark/speed.py", sys.argv[1:] if argv is None else argv)
    return args


def measure(script: Path, args: argparse.Namespace) -> Measured:
    """Run a method's speed.py and return what it printed.

    Raises:
        ValueError: It failed, or printed no JSON.
    """
    command = [args.python, script.name, "--device", args.device]
    command += ["--threads", str(args.threads), "--rounds", str(args.rounds)]
    done = subprocess.run(
        command, cwd=script.parent, stdout=subprocess.PIPE, encoding="utf-8", check=False
    )
    if done.returncode:
        raise ValueError(f"{script.parent.name}/{script.name} ended with {done.returncode}")
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise ValueError(f"{script.parent.name}/{script.name} printed no JSON: {error}") from error


def table_lines(name: str, measured: Measured) -> list[str]:
    """Return the lines of a method, one a case."""
    cases = {case: found for case, found in measured.items() if case in measured["about"]}
    return [
        f"| {name} | {case.replace('_', ' ')}: {measured['about'][case]} "
        f"| {found['per_second']:.3g} | {found['plain_per_second']:.3g} | {found['ratio']:.2f} "
        f"| {found['gflops_per_second']:.0f} | {found['share_of_matrix_product']:.0%} "
        f"| {found['peak_memory_mib']['ours']} | {found['peak_memory_mib']['plain']} |"
        for case, found in cases.items()
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
        "Threads": ", ".join(sorted({str(m["about"]["threads"]) for m in found.values()})),
        "Versions": versions(args.python),
        "Revision": revision(ROOT),
    }
    lines += ["", *(f"- {name}: {text}" for name, text in about.items() if text)]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    temporary.replace(path)


def main(args: argparse.Namespace, methods: Mapping[str, Path] = METHODS) -> int:
    """Measure the methods one after the other; return the exit status, 1 if any failed."""
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


if __name__ == "__main__":
    sys.exit(main(parse_args()))
