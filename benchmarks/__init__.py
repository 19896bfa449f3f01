"""The numbers of the README: `python -m benchmarks` measures them on this machine."""
