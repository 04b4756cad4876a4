"""Both documented configs as mmengine loads them, against the official code's numbers."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from configs import parse_args
from run_train import stage1_config, stage2_config
from utils.util_mmengine import STAGE1, STAGE2, load_config

if TYPE_CHECKING:
    from mmengine.config import Config

pytest.importorskip("mmseg", reason="pip install -e mmseg_bffr")

CROP, TRAIN = (240, 320), "train_dataloader.dataset.pipeline"
BOTH: dict[str, Any] = {  # of the paper and of the configs in github.com/wyh1210/BFFR
    "optim_wrapper.optimizer.type": "AdamW",
    "optim_wrapper.optimizer.betas": (0.9, 0.999),
    "optim_wrapper.optimizer.weight_decay": 0.01,
    "optim_wrapper.paramwise_cfg.custom_keys": {
        "pos_block": {"decay_mult": 0.0},
        "norm": {"decay_mult": 0.0},
        "head": {"lr_mult": 10.0},
    },
    "param_scheduler.0.type": "LinearLR",
    "param_scheduler.0.start_factor": 1e-6,
    "param_scheduler.0.begin": 0,
    "param_scheduler.0.end": 1500,
    "param_scheduler.0.by_epoch": False,
    "param_scheduler.1.type": "PolyLR",
    "param_scheduler.1.power": 1.0,
    "param_scheduler.1.eta_min": 0.0,
    "param_scheduler.1.begin": 1500,  # Departure: theirs decays below the warm-up too
    "param_scheduler.1.end": 160000,
    "param_scheduler.1.by_epoch": False,
    "model.data_preprocessor.size": CROP,
    "model.data_preprocessor.pad_val": 0,
    "model.data_preprocessor.seg_pad_val": 255,
    f"{TRAIN}.1.type": "RandomResize",
    f"{TRAIN}.1.scale": (640, 480),
    f"{TRAIN}.1.ratio_range": (0.5, 2.0),
    f"{TRAIN}.1.keep_ratio": True,
    f"{TRAIN}.2.type": "RandomCrop",
    f"{TRAIN}.2.crop_size": CROP,
    f"{TRAIN}.2.cat_max_ratio": 0.75,
    f"{TRAIN}.3.type": "RandomFlip",
    f"{TRAIN}.3.prob": 0.5,
    f"{TRAIN}.4.type": "PairPhotoMetricDistortion",
    "train_dataloader.dataset.split": "train",
    "model.authors_quirks": False,  # Departure: R, G, B in that order
}
EXPECTED: dict[str, dict[str, Any]] = {
    "1": BOTH
    | {
        "optim_wrapper.optimizer.lr": 6e-4,
        "train_dataloader.batch_size": 2,
        "train_cfg.max_iters": 20000,
        "model.type": "Fuser",
    },
    "2": BOTH
    | {
        "optim_wrapper.optimizer.lr": 6e-5,
        "train_dataloader.batch_size": 4,
        "train_cfg.max_iters": 160000,
        "train_cfg.val_interval": 4000,  # Departure: theirs is 2,000
        "default_hooks.checkpoint.interval": 2000,
        "val_dataloader.dataset.split": "val",
        "model.type": "FuserSegmenter",
        "model.lam": 0.001,
        "model.normalize": True,  # Departure: theirs is [0, 1]
        "model.test_cfg.mode": "slide",
        "model.test_cfg.crop_size": CROP,
        "model.test_cfg.stride": (120, 160),
        "model.backbone.embed_dims": 32,
        "model.backbone.num_layers": [2, 2, 2, 2],
        "model.backbone.num_heads": [1, 2, 5, 8],
        "model.backbone.patch_sizes": [7, 3, 3, 3],
        "model.backbone.sr_ratios": [8, 4, 2, 1],
        "model.backbone.mlp_ratio": 4,
        "model.backbone.qkv_bias": True,
        "model.backbone.drop_rate": 0.0,
        "model.backbone.attn_drop_rate": 0.0,
        "model.backbone.drop_path_rate": 0.1,
        "model.decode_head.in_channels": [32, 64, 160, 256],
        "model.decode_head.channels": 256,
        "model.decode_head.dropout_ratio": 0.1,
        "model.decode_head.num_classes": 9,
        "model.decode_head.align_corners": False,
        "model.decode_head.loss_decode.type": "CrossEntropyLoss",
        "model.decode_head.loss_decode.loss_weight": 1.0,
    },
}
CASES = [(stage, key) for stage, values in EXPECTED.items() for key in values]


@cache
def loaded(stage: str, by_run_train: bool) -> "Config":
    """Return a stage's config as `tools/` load it, or as `run_train.py` does by default."""
    if not by_run_train:
        return load_config(STAGE1 if stage == "1" else STAGE2)
    args = parse_args([])
    return stage1_config(args) if stage == "1" else stage2_config(args, Path("run"))


def value_of(config: Any, key: str) -> Any:
    for name in key.split("."):
        config = config[int(name) if name.isdigit() else name]
    return list(config) if isinstance(config, tuple) else config


@pytest.mark.parametrize("by_run_train", [False, True], ids=["tools", "run_train"])
@pytest.mark.parametrize(("stage", "key"), CASES)
def test_value(stage: str, key: str, by_run_train: bool) -> None:
    expected = EXPECTED[stage][key]
    if (stage, key) == ("1", "model.authors_quirks") and not by_run_train:
        pytest.skip("the network's own default")
    found = value_of(loaded(stage, by_run_train), key)
    assert found == (list(expected) if isinstance(expected, tuple) else expected)


def test_rates_and_decay_that_parameters_get() -> None:
    """The keys of the config are looked for in the names of parameters."""
    from mmengine.optim import build_optim_wrapper
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    import mmseg_bffr  # noqa: F401 - registers the networks

    config = load_config(STAGE2)
    init_default_scope("mmseg")
    model = MODELS.build(config.model)
    groups = build_optim_wrapper(model, config.optim_wrapper).optimizer.param_groups
    given = {id(group["params"][0]): (group["lr"], group["weight_decay"]) for group in groups}
    expected = {
        "decode_head.conv_seg.weight": (6e-4, 0.01),
        "backbone.layers.0.0.projection.weight": (6e-5, 0.01),
        "backbone.layers.0.0.norm.weight": (6e-5, 0.0),
        "fuser.DB1_vi.conv_down.weight": (6e-5, 0.01),
        "fuser.fusion_block1.attn1.norm1.weight": (6e-5, 0.0),
        "fuser.fusion_block1.attn1.ffn.0.batch_norm.weight": (6e-5, 0.0),
    }
    for name, values in expected.items():
        assert given[id(model.get_parameter(name))] == pytest.approx(values), name
