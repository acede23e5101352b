"""The verbs of ``thb``, one file each: options in, one function of the library called, rows out.

A verb that comes later is one more file here and one line in ``thb/cli.py``.
"""
