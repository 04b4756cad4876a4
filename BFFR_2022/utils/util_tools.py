"""The command lines behind `tools/`: `python -m utils.util_tools COMMAND CONFIG ...`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils import HERE
from utils.common.image import write_image
from utils.common.pairs import FusionJob, check_outputs
from utils.util_dataset import LabeledPair, find_labeled_pairs, read_pair
from utils.util_fusion import ImageFusion
from utils.util_mmengine import build_runner, choose_gpu, load_config, require_packages
from utils.util_resume import newest_checkpoint, run_of, stage_folder
from utils.util_segment import SegmentationWriter
from utils.util_train import newest_result, open_shared_run, stage_of, train_stage
from utils.util_weights import load_fuser, load_segmenter, part_of
from utils.utils import InputError, run_main

if TYPE_CHECKING:
    from mmengine.config import Config

TRAINING_ONLY = (  # entries of a config that a test does not use
    "train_dataloader", "val_dataloader", "train_cfg", "val_cfg", "val_evaluator",
    "optim_wrapper", "param_scheduler",
)  # fmt: skip


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; flags are spelled as in the authors' README."""
    from mmengine.config import DictAction

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("config", type=Path, help="a file of configs/")
    common.add_argument("--gpu-id", type=int, help="use this GPU; the CPU if there is none")
    common.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        default={},
        metavar="KEY=VALUE",
        help="change entries of the config",
    )
    launched = argparse.ArgumentParser(add_help=False)
    launched.add_argument(
        "--launcher",
        choices=("none", "pytorch", "slurm", "mpi"),
        default="none",
        help="name what started several processes",
    )
    tested = argparse.ArgumentParser(add_help=False)
    tested.add_argument(
        "checkpoint", type=Path, help="a checkpoint, or a folder with both networks"
    )
    parser = argparse.ArgumentParser(prog="tools")
    commands = parser.add_subparsers(dest="command", required=True)

    training = commands.add_parser("train", parents=[common, launched], help="train a config")
    training.add_argument(
        "--work-dir",
        type=Path,
        help="write the run into this folder; by default a new one in runs/",
    )
    training.add_argument(
        "--resume",
        nargs="?",
        const=True,
        metavar="CHECKPOINT",
        help="go on with this checkpoint, or else with the newest one of the config's stage",
    )
    training.add_argument("--seed", type=int, help="fix initial weights, order of images and crops")

    fusing = commands.add_parser("test_fusion", parents=[common, tested], help="fuse test pairs")
    fusing.add_argument(
        "--output", type=Path, help="write results here; by default into work_dirs/<config>/fused"
    )
    fusing.add_argument("--overwrite", action="store_true", help="replace existing results")
    fusing.add_argument(
        "--stretch",
        choices=("none", "minmax"),
        default="none",
        help="clip results, or stretch each one to the full range as the authors' program does",
    )

    testing = commands.add_parser(
        "test_segmenter", parents=[common, tested, launched], help="score or draw segmentations"
    )
    testing.add_argument(
        "--eval", nargs="+", choices=("mIoU",), help="print the IoU of each class and its means"
    )
    testing.add_argument("--show-dir", type=Path, help="draw label maps and overlays into here")
    return parser


def run_training(args: argparse.Namespace) -> None:
    """Train a config from its first weights, or go on with a checkpoint."""
    config = load_config(args.config, args.cfg_options)
    if args.seed is not None:
        config.randomness.seed = config.train_dataloader.dataset.seed = args.seed
    stage = stage_of(config)
    run = args.work_dir or (Path(config.work_dir) if "work_dir" in config else None)
    resume = Path(args.resume) if isinstance(args.resume, str) else None
    if args.resume is True:
        resume = newest_checkpoint(stage_folder(run, stage)) if run else newest_result(stage)
        if resume is None:
            raise InputError(f"--resume: no checkpoint of {stage} in {run or 'runs/'} (--work-dir)")
    if resume and run is None and (run_of(resume) / "args.json").is_file():
        run = run_of(resume)
    run = open_shared_run(run, args)
    train_stage(config, run, resume, args.launcher)
    print(f"Run: {run}")


def results_of(config: "Config", path: Path) -> Path:
    """Return the folder for what tests of a config write, by default that of its file's name."""
    return Path(config.get("work_dir", HERE / "work_dirs" / path.stem))


def run_fusion(args: argparse.Namespace) -> None:
    """Fuse the pairs of a config's test set."""
    config = load_config(args.config, args.cfg_options)
    fusion = ImageFusion(
        weights=part_of(args.checkpoint, "fuser"),
        stretch=args.stretch,
        authors_quirks=config.model.get("authors_quirks", False),
    )
    print(f"{fusion.weights} model loaded ({fusion.form}).")
    output = args.output or results_of(config, args.config) / "fused"
    pairs = test_pairs(config)
    targets = [FusionJob((pair.vis,), output / f"{pair.stem}.png") for pair in pairs]
    check_outputs(targets, overwrite=args.overwrite or args.output is None)
    output.mkdir(parents=True, exist_ok=True)
    for pair, job in zip(pairs, targets, strict=True):
        image = read_pair(pair)
        write_image(job.output, fusion.fuse([image[..., :3], image[..., 3]]))
        print(f"Output path: {job.output}")


def test_pairs(config: "Config") -> list[LabeledPair]:
    """Return the pairs of a config's test set; they need no labels."""
    dataset = config.test_dataloader.dataset
    flag = "data_root and split of the config"
    return find_labeled_pairs(Path(dataset.data_root), dataset.split, flag, with_labels=False)


def run_segmenting(args: argparse.Namespace) -> None:
    """Print the scores of a config's test set, draw its segmentations, or both."""
    if not (args.eval or args.show_dir):
        raise InputError("nothing to do: give --eval mIoU, --show-dir FOLDER, or both")
    config = load_config(args.config, args.cfg_options)
    if config.model.type != "FuserSegmenter":
        raise InputError(f"{args.config} has no segmenter; configs/fuser_segmenters/ has")
    for name in TRAINING_ONLY:
        config[name] = None
    config.work_dir = str(results_of(config, args.config))
    config.model.pretrained_fuser = config.model.pretrained_segmenter = None
    runner = build_runner(config, args.launcher)
    model: Any = getattr(runner.model, "module", runner.model)
    if model.fusion == "network":
        load_fuser(model.fuser, part_of(args.checkpoint, "fuser"))
    load_segmenter(model, part_of(args.checkpoint, "segmenter"), whole=True)
    if args.show_dir:
        from mmseg_bffr.runtime import DrawSegmentations

        writer = SegmentationWriter(args.show_dir)
        runner.register_hook(DrawSegmentations(writer.write))
    runner.test()
    if args.show_dir:
        writer.close()


COMMANDS = {"train": run_training, "test_fusion": run_fusion, "test_segmenter": run_segmenting}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command that the arguments name."""
    require_packages()
    args = build_parser().parse_args(argv)
    if args.gpu_id is not None:
        choose_gpu(args.gpu_id)
    COMMANDS[args.command](args)


if __name__ == "__main__":
    run_main(lambda _: main(), argparse.Namespace())
