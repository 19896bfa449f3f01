"""Work on untrusted bytes in a child process with bounded memory, time, files and network."""

from automations.sandbox.parent import Crashed, OutOfMemory, SandboxProblem, TimedOut, run

__all__ = ["Crashed", "OutOfMemory", "SandboxProblem", "TimedOut", "run"]
