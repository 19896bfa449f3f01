"""The input of every run: 1,500 characters, an ordinary short article."""

TEXT = (
    "The clinic called every patient who had missed an appointment and asked why. Most had "
    "forgotten, some had no way to get there, and a few had never been told. "
) * 10
