"""The top floor's pages, one file per noun."""
