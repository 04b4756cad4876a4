"""What the paper adds to mmsegmentation, registered when this is imported.

    custom_imports = dict(imports=["mmseg_bffr"])

It uses `models/` and `utils/` of the method's folder; commands run with that as working directory.
"""

from mmseg_bffr import datasets, metrics, models, runtime, transforms

__all__ = ["datasets", "metrics", "models", "runtime", "transforms"]
