"""The objective of repair: how far what the network makes of the input is from the target, in pixels and as a classifier sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from sfumato.core.errors import Refusal
from sfumato.data.batches import Batch
from sfumato.losses import features as seen
from sfumato.losses import pixel
from sfumato.losses.features import FeatureNetwork
from sfumato.nets.surgery.borrow import open_classifier
from sfumato.tasks.parts.sections import Feature, Loss
from sfumato.train.objective import Outcome

Place = tuple[int, int]  # px down and right
CORNER = (0, 0)
DISTANCES = {"l1": pixel.l1, "mse": pixel.mse}


@dataclass(frozen=True)
class Perception:
    """What a frozen classifier adds to the loss: at each tap the distance of features, and of Gram matrices."""

    network: FeatureNetwork
    weights: tuple[float, ...]  # a tap
    grams: tuple[float, ...]  # a tap, or none
    distance: Any
    shift: int = 0  # px, at most

    def place(self, draw: torch.Generator) -> Place:
        """How far from the corner the classifier begins to look: it follows from the step's seed, for a draw would wait for the device."""
        places = self.shift + 1
        return divmod(draw.initial_seed() % places**2, places)

    def terms(self, output: Tensor, target: Tensor, place: Place = CORNER) -> dict[str, Tensor]:
        """Weighed parts by name.  Two (B, C, H, W); the target's features carry no gradient."""
        down, right = place
        with torch.no_grad():
            wanted = self.network(target[..., down:, right:])
        return self.weighed(self.network(output[..., down:, right:]), wanted)

    def weighed(self, made: list[Tensor], wanted: list[Tensor]) -> dict[str, Tensor]:
        """The same from what the classifier saw, (B, c, h, w) a tap."""
        taps = self.network.taps
        found = _weighed("feature", taps, self.weights, seen.feature_distances(made, wanted, self.distance))
        if self.grams:
            found.update(_weighed("gram", taps, self.grams, seen.gram_distances(made, wanted, self.distance)))
        return found


def _weighed(what: str, taps: Sequence[str], weights: Sequence[float], distances: Sequence[Tensor]) -> dict[str, Tensor]:
    return {f"{what} {tap}": weight * one for tap, weight, one in zip(taps, weights, distances, strict=True) if weight}


@dataclass(frozen=True)
class Difference:
    """The objective: every part weighed and named, their sum the loss."""

    distance: Any
    name: str
    weight: float = 1.0  # of the distance in pixels
    colour: float = 0.0  # of the distance in what is left of colour in large squares
    perception: Perception | None = None

    def __call__(self, network: nn.Module, batch: Batch, draw: torch.Generator) -> Outcome:
        """All parts in float32."""
        outputs: Tensor = network(batch.input)
        return self.judged(outputs, batch.target, self.perception.place(draw) if self.perception and network.training else CORNER)

    def judged(self, outputs: Tensor, target: Tensor, place: Place = CORNER) -> Outcome:
        """What an output is worth.  Two (B, C, H, W); place: where the classifier begins to look."""
        terms = self.terms(outputs, target, place)
        loss = torch.stack(list(terms.values())).sum() if len(terms) > 1 else next(iter(terms.values()))
        return Outcome(loss, {name: term.detach() for name, term in terms.items()}, outputs, terms=terms)

    def terms(self, outputs: Tensor, target: Tensor, place: Place = CORNER) -> dict[str, Tensor]:
        """Weighed parts by name, with their gradients."""
        apart = self.distance(outputs, target)
        terms = {self.name: self.weight * apart if self.weight != 1 else apart}
        if self.colour:
            terms["colour"] = self.colour * seen.low_colours(outputs, target)
        if self.perception:
            terms.update(self.perception.terms(outputs, target, place))
        return terms


def objective(loss: Loss, feature: Feature, device: torch.device) -> Difference:
    """The loss a recipe asks for; its feature network lies on the device."""
    distances: dict[str, pixel.Distance] = {**DISTANCES, "charbonnier": partial(pixel.charbonnier, epsilon=loss.epsilon)}
    distance = pixel.in_lab(distances[loss.kind]) if loss.space == "lab" else distances[loss.kind]
    return Difference(distance, loss.kind, loss.weight, loss.colour, perception(feature, device))


def perception(feature: Feature, device: torch.device) -> Perception | None:
    """The feature network a recipe asks for, opened."""
    if not feature.network:
        return None
    _, classifier = open_classifier(feature.network)
    network = FeatureNetwork(classifier, feature.taps, enlarge=feature.enlarge).to(device)
    return Perception(
        network,
        _one_a_tap("feature.weights", feature.weights, network.taps),
        _one_a_tap("feature.gram", feature.gram, network.taps) if feature.gram else (),
        DISTANCES[feature.distance],
        feature.shift,
    )


def _one_a_tap(name: str, weights: Sequence[float], taps: Sequence[str]) -> tuple[float, ...]:
    if len(weights) == 1:
        return tuple(weights) * len(taps)
    if len(weights) != len(taps):
        known = ", ".join(taps)
        raise Refusal(f"{name} has {len(weights)} numbers, but there are {len(taps)} taps ({known}): give one for all, or one each.")
    return tuple(weights)
