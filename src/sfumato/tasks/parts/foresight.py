"""A look before a training: do the parts of its loss start at a similar scale, and does the classifier see the damage at all?"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sfumato.data.batches import Batch
from sfumato.losses.features import FeatureNetwork
from sfumato.tasks.parts.difference import Difference

FACTOR = 10.0  # by which a part's gradient may be above or below the pixels' before a weight is suggested
SAME_SIGNS = 0.98  # share of features with equal signs above which a classifier hardly sees the damage


def look(objective: Difference, network: nn.Module, batch: Batch) -> list[str]:
    """Lines of the plan.  One batch, on the network's device; nothing is changed."""
    seen = [] if objective.perception is None else _damage_seen(objective.perception.network, batch)
    return [*seen, *_scales(objective, network, batch)]


def gradient_shares(terms: dict[str, Tensor], outputs: Tensor) -> dict[str, float]:
    """How much of the gradient at the output comes from each part: norms over their sum.  The graph is kept."""
    norms = {
        name: torch.autograd.grad(term, outputs, retain_graph=True)[0].float().norm().item() if term.requires_grad else 0.0
        for name, term in terms.items()
    }
    total = sum(norms.values()) or 1.0
    return {name: norm / total for name, norm in norms.items()}


def _damage_seen(network: FeatureNetwork, batch: Batch) -> list[str]:
    """How features of good and spoilt pictures differ at each tap."""
    with torch.no_grad():
        good, spoilt = network(batch.target), network(_as_large(batch.input, batch.target))
    lines, blind = [], []
    for name, one, other in zip(network.taps, good, spoilt, strict=True):
        signs = ((one > 0) == (other > 0)).float().mean().item()
        error = ((one - other).square().mean() / one.square().mean().clamp_min(1e-12)).item()
        lines.append(f"feature tap    {name}: of good and spoilt {signs:.0%} of signs equal, squared difference {error:.3f} of the square")
        if signs > SAME_SIGNS and error < 1 - SAME_SIGNS:
            blind.append(name)
    if blind:
        lines.append(f"warning        the feature network hardly sees the damage at {', '.join(blind)}: choose finer taps (feature.taps)")
    return lines


def _as_large(spoilt: Tensor, good: Tensor) -> Tensor:
    return spoilt if spoilt.shape == good.shape else nn.functional.interpolate(spoilt, good.shape[-2:], mode="bilinear")


def _scales(objective: Difference, network: nn.Module, batch: Batch) -> list[str]:
    """Shares of the gradient at the output, with what would bring a part that is far off near the pixels'."""
    was_training = network.training
    network.eval()  # so that no norm takes note
    with torch.no_grad():
        outputs = network(batch.input).float()
    network.train(was_training)
    outputs = (outputs + 1e-3 * (batch.target - outputs)).requires_grad_(True)  # off the kink of a distance that starts at its least
    shares = gradient_shares(objective.terms(outputs, batch.target), outputs)
    lines = ["gradient       " + ", ".join(f"{name} {share:.0%}" for name, share in shares.items()) + " of its norm at the output"]
    own = shares[objective.name]
    if not own:
        return lines
    for name, share in shares.items():
        times = share / own
        if name != objective.name and share > 0 and not 1 / FACTOR <= times <= FACTOR:
            lines.append(f"suggestion     {name} starts {times:.2g} times as strong as {objective.name}: weigh it {1 / times:.2g} times")
    return lines
