"""Layers that inputs name, each of the kind that its role needs."""

from data.errors import LayerNotFound
from data.store import Layer, Store


def layer_of_kind(store: Store, role: str, layer_id: str, *kinds: str) -> Layer:
    """Return a layer that an input names; raise `LayerNotFound` where it is of no kind that fits the role."""
    layer = store.layer(layer_id)
    if layer.kind not in kinds:
        needed = " or ".join(kinds)
        raise LayerNotFound(f"{role} needs a layer of kind {needed}; {layer_id!r} is of kind {layer.kind}")
    return layer


def incident_layer(store: Store, layer_id: str) -> Layer:
    """Return the layer of incidents that an analysis is about."""
    return layer_of_kind(store, "layer", layer_id, "incidents")
