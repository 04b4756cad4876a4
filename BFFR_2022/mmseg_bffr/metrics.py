"""Per-class IoU and its means, with the background and without it."""

import numpy as np
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS


@METRICS.register_module()
class MeanIoU(IoUMetric):
    """IoU summed over the whole set, and its means over the classes that occur.

    A class occurs if a label or a prediction has it. A class that is only predicted counts as 0,
    as in the official code's mIoU, and here in mAcc too, so that both average the same classes.
    """

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Return mmseg's `aAcc`, and means in percent; nan if no class occurs.

        `mIoU` and `mAcc` average all classes, the background (class 0) among them;
        `mIoU_without_background` and `mAcc_without_background` leave it out.
        """
        intersection, union, _, label = (np.sum(areas, axis=0) for areas in self._areas(results))
        found = super().compute_metrics(results)
        iou = 100 * intersection / np.maximum(union, 1)
        accuracy = 100 * intersection / np.maximum(label, 1)
        classes = np.flatnonzero(union)
        for suffix, counted in (("", classes), ("_without_background", classes[classes > 0])):
            for name, values in (("mIoU", iou), ("mAcc", accuracy)):
                mean = float(values[counted].mean()) if len(counted) else float("nan")
                found[name + suffix] = round(mean, 2)
        return found

    @staticmethod
    def _areas(results: list) -> list[np.ndarray]:
        return [
            np.stack([np.asarray(area) for area in kind]) for kind in zip(*results, strict=True)
        ]
