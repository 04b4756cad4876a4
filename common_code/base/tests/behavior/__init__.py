# From common_code/base/tests/behavior/__init__.py; edit it there, then tools/sync.py.
"""How the scripts of a method behave, by the names in tests/method.py. Run for each method."""
