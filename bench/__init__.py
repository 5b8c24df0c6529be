"""Measurements: what the processor reaches against the limit of the machine it runs on.

Owns the workloads and the runs of `make bench`; their results are figures, never a failed test.
May import everything. Must never be imported by anything else.
"""
