"""Documents: text out of files of every kind, and of files built to harm."""
