"""Fleets: thousands of checkpoints, a million examples of a theorem and grids of flows, over the workers of dask.distributed.

The work is cut into batches; a finished batch is a part on disk, written whole. What is on disk is what is done.
"""
