"""The registries of sources and destinations: where input comes from, where output goes."""

from automations.connectors.base import Destination, Item, Parcel, Receipt, Source
from automations.connectors.file import FileDestination, FileSource
from automations.connectors.form import FormSource
from automations.connectors.http import HttpDestination
from automations.connectors.problems import DeliveryProblem
from automations.connectors.store_only import StoreOnly
from automations.connectors.upload import UploadSource
from automations.registry import Registry

__all__ = [
    "DeliveryProblem",
    "Destination",
    "Item",
    "Parcel",
    "Receipt",
    "Source",
    "destinations",
    "sources",
]

sources: Registry[Source] = Registry("source", FormSource, FileSource, UploadSource)
destinations: Registry[Destination] = Registry(
    "destination", StoreOnly, FileDestination, HttpDestination
)
