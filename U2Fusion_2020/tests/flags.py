"""What is U2Fusion's own among the flags, for tests/behavior/test_flags.py."""

from pathlib import Path

TRAIN = {
    "vgg_weights": ("v.pth", Path("v.pth")),
    "vgg_convention": ("caffe", "caffe"),
    "c_ivif": ("1000", 1000.0),
    "c_mef": ("2e3", 2000.0),
    "c_mff": ("7", 7.0),
    "tasks": ("mff ivif mef", ["mff", "ivif", "mef"]),
    "ivif_path": ("a b", [Path("a"), Path("b")]),
    "mef_path": ("a", [Path("a")]),
    "mff_path": ("a b c", [Path("a"), Path("b"), Path("c")]),
    "patches": ("8", 8),
    "fresh_patches": ("True", True),
    "augment": ("True", True),
    "ssim_weight": ("0", 0.0),
    "mse_weight": ("5", 5.0),
    "ewc_lambda": ("1e3", 1e3),
    "fisher_samples": ("4", 4),
}
FUSION = {name: ("x/y", Path("x/y")) for name in ("ir", "vis", "under", "over", "scene_dir")} | {
    "ir_range": ("5:9", "5:9"),
    "ir_color": ("luma", "luma"),
    "resize": ("ir", "ir"),
    "register": ("affine", "affine"),
    "register_failed": ("keep", "keep"),
    "register_rig": ("True", True),
    "register_to": ("a.csv", Path("a.csv")),
    "register_from": ("b.csv", Path("b.csv")),
    "align": ("True", True),
}
DEFAULTS = {
    "tasks": ["ivif"],
    "image_path": None,
    "vgg_weights": None,
    "patches": None,
    "train_num": 10000,
    "batch_size": 4,
    "num_epochs": 10,
    "lr": 1e-4,
    "lr_schedule": "step",  # 0.0001, 9e-5, 8.1e-5, ...
    "lr_decay": 0.9,
    "crop_size": 64,
    "ssim_weight": 1.0,
    "mse_weight": 20.0,
    "ewc_lambda": 8e4,
    "c_ivif": 3e3,
    "c_mef": 3.5e3,
    "c_mff": 1e2,
}
SWITCHES = ("fresh_patches", "augment")
WRONG_TRAINING = {
    "--gray": "unrecognized arguments",
    "--tasks": "expected at least one argument",
    "--tasks ivif med": "invalid choice: 'med'",
    "--patches 0": "0 is not at least 1",
    "--fisher_samples 0": "0 is not at least 1",
    "--c_mef 0": "0 is not a finite number above 0",
    "--c_ivif inf": "inf is not a finite number above 0",
    "--ssim_weight -1": "-1 is not a finite number of at least 0",
    "--mse_weight much": "--mse_weight",
    "--ewc_lambda -1": "-1 is not a finite number of at least 0",
    "--vgg_convention bgr": "invalid choice: 'bgr'",
}
WRONG_FUSION = {
    "--align maybe": "say --align True or False",
    "--ir_range wide": "LO:HI",
    "--ir_range 9:5": "LO < HI",
    "--register rigid": "invalid choice: 'rigid'",
    "--ir_color gray": "invalid choice: 'gray'",
    "--resize under": "invalid choice: 'under'",
    "--save_desired": "unrecognized arguments",
}
