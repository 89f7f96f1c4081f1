"""sfumato learns to repair pictures: it spoils good ones on the fly and trains a network to undo it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__version__ = "0.1.0"


def load(path: str | Path | None = None, *, device: str = "auto") -> Any:
    """A trained model, ready for use; without a path the restorer that comes with the package.

    What it offers is told by its task: `Restorer.restore`, `Classifier.classify`.

    >>> repaired = sfumato.load("model.safetensors").restore("photo.jpg")
    >>> names = sfumato.load("digits.safetensors").classify("seven.png")
    """
    from sfumato.tasks import catalogue  # torch is imported here, not with the package

    return catalogue.load(path, device=device)
