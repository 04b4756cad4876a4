"""Per-class IoU and its mean over the classes that occur."""

import numpy as np
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS


@METRICS.register_module()
class MeanIoU(IoUMetric):
    """IoU summed over the whole set; mIoU averages the classes that occur, without background.

    A class occurs if a label has it, so that one that is only predicted does not count as 0; the
    background, class 0, is given apart as `background`.
    """

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Return `mIoU`, `background` and mmseg's `aAcc` and `mAcc`, per cent."""
        intersection, union, _, label = (np.sum(areas, axis=0) for areas in self._areas(results))
        found = super().compute_metrics(results)
        iou = 100 * intersection / np.maximum(union, 1)
        occurs = np.flatnonzero(label[1:]) + 1
        found["mIoU"] = round(float(iou[occurs].mean()), 2) if len(occurs) else float("nan")
        found["background"] = round(float(iou[0]), 2)
        return found

    @staticmethod
    def _areas(results: list) -> list[np.ndarray]:
        return [
            np.stack([np.asarray(area) for area in kind]) for kind in zip(*results, strict=True)
        ]
