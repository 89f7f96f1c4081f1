"""The networks a recipe or a model file can name.  A table to read; modules are imported when they are built."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Union

from pydantic import TypeAdapter, ValidationError

from sfumato.core.errors import Refusal, unknown
from sfumato.nets import arguments

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Entry:
    """One kind of network: what it can be told, who builds it, and what it is for."""

    arguments: type[Any]
    builder: str  # "file:function" inside this room
    says: str


NETWORKS = {
    "unet": Entry(arguments.UNet, "unet:build", "U-Net with added skips that starts as the identity: marks, holes, every damage at once"),
    "residual": Entry(arguments.Residual, "residual:build", "small residual restorer of one resolution: super-resolution, denoising"),
}

if TYPE_CHECKING:
    Network = Any
else:  # what a recipe may name: whatever stands in the table above
    Network = Union[tuple(entry.arguments for entry in NETWORKS.values())]  # noqa: UP007  # built, not written


def build(spec: Any, channels: int = 3) -> nn.Module:
    """A fresh network (random weights from torch's own generator: fork it and seed it around this call)."""
    entry = NETWORKS.get(spec.kind)
    if entry is None:
        raise unknown("network", spec.kind, NETWORKS)
    file, function = entry.builder.split(":")
    network: nn.Module = getattr(import_module(f"sfumato.nets.{file}"), function)(spec, channels)
    return network


def specification(kind: str, values: dict[str, Any]) -> Any:
    """Arguments of a network as a model file keeps them, checked."""
    if kind not in NETWORKS:
        raise unknown("network", kind, NETWORKS)
    try:
        return TypeAdapter(NETWORKS[kind].arguments).validate_python({**values, "kind": kind}, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        raise Refusal(
            f"The arguments of the network {kind!r} are not understood: {'.'.join(map(str, first['loc']))}: {first['msg']}."
        ) from error
