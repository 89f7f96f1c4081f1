"""What happens inside a network while it learns: statistics of its layers' outputs, and gradient norms, every so many steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from sfumato.core import files
from sfumato.core.errors import Refusal, Unwritable
from sfumato.show import layers as drawn
from sfumato.train.callback import Callback
from sfumato.train.callbacks.forms import OtherForm
from sfumato.train.callbacks.nonfinite import SkipNonFinite
from sfumato.train.learner import Learner
from sfumato.train.run import Run

MOST_LAYERS = 16
MOST_RECORDS = 300  # beyond it every second one goes, and half as many are made: a picture has no more columns
PICTURES = 16  # of a batch, that are looked at
BINS, REACH = 40, 10.0  # of the histogram of |output|; the last bin holds what lies beyond
NEAR = 1e-2  # an output nearer to zero than this counts as dead
MEAN, SPREAD, DEAD, COUNTS = 0, 1, 2, 3  # columns of a record

ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish)
SQUASHING = (nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Hardtanh)
WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.Linear)


class Activations(Callback):
    """Record mean, standard deviation, share near zero and a histogram of layers' outputs, and gradient norms of weights before clipping.

    every : steps between two records; doubled whenever there are too many.
    Looked at are activations, or where there are none convolutions and matrices, 16 of them evenly chosen.
    Between records there is no hook and no wait for the device.  Steps that are recorded are not compiled.
    """

    follows = (SkipNonFinite,)

    def __init__(self, run: Run, *, every: int = 20):
        if every < 1:
            raise Refusal(f"Activations are recorded every {every} steps, but it must be at least 1.")
        self.run, self.every = run, every
        self.steps: list[int] = []
        self.records: list[Tensor] = []  # (layers, 3 + BINS) each
        self.norms: list[Tensor] = []  # (weights,) each
        self.layers: dict[str, nn.Module] = {}
        self.weights: dict[str, nn.Parameter] = {}
        self._hooks: list[RemovableHandle] = []
        self._seen: dict[str, Tensor] = {}
        self._due = self._compiled = False

    def before_fit(self, learner: Learner) -> None:
        """Which layers; a resumed run calls `load_state` after this."""
        self.layers = choose(learner.network)
        weights = {name: parameter for name, parameter in learner.network.named_parameters() if parameter.ndim > 1}
        self.weights = {name.removesuffix(".weight"): weights[name] for name in thin(list(weights))}
        form = learner.slots.get("forward")
        self._compiled = isinstance(form, OtherForm) and form.compiled

    def before_batch(self, learner: Learner) -> None:
        """Hook in, where this step is recorded."""
        if learner.phase != "train" or learner.position % learner.accumulate:
            return
        self._due = not self.steps or learner.step // self.every > self.steps[-1] // self.every  # late, where an opponent played then
        if self._due:
            self._seen = {}
            if self._compiled:
                torch.compiler.set_stance("force_eager")  # compiled code runs no hooks
            self._hooks = [module.register_forward_hook(self._watch(name)) for name, module in self.layers.items()]

    def after_backward(self, learner: Learner) -> None:
        """One record: the only time that the device is waited for."""
        if not self._due:
            return
        if learner.now is not learner.main:  # in an opponent's turn the network only looks on
            self._seen = {}
            return
        missing = torch.full((COUNTS + BINS,), torch.nan)
        self.records.append(torch.stack([self._seen.get(name, missing.to(learner.device)) for name in self.layers]).cpu())
        clipped = learner.main.clip is not None and learner.main.gradient_norm > learner.main.clip
        whole = learner.main.gradient_norm / learner.main.clip if clipped and learner.main.clip else 1.0
        gradients = [weight.new_zeros(()) if weight.grad is None else weight.grad for weight in self.weights.values()]
        self.norms.append(torch.stack(torch._foreach_norm(gradients)).float().cpu() * whole)
        self.steps.append(learner.step)
        self._seen = {}
        if len(self.steps) > MOST_RECORDS:
            self.steps, self.records, self.norms = self.steps[::2], self.records[::2], self.norms[::2]
            self.every *= 2

    def after_batch(self, learner: Learner) -> None:
        """Out again."""
        self._unhook()

    def after_phase(self, learner: Learner) -> None:
        """What stands is written."""
        if learner.phase == "train":
            self.write()

    def on_stop(self, learner: Learner) -> None:
        """A step that failed in its middle leaves no hook behind."""
        self._unhook()

    def after_fit(self, learner: Learner) -> None:
        """The last numbers, and pictures of them all; of a run that failed, if the disk takes them."""
        self._unhook()
        try:
            self.write()
            self.draw()
        except Unwritable:
            if learner.stopped is None:
                raise

    def write(self) -> None:
        """activations.npz: steps (R,), layers (L,), values (R, L), counts (R, L, bins), weights (G,), gradients (R, G)."""
        if not self.steps:
            return
        values = torch.stack(self.records).numpy()
        with files.replacing(self.run.instrument("activations.npz")) as aside:
            np.savez_compressed(
                aside,
                steps=np.array(self.steps),
                layers=np.array(list(self.layers)),
                means=values[..., MEAN],
                spreads=values[..., SPREAD],
                dead=values[..., DEAD],
                counts=values[..., COUNTS:],
                weights=np.array(list(self.weights)),
                gradients=torch.stack(self.norms).numpy(),
            )

    def draw(self) -> None:
        """activations.png and gradients.png, where there is something to be drawn."""
        if not self.steps:
            return
        values = torch.stack(self.records).numpy()
        picture = drawn.activations(
            list(self.layers),
            self.steps,
            means=values[..., MEAN],
            spreads=values[..., SPREAD],
            dead=values[..., DEAD],
            counts=values[..., COUNTS:],
            reach=REACH,
        )
        files.write_bytes(self.run.instrument("activations.png"), picture)
        norms = torch.stack(self.norms).numpy()
        files.write_bytes(self.run.instrument("gradients.png"), drawn.gradients(list(self.weights), self.steps, norms))

    def state(self) -> dict[str, Any]:
        """All records so far."""
        stacked = {"records": torch.stack(self.records), "norms": torch.stack(self.norms)} if self.steps else {}
        return {"every": self.every, "steps": list(self.steps), **stacked}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        self.every, self.steps = int(state["every"]), [int(step) for step in state["steps"]]
        self.records, self.norms = (list(state[name].cpu()) if self.steps else [] for name in ("records", "norms"))

    def _watch(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, given: Any, output: Any) -> None:
            if name not in self._seen and isinstance(output, Tensor):  # of a module that is used twice, the first time
                self._seen[name] = statistics(output[:PICTURES])

        return hook

    def _unhook(self) -> None:
        if self._hooks and self._compiled:
            torch.compiler.set_stance("default")
        while self._hooks:
            self._hooks.pop().remove()


@torch.no_grad()
def statistics(output: Tensor) -> Tensor:
    """Mean, standard deviation, share near zero, and counts of |output|.  Any shape -> float32 (3 + BINS,), on the same device."""
    values = output.detach().float()
    spread, mean = torch.std_mean(values, correction=0)
    size = values.abs()
    dead = (size < NEAR).float().mean()
    counts = torch.histc(size.clamp_(max=REACH), BINS, 0, REACH)
    return torch.cat([torch.stack([mean, spread, dead]), counts])


def choose(network: nn.Module) -> dict[str, nn.Module]:
    """Modules by name, in the order of the network: see `Activations`."""
    modules = dict(network.named_modules())
    for kinds in (ACTIVATIONS + SQUASHING, WEIGHTED):
        names = [name for name, module in modules.items() if isinstance(module, kinds)]
        if names:
            return {name: modules[name] for name in thin(names)}
    raise Refusal("This network has neither activations nor convolutions nor matrices to look at: set look.every = 'off'.")


def thin(names: Sequence[str], most: int = MOST_LAYERS) -> list[str]:
    """At most so many, evenly chosen, the first and the last among them."""
    if len(names) <= most:
        return list(names)
    return [names[round(number * (len(names) - 1) / (most - 1))] for number in range(most)]
