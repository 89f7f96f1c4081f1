"""sfumato learns to repair pictures: it spoils good ones on the fly and trains a network to undo it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sfumato.tasks.parts.restorer import Restorer

__version__ = "0.1.0"


def load(path: str | Path | None = None, *, device: str = "auto") -> Restorer:
    """A trained model, ready for use; without a path the restorer that comes with the package.

    >>> repaired = sfumato.load("model.safetensors").restore("photo.jpg")
    """
    from sfumato.tasks.parts import restorer  # torch is imported here, not with the package

    return restorer.load(path, device=device)
