"""The demo portfolio: what load_demo makes."""
