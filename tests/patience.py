"""How long a test waits before it takes its work for hung.

Speed is measured by the benchmarks, in turns: a timed test fails on a busy machine. What waits here
is done after seconds, and where it is wrong, never, or after minutes.
"""

HANGS = 45  # seconds
