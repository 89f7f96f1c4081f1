"""The task `restore`: a recipe becomes pictures, pairs, network, objective and learner; a model repairs pictures of any size."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.core.progress import say
from sfumato.core.seed import Seed
from sfumato.data.geometry import Erase
from sfumato.data.items import Channels, Items
from sfumato.data.store import open_store
from sfumato.losses import adversarial
from sfumato.nets import catalogue as networks
from sfumato.nets import load as model_files
from sfumato.nets.critics import PatchCritic
from sfumato.nets.load import Contract
from sfumato.spoil import catalogue as steps
from sfumato.spoil import grammar
from sfumato.spoil.chain import Chain
from sfumato.tasks.parts import against, begun, foresight, guards, pairs, real_pairs, scoring, sources, training
from sfumato.tasks.parts.against import Fooling, Telling, Warming
from sfumato.tasks.parts.difference import Difference, objective
from sfumato.tasks.parts.guards import Guards
from sfumato.tasks.parts.job import Job, parameters_of
from sfumato.tasks.parts.judged import SaveModels
from sfumato.tasks.parts.pairs import Example, HeldOut, SpoiltPairs
from sfumato.tasks.parts.real_pairs import RealPairs
from sfumato.tasks.parts.restorer import TASK, Restorer
from sfumato.tasks.parts.restorer import load as load
from sfumato.tasks.parts.scoring import Seen
from sfumato.tasks.parts.sections import AdamW
from sfumato.tasks.parts.settle import LARGER, PHOTOGRAPHS, settle
from sfumato.tasks.parts.watch import Previews, Scores, draw
from sfumato.tasks.restore_recipe import Restore
from sfumato.train.callback import Callback
from sfumato.train.callbacks.game import CRITIC, Game
from sfumato.train.callbacks.shares import GradientShares
from sfumato.train.callbacks.stats import ShowProgress, Stats
from sfumato.train.objective import Objective
from sfumato.train.player import Player
from sfumato.train.run import Run
from sfumato.train.steps.precision import Precision
from sfumato.train.tune import Tuned

HELD_COUNT = 16  # pictures that are scored while training
JUDGED = 50  # pictures that are scored whole at the end
JUDGED_SIDE = 768  # px, at most, of each


@dataclass(frozen=True)
class RestoreTask(Job):
    """What a recipe asks for, made when it is first needed, in the order of the one path."""

    recipe: Restore
    looks_within_epochs: ClassVar[bool] = True  # at a few crops, which costs little

    @cached_property
    def items(self) -> tuple[Items, Items]:
        """Training and held-out pictures."""
        return sources.gather(self.recipe.data, self.seed)

    @cached_property
    def chain(self) -> Chain:
        """How inputs are spoilt; real pairs are not."""
        chain = self._parse(self.recipe.spoil.chain)
        return real_pairs.instead_of(chain, self.recipe.name) if self.recipe.data.inputs else chain

    @cached_property
    def target_chain(self) -> Chain | None:
        """How targets are changed, where they are."""
        text = self.recipe.spoil.target
        return self._parse(text) if text else None

    def _parse(self, text: str) -> Chain:
        own = self.recipe.spoil.steps_file
        return grammar.parse(text, steps.with_file(Path(own)) if own else None)

    @cached_property
    def pairs(self) -> SpoiltPairs:
        """Training pairs."""
        data, augment = self.recipe.data, self.recipe.augment
        factor = self.chain.enlarges
        store = partial(open_store, cache=data.cache, shared=self.workers != 0)
        made: Callable[..., SpoiltPairs] = SpoiltPairs
        if data.inputs:
            train, held = self.items
            inputs = real_pairs.inputs_of(train.concatenate(held), Path(data.inputs), tells=True)  # held-out ones are matched now as well
            made = partial(RealPairs, inputs=store(inputs[: len(train)]))
        return made(
            store=store(self.items[0]),
            chain=self.chain,
            target=self.target_chain,
            geometry=training.geometry(augment),
            erase=Erase(chance=augment.erase) if augment.erase else None,
            crop=data.crop // factor * factor,
            later=tuple((epoch, crop // factor * factor) for epoch, crop in zip(data.grow_after, data.grows, strict=True)),
            margin=data.margin,
            crops_per_picture=data.crops_per_picture,
            seed=self.seed,
        )

    @cached_property
    def held(self) -> HeldOut:
        """Held-out pictures for validation and previews."""
        previews = self.recipe.previews
        return HeldOut.of(self._examples(self.items[1][: max(HELD_COUNT, previews.count)], previews.side))

    def _examples(self, good: Items, side: int, channels: Channels | None = 3) -> Iterator[Example]:
        if self.recipe.data.inputs:
            return real_pairs.examples(good, Path(self.recipe.data.inputs), side=side, channels=channels)
        return pairs.examples(good, self.chain, self.target_chain, seed=self.seed, side=side, channels=channels)

    @property
    def source(self) -> SpoiltPairs:
        """See `Job`."""
        return self.pairs

    @cached_property
    def network(self) -> nn.Module:
        """A fresh network from the run's seed, or one with the weights of `start_from`."""
        if self.recipe.start_from:
            model = model_files.read(Path(self.recipe.start_from), task=TASK)
            if model.header.contract.enlarges != self.chain.enlarges:
                raise Refusal(
                    f"{self.recipe.start_from} enlarges {model.header.contract.enlarges} times, "
                    f"but the chain asks for {self.chain.enlarges}."
                )
            network = model.network
        else:
            network = self.fresh()
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own stubs do not know it
        return network.to(self.device)

    @cached_property
    def network_spec(self) -> Any:
        """Kind and arguments of the network: those of `start_from`, or the recipe's; enlarging as the chain shrinks."""
        if self.recipe.start_from:
            kept = model_files.read_header(Path(self.recipe.start_from)).network
            return networks.specification(str(kept.get("kind")), kept)
        factor, spec = self.chain.enlarges, self.asked
        if factor == 1 and getattr(spec, "enlarges", 1) == 1:
            return spec
        if not hasattr(spec, "enlarges"):
            raise Refusal(
                f"The chain shrinks {factor} times, but the network {spec.kind!r} does not enlarge: take network.kind = 'residual'."
            )
        if spec.enlarges not in (1, factor):
            raise Refusal(f"network.enlarges is {spec.enlarges}, but the chain shrinks {factor} times: leave it out.")
        return dataclasses.replace(spec, enlarges=factor)

    @cached_property
    def plain(self) -> Difference:
        """The loss, but for what a critic says."""
        return objective(self.recipe.loss, self.recipe.feature, self.device)

    @cached_property
    def objective(self) -> Objective:
        """The loss."""
        if self.critic is None:
            return self.plain
        game = self.recipe.game
        return Fooling(self.plain, self.critic, adversarial.game(game.loss), game.weight, tells_loss=game.rule == "loss")

    @property
    def measured(self) -> Objective:
        """See `Job`: without the critic, whose norms count how often it is asked."""
        return self.plain

    @cached_property
    def critic(self) -> nn.Module | None:
        """Who tells repaired pictures from good ones, where the recipe names one: fresh, from the run's seed."""
        spec = self.recipe.critic
        if spec.kind == "none":
            return None
        critic = self.seeded("critic", lambda: against.build(spec, self.plain, 3))
        return critic.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]  # torch's own stubs

    @cached_property
    def game(self) -> Game | None:
        """See `Job`."""
        return None if self.critic is None else Game(against.rule(self.recipe.game), limit=self.recipe.game.limit)

    @cached_property
    def telling(self) -> Telling:
        """What the critic makes small."""
        game = self.recipe.game
        return Telling(self.network, adversarial.game(game.loss), game.r1, game.r1_every)

    def opponents(self, tuned: Tuned) -> list[Player]:
        """See `Job`: the critic, with its own rate and no memory of past directions, which would make the two chase each other."""
        if self.critic is None:
            return []
        game = self.recipe.game
        spec = AdamW(rate=game.rate, beta1=0.0, weight_decay=0.0)
        return [
            Player(
                CRITIC,
                self.critic,
                self.telling,
                training.optimiser(spec, self.critic),
                training.schedule(self.recipe.schedule),
                Precision(tuned.precision, self.device),
            )
        ]

    def watching(self, run: Run, stats: Stats) -> list[Callback]:
        """Held-out scores, previews, models and the bar."""
        scores = Scores(self.held, stats)
        shares = GradientShares(stats, foresight.gradient_shares, every=self.recipe.feature.shares_every)
        return [
            scores,
            Previews(run, self.held, scores, count=self.recipe.previews.count),
            *self._guarded(run, stats, scores),
            SaveModels(run, scores, self.save, by=self._chosen_by),
            ShowProgress(scores=scores.words),
            shares,
        ]

    @property
    def _chosen_by(self) -> str:
        """Which score says that a model is the best so far: PSNR says nothing of what features alone are to make look right."""
        return "snapshot" if self.game else "psnr_rgb" if self.recipe.loss.weight else "loss"

    def _guarded(self, run: Run, stats: Stats, scores: Scores) -> list[Callback]:
        """What looks after a game."""
        if self.game is None:
            return []
        judge = against.judge(self.recipe.game, self.plain, self.device)
        distance = guards.sharpness_apart if judge is None else partial(guards.features_apart, judge)
        return [
            Warming(run, stats, self.telling, self.recipe.game, self.seed, self.game.table, self.pairs.crops_per_picture),
            Guards(scores, scores.beside, self.game, distance, patience=self.recipe.game.patience, knowable=not self.contract.colours),
        ]

    @cached_property
    def contract(self) -> Contract:
        """What the network promises; its reach is measured."""
        greys, colours = pairs.hues(self.pairs)
        up, mirrors = pairs.enlarged_by(self.chain), not pairs.reaches_sides(self.chain)
        return Contract.of(self.network, enlarges=self.chain.enlarges, up=up, greys=greys, colours=colours, mirrors=mirrors)

    def save(self, path: Path, network: nn.Module, scores: dict[str, float], step: int) -> None:
        """Write a model file of the network as it stands, in the form in which it is used."""
        state, spec = networks.working(network, self.network_spec)
        header = self.header(
            {name: {"mean": value, "n": len(self.held), "what": "held-out crops while training"} for name, value in scores.items()},
            data={"folders": list(self.recipe.data.folders), **sources.fingerprint(self.items[0])},
            card={"steps": step, "spoil": str(self.chain)},
            spec=spec,
        )
        model_files.write(path, state, header)

    def about(self) -> list[str]:
        """Pictures, pairs and network, in words."""
        train, held = self.items
        lines = [
            f"pictures       {len(train)} to train on, {len(held)} held out",
            f"spoil          {real_pairs.told(self.recipe.data.inputs, self.chain, self.target_chain)}",
            f"pairs          {len(self.pairs)} an epoch, {self.pairs.crop} px, cut from windows of up to {self.pairs.widest} px"
            + "".join(f"; {crop} px from epoch {epoch} on" for epoch, crop in self.pairs.later),
            f"network        {self.network_spec.kind}, {parameters_of(self.network):,} parameters, "
            f"reach {self.contract.reach} px, stride {self.contract.stride}",
        ]
        if self.critic is not None:
            sees = f"patches of {self.critic.sees} px" if isinstance(self.critic, PatchCritic) else "what the classifier sees"
            lines.append(f"critic         {sees}, {parameters_of(self.critic):,} parameters; rule: {self.recipe.game.rule}")
            unspoilt = (str(real_pairs.UNSPOILT),)
            lines += begun.game(self.recipe.start_from, str(self.chain), getattr(self.recipe.optimiser, "beta1", 0.0), unspoilt)
        if self.recipe.start_from:
            lines += begun.unheeded(self.recipe.network, self.recipe.start_from)
        if self.plain.perception is not None or self.plain.colour:
            batch = next(self.batches.stream(0, 0)).to(self.device)
            lines += foresight.look(self.plain, self.network, batch)
        return lines

    def judge(self, run: Run) -> None:
        """Score the last averaged weights, which no held-out picture chose, on whole held-out pictures; kept in scores.json.

        Before that, measure how far the models look in effect.
        """
        some = (self.items[1] or self.items[0])[:PHOTOGRAPHS]
        looked_at = [spoilt for _, spoilt, _ in self._examples(some, LARGER * self.chain.enlarges)]
        settle((run.best, run.last), looked_at, self.device)
        if not len(self.held):
            why = "None of the first held-out pictures can be read" if len(self.items[1]) else "No picture was held out"
            say(f"{why}, so nothing was scored: give more pictures, or another data.split.")
            return
        model = load(run.last, device=self.device.type)
        if shown := self.held.inputs[: self.recipe.previews.count]:  # at last by what everybody repairs with
            draw(run, self.held, [np.asarray(model.restore(picture)) for picture in shown], model.header.card["steps"])
        channels = scored_in(self.contract)
        count = min(JUDGED, len(self.items[1]))
        scores = score(model, self._examples(self.items[1][:count], JUDGED_SIDE, channels), count=count, seed=self.seed, side=JUDGED_SIDE)
        files.write_json(run.scores, scores)
        _warn(scores["gains"]["psnr_rgb"]["mean"])


build = RestoreTask  # as a recipe is built into a task: restore.build(recipe)


def evaluate(
    model: Restorer,
    items: Items,
    chain: Chain,
    *,
    seed: Seed,
    target: Chain | None = None,
    side: int = pairs.WHOLE,
    names: tuple[str, ...] = scoring.NAMES,
    seen: Mapping[str, Seen] = {},
) -> dict[str, Any]:
    """Spoil pictures, repair them and score both: see parts/scoring.py.  `side`: only the middle of each picture, in px."""
    if chain.enlarges != model.contract.enlarges:
        raise Refusal(f"The chain shrinks {chain.enlarges} times, but the model enlarges {model.contract.enlarges} times.")
    channels, least = scored_in(model.contract), scoring.least_side(names, seen)
    spoilt = pairs.examples(items, chain, target, seed=seed, side=side, channels=channels, least=least)
    return {**score(model, spoilt, count=len(items), seed=seed, side=side, names=names, seen=seen), "spoil": str(chain)}


def scored_in(contract: Contract) -> Channels | None:
    """Channels of the pictures that a model is scored on: grey files stay grey (None), unless the network gives colour."""
    return 3 if contract.colours else None


def score(
    model: Restorer,
    examples: Iterable[Example],
    *,
    count: int,
    seed: Seed,
    side: int = pairs.WHOLE,
    names: tuple[str, ...] = scoring.NAMES,
    seen: Mapping[str, Seen] = {},
) -> dict[str, Any]:
    """Repair inputs and score what comes out against targets, beside the input and plain filters: see parts/scoring.py."""
    return scoring.judge(
        examples,
        lambda picture: np.asarray(model.restore(picture)),
        count=count,
        names=names,
        seed=seed.value,
        enlarges=model.contract.enlarges,
        side=side,
        seen=seen,
    )


def _warn(gain: float) -> None:
    """What a person should hear before they look."""
    if gain <= 0:
        hint = "Train longer, or lower optimiser.rate (sfumato find-lr suggests one)."
        say(f"The model makes held-out pictures worse ({gain:+.2f} dB). {hint}")
