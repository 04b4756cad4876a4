# From common_code/base/utils/common/__init__.py; edit it there, then tools/sync.py.
"""Code that several methods share, vendored from common_code/."""
