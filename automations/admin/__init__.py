"""The admin of the ground floor."""
