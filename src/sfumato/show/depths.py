"""Depth maps as a person looks at them: what is near is bright and warm, what is far is dark, what nobody knows is black."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sfumato.core.levels import TOP, Levels

EDGES = (2, 98)  # percent of the pixels between which the colours are spread
DARKEST = 0.12  # of the scale: the farthest is told from what is unknown


def limits(metres: NDArray[np.float32]) -> tuple[float, float]:
    """The nearest and the farthest depth that colours tell apart: of two maps to be compared, take those of one.  (1, 1) where none is"""
    known = metres[metres > 0]
    if not known.size:
        return 1.0, 1.0
    near, far = np.percentile(known, EDGES).tolist()
    return near, far


def coloured(metres: NDArray[np.float32], within: tuple[float, float] | None = None) -> Levels:
    """float32 (H, W), 0 where it is unknown -> uint8 (H, W, 3), spread by logarithms.  within: see `limits`"""
    near, far = np.log(within or limits(metres))
    known = metres > 0
    logs = np.log(metres, where=known, out=np.full_like(metres, far))
    share = np.clip((far - logs) / max(far - near, 1e-6), 0, 1)
    scale = np.rint(TOP * (DARKEST + (1 - DARKEST) * share)).astype(np.uint8)
    colours = np.asarray(cv2.applyColorMap(scale, cv2.COLORMAP_INFERNO))[..., ::-1]
    return np.where(known[..., None], colours, 0).astype(np.uint8)
