"""The registries of sources and destinations: where input comes from, where output goes."""

from collections.abc import Mapping
from typing import Any

from automations.connectors.automation import AutomationDestination
from automations.connectors.automation_source import AutomationSource
from automations.connectors.base import Destination, Item, Parcel, Receipt, Source
from automations.connectors.email import EmailDestination
from automations.connectors.feed import FeedSource
from automations.connectors.file import FileDestination
from automations.connectors.file_source import FileSource
from automations.connectors.form import FormSource
from automations.connectors.http import HttpDestination
from automations.connectors.http_source import HttpSource
from automations.connectors.notice import NoticeDestination
from automations.connectors.object_store import ObjectStoreDestination
from automations.connectors.problems import DeliveryProblem
from automations.connectors.slack import SlackDestination
from automations.connectors.store_only import StoreOnly
from automations.connectors.store_source import StoreSource
from automations.connectors.unknown import UnknownDestination
from automations.connectors.upload import UploadSource
from automations.registry import Registry

__all__ = [
    "DeliveryProblem",
    "Destination",
    "Item",
    "Parcel",
    "Receipt",
    "Source",
    "destination_of",
    "destinations",
    "sources",
]

sources: Registry[Source] = Registry(
    "source",
    FormSource,
    UploadSource,
    FileSource,
    StoreSource,
    HttpSource,
    FeedSource,
    AutomationSource,
)
destinations: Registry[Destination] = Registry(
    "destination",
    StoreOnly,
    FileDestination,
    ObjectStoreDestination,
    HttpDestination,
    EmailDestination,
    SlackDestination,
    NoticeDestination,
    AutomationDestination,
)


def destination_of(kind: str, settings: Mapping[str, Any]) -> Destination:
    """Return a stored destination; one whose kind is no longer known refuses every delivery."""
    if kind in destinations.kinds():
        return destinations.get(kind)(settings)
    return UnknownDestination({"kind": kind})
