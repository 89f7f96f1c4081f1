"""What the recipe sections of a training say, made: budget, optimiser, validations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from sfumato.core.progress import say
from sfumato.data.geometry import Geometry
from sfumato.nets import load as model_files
from sfumato.nets.surgery import copying, groups
from sfumato.tasks.parts.sections import AdamW, Augment, Muon, Schedule, Train
from sfumato.train.budget import Budget
from sfumato.train.learner import Learner
from sfumato.train.steps import muon, schedules

EPOCHS = 20  # where no budget is given


def budget(train: Train, per_epoch: int) -> Budget:
    """Steps, epochs or minutes; 20 epochs where none is given."""
    if train.minutes != "off":
        return Budget(seconds=60 * float(train.minutes))
    if train.steps != "off":
        return Budget(steps=int(train.steps))
    epochs = EPOCHS if train.epochs == "off" else int(train.epochs)
    return Budget(steps=epochs * per_epoch // train.accumulate)


def take_over(network: nn.Module, path: Path) -> None:
    """Weights of a model file into a network: all that fit by name; how many did is said."""
    report = copying.copy_weights(model_files.read(path).network, network, by="name", strict=False)
    say(f"{len(report.copied)} tensors were taken from {path}, {len(report.missing) + len(report.unlike)} begin afresh")


def optimiser(spec: Muon | AdamW, network: nn.Module, *, factor: float = 1, fused: bool = True) -> torch.optim.Optimizer:
    """The optimiser a recipe asks for; weight decay spares biases and norms (everything of fewer than two dimensions).

    factor : by how much each stage learns more slowly than the one after it.
    fused : AdamW in one kernel.
    """
    whole = [(1.0, list(network.parameters()))]
    stages = whole if factor == 1 else [(group["lr"], group["params"]) for group in groups.rates(network, 1.0, factor)]
    if isinstance(spec, Muon):
        decay, momentum = spec.weight_decay, spec.momentum
        return muon.Muon(network, rate=spec.rate, rest_rate=spec.rest_rate, momentum=momentum, weight_decay=decay, stages=stages)
    rated = [
        {"params": [p for p in parameters if (p.ndim > 1) == matrices], "lr": spec.rate * share, "weight_decay": weight_decay}
        for share, parameters in stages
        for matrices, weight_decay in ((True, spec.weight_decay), (False, 0.0))
    ]
    return torch.optim.AdamW([group for group in rated if group["params"]], lr=spec.rate, betas=(spec.beta1, spec.beta2), fused=fused)


def schedule(spec: Schedule) -> schedules.Schedule:
    """How the rate follows progress."""
    return schedules.make(spec.kind, warm=spec.warm, start=spec.start, end=spec.end)


def due(every: int | str, *, within: bool = False) -> Callable[[Learner], bool]:
    """Whether to validate: every so many epochs; auto: at the first one's end after each tenth of the budget.

    within : after each tenth of the budget in any case, though an epoch be longer than that, unless looking would take most of the time.
    It follows from what a state keeps, so that a resumed run validates where it would have without a stop.
    """

    def now(learner: Learner) -> bool:
        tenth = int(10 * learner.progress) > int(10 * learner.judged)
        asked = tenth if every == "auto" else (learner.epoch + 1) % int(every) == 0
        return (asked and learner.at_epochs_end) or (within and tenth and learner.between_steps and learner.look_pays)

    return now


def geometry(augment: Augment) -> Geometry:
    """What a recipe's section says of how pictures are moved."""
    return Geometry(
        flip=augment.flip,
        quarter_turns=augment.quarter_turns,
        rotate=augment.rotate,
        zoom=augment.zoom,
        perspective=augment.perspective,
        pad=augment.pad,
    )
