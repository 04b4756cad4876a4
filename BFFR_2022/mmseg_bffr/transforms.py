"""Transforms of pairs; an image is (H, W, 4), uint8: R, G, B and infrared.

mmsegmentation's own transforms resize, crop and flip the four channels together.
"""

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.datasets.transforms import PhotoMetricDistortion
from mmseg.registry import TRANSFORMS

from utils.util_dataset import read_label, read_pair


@TRANSFORMS.register_module()
class LoadLabeledPair(BaseTransform):
    """Read the pair and the label of an `MFNet` scene."""

    def transform(self, results: dict) -> dict:
        """Add `img` and `gt_seg_map` to the dataset's entries.

        Raises:
            InputError: see `read_pair` and `read_label`.
        """
        pair = results.pop("pair")
        image = read_pair(pair)
        label = read_label(pair, image)
        for old, new in results["label_map"].items():
            label = np.where(label == old, np.uint8(new), label)
        results.update(img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2])
        results.update(gt_seg_map=label, seg_fields=["gt_seg_map"])
        return results


@TRANSFORMS.register_module()
class PairPhotoMetricDistortion(PhotoMetricDistortion):
    """Distort brightness and contrast of both images, saturation and hue of the visible one."""

    def transform(self, results: dict) -> dict:
        """Change `img`, with separate random draws for the two modalities."""
        image = results["img"]
        bgr = np.ascontiguousarray(image[..., 2::-1])
        visible = super().transform({"img": bgr})["img"][..., ::-1]
        infrared = self.contrast(self.brightness(image[..., 3:]))
        results["img"] = np.concatenate([visible, infrared], axis=2)
        return results
