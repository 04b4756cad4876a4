"""What a segmenter finds in fused images: `python -m benchmark.segmentation --help`.

The segmenter is SegFormer-B0 of `BFFR_2022`, trained by that folder's own training loop, in a
process of its own whose working directory is the folder.
"""

SEGMENTER = "BFFR_2022"  # the folder of the method whose segmenter is trained
CLASSES = (  # of MFNet (Ha et al. 2017); the id of a class is its index
    "unlabeled", "car", "person", "bike", "curve", "car_stop", "guardrail", "color_cone", "bump",
)  # fmt: skip
LEFT_OUT = 255  # pixels with this id are neither learned nor scored
