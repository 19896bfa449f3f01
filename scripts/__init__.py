"""What the Makefile runs: installing, testing on both databases, the demo."""
