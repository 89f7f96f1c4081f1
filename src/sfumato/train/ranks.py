"""Several processes that train one network: started by torchrun, tied together by accelerate.

    torchrun --nproc_per_node 2 -m sfumato train restore photos/ --out runs/two

Each takes its share of every batch of the same order, gradients are averaged, and the first process alone writes.
Importing this needs no torch.
"""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sfumato.core.errors import Refusal

if TYPE_CHECKING:
    import torch
    from torch import nn

_LOST = ("connection closed", "connection reset", "broken pipe", "connection refused", "remote process", "gloo", "nccl")


@dataclass(frozen=True)
class Ranks:
    """Who this process is among those that train together; by itself it is the first of one."""

    rank: int = 0
    count: int = 1
    accelerator: Any = None  # of accelerate, where there are several

    @property
    def writes(self) -> bool:
        """One process writes the run folder, validates and talks."""
        return self.rank == 0

    @property
    def share(self) -> tuple[int, int]:
        """Which part of every batch is this process's: (rank, ranks)."""
        return self.rank, self.count

    def device(self, device: torch.device) -> torch.device:
        """The device of this process, where a machine has several of that kind."""
        return device if self.accelerator is None or device.type == "cpu" else self.accelerator.device

    def parallel(self, network: nn.Module) -> nn.Module:
        """A form of the network whose gradients are averaged over all processes while they are computed."""
        return self.accelerator.prepare_model(network, device_placement=False) if self.accelerator else network

    def sums(self, *values: float) -> list[float]:
        """Each number, added up over all processes; every process must ask at the same point."""
        if self.accelerator is None:
            return list(values)
        import torch

        found: torch.Tensor = self.accelerator.reduce(torch.tensor(values, dtype=torch.float64, device=self.accelerator.device), "sum")
        return found.tolist()

    def wait(self) -> None:
        """Until every process has come to this point."""
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()

    def leave(self) -> None:
        """Nothing more is done together: all have come to this point, and the ties between them are cut."""
        if self.accelerator is not None:
            self.wait()
            gc.collect()  # what still holds a tie, as a compiled or parallel form does, would cut it while the process ends
            self.accelerator.end_training()


def count() -> int:
    """How many processes torchrun started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process is the one that writes and talks."""
    return int(os.environ.get("RANK", "0")) == 0


@cache
def join(kind: str) -> Ranks:
    """Meet the other processes that torchrun started, if it did.  kind: of the device, cpu or cuda.

    Refuses, with what to install, when accelerate is missing.
    """
    if count() == 1:
        return Ranks()
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise Refusal("Training in several processes needs accelerate: pip install 'sfumato[multi]'.") from error
    accelerator = Accelerator(cpu=kind == "cpu", mixed_precision="no")  # precision and scaling are the Learner's
    return Ranks(accelerator.process_index, accelerator.num_processes, accelerator)


def is_loss(error: BaseException) -> bool:
    """Whether an error says that another process is gone: known by its words, for it has no type of its own."""
    return count() > 1 and isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _LOST)
