"""The ground floor's models in the admin."""

from automations.admin import automation, history, provider, version

__all__ = ["automation", "history", "provider", "version"]
