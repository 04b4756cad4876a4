# From common_code/photographs/tests/flags.py; edit it there, then tools/sync.py.
"""What is the auto-encoders' own among the flags, for tests/behavior/test_flags.py."""

from pathlib import Path

from tests import method

TRAIN = {
    "gray": ("False", False),
    "sampling": ("crop", "crop"),
    "flip": ("True", True),
    "ssim_weight": ("10", 10.0),
    **method.TRAIN_FLAGS,
}
FUSION = {
    "ir": ("i", Path("i")),
    "vis": ("v", Path("v")),
    "ir_range": ("5:9", "5:9"),
    "ir_color": ("luma", "luma"),
    "resize": ("ir", "ir"),
    "register": ("affine", "affine"),
    "register_failed": ("keep", "keep"),
    "register_rig": ("True", True),
    "register_to": ("a.csv", Path("a.csv")),
    "register_from": ("b.csv", Path("b.csv")),
    "rgb_mode": ("channels", "channels"),
    **method.FUSION_FLAGS,
}
DEFAULTS = {"gray": True, "lr": 1e-4, "ssim_weight": 100.0, **method.DEFAULTS}
SWITCHES = ("gray", "flip")
WRONG_TRAINING = {"--sampling all": "invalid choice: 'all'"}
WRONG_FUSION = {
    "--ir_range wide": "LO:HI",
    "--ir_range 9:5": "LO < HI",
    "--register rigid": "invalid choice: 'rigid'",
    method.WRONG_FUSION: "invalid choice",
}
