"""What is DeepFuse's own among the flags, for tests/behavior/test_flags.py."""

from pathlib import Path

from tests.helpers import FOLDER

TRAIN = {
    "patches": ("8", 8),
    "augment": ("True", True),
    "gamma": ("True", True),
    "levels": ("3", 3),
    "loss_scales": ("3", 3),
    "loss_weighting": ("4", 4.0),
    "level_weight": ("0", 0.0),
    "clipping_weight": ("0.5", 0.5),
}
FUSION = {
    "under": ("u", Path("u")),
    "over": ("o", Path("o")),
    "scene_dir": ("s", Path("s")),
    "align": ("True", True),
    "levels": ("3", 3),
}
DEFAULTS = {
    "image_path": [FOLDER / "demo"],
    "train_num": 200,
    "batch_size": 4,
    "num_epochs": 100,
    "lr": 1e-4,
    "crop_size": 64,
    "patches": 1,
    "levels": 1,
    "loss_scales": 1,
    "level_weight": 0.2,
    "loss_weighting": "consistency",
}
SWITCHES = ("augment", "gamma")
WRONG_TRAINING = {
    "--patches 0": "0 is not at least 1",
    "--levels 0": "invalid choice",
    "--loss_scales 4": "invalid choice",
    "--loss_weighting -1": "-1 is not a finite number of at least 0",
    "--loss_weighting most": "--loss_weighting",
    "--level_weight much": "--level_weight",
    "--gray": "unrecognized arguments",
}
WRONG_FUSION = {
    "--levels 2": "invalid choice",
    "--align maybe": "say --align True or False",
    "--ir x": "unrecognized arguments",
    "--resize under": "unrecognized arguments",
}
