"""Running: the part of the ground floor that only workers and commands import."""
