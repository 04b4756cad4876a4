"""Export a student to ONNX: `python -m apps.realtime.run_export --output student.onnx`."""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import hubconf
from apps.realtime.fuse import DEFAULT_TEACHER, named_teacher
from apps.realtime.lessons import find_jobs
from apps.realtime.teacher import InputError, Teacher, add_teacher_flag, modules_of, run_main

PAIRS = 20  # to calibrate with
LAST = 6  # convolutions that stay in float32: the last of the middle, and the five output layers


def build_parser() -> Any:
    """Return the parser; call it in `modules_of`."""
    from utils.common.export_flags import add_export_flags
    from utils.common.flags import FlagParser, positive_int

    parser = FlagParser(
        prog="python -m apps.realtime.run_export",
        description="Export a student to ONNX, for apps/onnx/fuse.py.",
    )
    add_export_flags(parser)
    add_teacher_flag(parser.add_flag_group("student"), DEFAULT_TEACHER)
    group = parser.add_flag_group("whole numbers")
    group.add_argument(
        "--int8",
        action="store_true",
        help="compute the convolutions in 8 bits, whose ranges are found from --data",
    )
    group.add_argument(
        "--data",
        type=Path,
        nargs="+",
        help="sets of sources or lists of them, as of distill.py; best those of the training",
    )
    group.add_argument(
        "--pairs_used", type=positive_int, default=PAIRS, help="use at most this many pairs"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the file that the flags name."""
    teacher = Teacher(named_teacher(argv))
    with modules_of(teacher.folder):
        args = build_parser().parse_args(argv)
        if args.int8 != bool(args.data):
            raise InputError("--int8 and --data go together: ranges are found from pairs")
        from utils.common.export_flags import output_files

        [output] = output_files(args)
        student = hubconf.realtime(teacher.name, args.weights or teacher.weights, device="cpu")
        if not args.int8:
            export(teacher, student, output, args.overwrite)
            return
        pairs = calibration_pairs(teacher, student, args)
        with tempfile.TemporaryDirectory() as folder:
            plain = Path(folder) / "student.onnx"
            export(teacher, student, plain, False)
            quantize(plain, output, pairs, args.overwrite)


def export(teacher: Teacher, student: Any, output: Path, overwrite: bool) -> None:
    """Write a student in float32; call it in `modules_of`."""
    from utils.common.export import describe, pair_graph, write_graphs

    kind = student.about["kind"]
    sources = teacher.kinds[kind].flags
    metadata = describe(
        student,
        student.weights,
        sources,
        {"teacher": teacher.name},
        tiles="whole" if student.model.looks_at_whole else "independent",
        order="darkest_first" if student.darkest_first else "given",
    )
    metadata["method"] = "Realtime"  # as the hub's entry is called
    write_graphs({output: pair_graph(student, sources)}, metadata, overwrite)


def calibration_pairs(
    teacher: Teacher, student: Any, args: argparse.Namespace
) -> list[dict[str, Any]]:
    """Return lumas of pairs, as the graph takes them, evenly by name."""
    from utils.common.color import luma_of_array
    from utils.common.sources import Notices
    from utils.common.values import to_unit

    kind = student.about["kind"]
    flags = teacher.parse("")
    readers = teacher.script.load_fusion(flags)[1]
    jobs = sorted(find_jobs(teacher, args.data, kind, Path(), flags), key=lambda job: job.sources)
    chosen = np.unique(np.linspace(0, len(jobs) - 1, min(len(jobs), args.pairs_used)).round())
    found = []
    for index in chosen.astype(int):
        images = readers[kind](jobs[index], flags, Notices(False))
        lumas = [luma_of_array(to_unit(image))[None, None].astype(np.float32) for image in images]
        if student.darkest_first:
            lumas.sort(key=np.mean)
        found.append(dict(zip(teacher.kinds[kind].flags, lumas, strict=True)))
    return found


def quantize(plain: Path, output: Path, pairs: Sequence[Any], overwrite: bool) -> None:
    """Write a graph with its convolutions in 8 bits, the weights of each channel by themselves.

    The first layer, the last of the middle, and the output layers stay in float32: they take
    little time, and lose much in 8 bits. Ranges are averages over the pairs, because extremes of
    one pair would make the steps of all coarser. Weights take 7 bits, because processors without
    VNNI add two products in 16 bits, which more would overflow.
    """
    try:
        import onnx
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    except ImportError as error:
        raise InputError(
            f"--int8 needs the package {error.name}: pip install onnx onnxruntime"
        ) from error
    from utils.common.files import write_atomically

    made = plain.with_suffix(".int8.onnx")
    layers = [node.name for node in onnx.load(plain).graph.node if node.op_type == "Conv"]
    quantize_static(
        plain,
        made,
        _Reader(pairs),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv"],
        nodes_to_quantize=layers[1:-LAST] or layers,
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options={"CalibMovingAverage": True},
    )
    model, about = onnx.load(made), onnx.load(plain).metadata_props
    onnx.helper.set_model_props(model, {each.key: each.value for each in about})
    data = model.SerializeToString()
    write_atomically(output, lambda file: file.write(data), overwrite)
    print(f"{output}: {len(data) / 1e6:.2f} MB, 8 bits, ranges of {len(pairs)} pairs")


class _Reader:
    """Gives onnxruntime one pair after the other."""

    def __init__(self, pairs: Sequence[Any]) -> None:
        self.pairs: Iterator[Any] = iter(pairs)

    def get_next(self) -> Any:
        """Return the next pair, None after the last."""
        return next(self.pairs, None)


if __name__ == "__main__":
    run_main(main)
