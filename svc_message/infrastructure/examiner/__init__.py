"""Looks into files in processes of their own. `pool` is the side of the service; all else here runs in those.

Nothing is imported here: such a process starts for a file that somebody waits for, and has no use for the pool.
"""
