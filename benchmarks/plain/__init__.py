"""What people start from: a plain pool of threads, and one queued task per run."""
