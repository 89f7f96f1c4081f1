"""In which number format the network's body works: float32, bfloat16, or float16 with a scaled loss."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from sfumato.core.errors import Refusal

_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Precision:
    """Autocast and, for float16, the scaler of the loss (Micikevicius et al. 2018)."""

    def __init__(self, name: str, device: torch.device):
        if name == "float16" and device.type != "cuda":
            raise Refusal("train.precision = 'float16' needs a CUDA device; use 'bfloat16' or 'float32' here.")
        self.name = name
        self.dtype = _TYPES[name]
        self.scaler = torch.amp.GradScaler(device.type) if name == "float16" else None
        self._unscaled = False

    def autocast(self, device: torch.device) -> AbstractContextManager[Any]:
        """The context in which an objective runs."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(device.type, dtype=self.dtype)

    def scaled(self, loss: Tensor) -> Tensor:
        """The loss as `backward` wants it."""
        return self.scaler.scale(loss) if self.scaler else loss

    def unscale(self, optimiser: torch.optim.Optimizer) -> None:
        """Gradients as they would be without scaling."""
        if self.scaler and not self._unscaled:
            self.scaler.unscale_(optimiser)
            self._unscaled = True

    def step(self, optimiser: torch.optim.Optimizer) -> None:
        """One step of the optimiser."""
        if self.scaler:
            self.scaler.step(optimiser)
            self.scaler.update()
            self._unscaled = False
        else:
            optimiser.step()

    def overflowed(self, losses: Sequence[Tensor]) -> bool:
        """Whether a gradient that is not finite is only the scaler feeling its way: its losses are sound, and the scale was too large."""
        return self.scaler is not None and self.scaler.get_scale() > 1 and all(bool(torch.isfinite(loss)) for loss in losses)

    def skipped(self) -> None:
        """The update was left out: a scaler lowers its scale."""
        if self.scaler:
            self.scaler.update(self.scaler.get_scale() / 2)
            self._unscaled = False

    def left_out(self) -> None:
        """The update was left out though all was well: the scale stays."""
        if self.scaler:
            self.scaler.update(self.scaler.get_scale())
            self._unscaled = False

    def state(self) -> dict[str, Any]:
        """The scaler's state, where there is one."""
        return self.scaler.state_dict() if self.scaler else {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        if self.scaler and state:
            self.scaler.load_state_dict(state)
