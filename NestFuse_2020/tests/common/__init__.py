# From common_code/base/tests/common/__init__.py; edit it there, then tools/sync.py.
