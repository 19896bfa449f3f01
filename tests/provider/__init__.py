"""A real HTTP server on loopback that speaks chat completions and misbehaves when told to."""

from tests.provider.handles import FakeProvider, ProviderProcess

__all__ = ["FakeProvider", "ProviderProcess"]
