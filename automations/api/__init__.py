"""The HTTP API: bearer tokens in, JSON out, the same verbs as the pages."""
