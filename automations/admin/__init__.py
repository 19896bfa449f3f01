"""The ground floor's models in the admin."""

from automations.admin import automation, history, people, provider, version

__all__ = ["automation", "history", "people", "provider", "version"]
