"""Repair judged by a classifier, over a classifier's body, and against a critic: from a recipe to a model, as a person has it."""

import dataclasses
import json
import re
import shutil
from itertools import islice

import numpy as np
import pytest
import torch

from sfumato.core import recipe as recipes
from sfumato.core.errors import Refusal
from sfumato.core.seed import Seed
from sfumato.data import items
from sfumato.nets import load
from sfumato.nets.classify_arguments import ResNet
from sfumato.nets.encoder_unet import EncoderUNet
from sfumato.nets.surgery.borrow import open_classifier
from sfumato.spoil import grammar
from sfumato.tasks import catalogue, restore
from sfumato.tasks.parts import against, foresight, guards, restorer, scoring
from sfumato.tasks.parts.difference import Difference
from sfumato.tasks.restore_recipe import Restore
from sfumato.train import tune
from sfumato.train.callbacks import game as games
from sfumato.train.objective import Outcome
from tests.nets.classifiers import make
from tests.nets.test_classifiers import header

BODY = ResNet(widths=(8, 12), blocks=(1, 1), strides=(1, 2), stem_stride=2, classes=4, mean=(0.4,) * 3, spread=(0.3,) * 3)
SMALL = [
    "data.crop=32",
    "data.crops_per_picture=16",
    "train.tune=false",
    "train.batch=4",
    "previews.side=64",
    "previews.count=1",
    "spoil.chain=noise 25",
    "network.kind=encoder-unet",
    "network.width=8",
    "optimiser.kind=adamw",
    "optimiser.rate=0.001",
]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """A model file of a small classifier."""
    path = tmp_path_factory.mktemp("classifier") / "small.safetensors"
    network = make(BODY).eval()
    load.write(path, network.state_dict(), header(BODY))
    return path


def recipe(classifier, *changes):
    return recipes.read(Restore, {}, [*SMALL, f"network.encoder_from={json.dumps(str(classifier))}", *changes])


def seen(classifier, *more):
    return [f"feature.network={json.dumps(str(classifier))}", "feature.taps=['stage1','stage2']", "feature.shares_every=5", *more]


def rows(run, kind):
    return [row for row in map(json.loads, (run / "stats.jsonl").read_text().splitlines()) if row["kind"] == kind]


@pytest.fixture(scope="module")
def judged(classifier, tmp_path_factory):
    """A short training over the classifier's body, which judges too."""
    run = tmp_path_factory.mktemp("runs") / "judged"
    catalogue.train(recipe(classifier, *seen(classifier, "feature.gram=[0.5]", "loss.colour=0.5"), "train.steps=120"), run)
    return run


def test_every_part_is_written_down_by_name_and_their_sum_is_the_loss(judged):
    row = rows(judged, "step")[-1]
    assert set(row["parts"]) == {"charbonnier", "colour", "feature stage1", "feature stage2", "gram stage1", "gram stage2"}
    assert sum(row["parts"].values()) == pytest.approx(row["loss"], rel=1e-4)


@pytest.mark.parametrize("part", ["charbonnier", "feature stage2"])
def test_a_part_that_is_no_number_is_named_with_its_files_and_nothing_is_learnt_from_it(part, classifier, tmp_path, monkeypatch, capsys):
    """In the first of the two batches that make up the only step."""
    made = recipe(classifier, *seen(classifier), "train.accumulate=2", "train.steps=1", "train.average=off")
    task, plain = restore.build(made), Difference.__call__
    first = next(task.batches.stream(0, 0)).items

    def poisoned(self, network, batch, draw):
        outcome = plain(self, network, batch, draw)
        if not network.training or batch.items != first:
            return outcome
        terms = {name: term * float("nan") if name == part else term for name, term in outcome.terms.items()}
        parts = {name: term.detach() for name, term in terms.items()}
        return Outcome(torch.stack(list(terms.values())).sum(), parts, outcome.outputs, terms=terms)

    monkeypatch.setattr(Difference, "__call__", poisoned)
    catalogue.train(made, tmp_path / "run")
    names = ", ".join(dict.fromkeys(task.source.name(item) for item in first))
    assert f"step 0: the gradient is not finite ({part} = nan, in {names}): this update is left out." in capsys.readouterr().err
    kept = load.read(tmp_path / "run" / "last.safetensors").network.state_dict()
    begun = task.network.state_dict()
    assert all(torch.equal(tensor, kept[name]) for name, tensor in begun.items() if tensor.is_floating_point())


def test_it_learns_over_a_borrowed_body(judged):
    losses = [row["loss"] for row in rows(judged, "valid")]
    assert losses[-1] < 0.8 * losses[0]


def test_shares_of_the_gradient_sum_to_one(judged):
    found = rows(judged, "shares")
    assert found and all(sum(row["shares"].values()) == pytest.approx(1, abs=1e-6) for row in found)


def test_a_weight_twice_as_large_doubles_its_part_and_raises_its_share(classifier):
    tasks = [restore.build(recipe(classifier, *seen(classifier, f"feature.weights=[{weight}]"))) for weight in (0.5, 1.0)]
    batch = next(tasks[0].batches.stream(0, 0))
    outputs = (0.5 * batch.input + 0.5 * batch.target.mean()).requires_grad_(True)
    one, two = (task.plain.terms(outputs, batch.target) for task in tasks)
    assert two["feature stage2"].item() == pytest.approx(2 * one["feature stage2"].item())
    shares = [restore.foresight.gradient_shares(terms, outputs) for terms in (one, two)]
    assert shares[1]["feature stage2"] > shares[0]["feature stage2"]


def test_a_classifier_looks_from_another_place_in_each_step_but_judges_from_the_corner(classifier):
    task = restore.build(recipe(classifier, *seen(classifier, "feature.shift=3")))
    batch = next(task.batches.stream(0, 0))

    def found(training):
        task.network.train(training)
        draws = [torch.Generator().manual_seed(seed) for seed in (1, 1, *range(2, 90))]
        return [task.plain(task.network, batch, draw).loss.item() for draw in draws]

    moved, still = found(True), found(False)
    assert moved[0] == moved[1] and len(set(moved)) == 16 and len(set(still)) == 1  # 4 x 4 places


def test_the_plan_says_whether_the_classifier_sees_the_damage(judged):
    plan = (judged / "plan.txt").read_text()
    assert "feature tap    stage1" in plan and "% of signs equal" in plan and "of its norm at the output" in plan


def test_a_part_that_is_far_too_strong_is_told_with_the_weight_that_brings_it_near(classifier):
    """The suggestion, followed, leaves nothing to suggest; and a part within ten times is let be."""

    def told(weight):
        task = restore.build(recipe(classifier, *seen(classifier, f"feature.weights=[0.0,{weight}]")))
        lines = foresight.look(task.plain, task.network, next(task.batches.stream(0, 0)))
        return [line for line in lines if line.startswith("suggestion")]

    [said] = told(1e5)
    name, times = re.fullmatch(
        r"suggestion +(feature stage2) starts \S+ times as strong as charbonnier: weigh it (\S+) times", said
    ).groups()
    assert name == "feature stage2" and float(times) < 0.1 and told(1e5 * float(times)) == []


def test_a_tap_that_does_not_see_the_damage_is_told(classifier):
    """Nothing is spoilt; then noise is."""
    spoilt = [recipe(classifier, *seen(classifier), f"spoil.chain={chain}") for chain in ("noise 0", "noise 25")]
    blind, sees = (foresight.look(task.plain, task.network, next(task.batches.stream(0, 0))) for task in map(restore.build, spoilt))
    assert any("hardly sees the damage at stage1, stage2" in line for line in blind) and not any("hardly" in line for line in sees)


def test_colour_alone_beside_the_pixels_is_looked_at_too(classifier):
    about = restore.build(recipe(classifier, "loss.colour=0.5")).about()
    assert any("gradient       charbonnier" in line and "colour" in line for line in about)


def test_the_body_begins_with_the_classifiers_weights(classifier):
    network = restore.build(recipe(classifier)).network
    theirs = open_classifier(str(classifier))[1].state_dict()
    ours = network.encoder.state_dict()
    assert ours and all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def test_a_frozen_body_does_not_move_by_a_bit_and_then_it_does(classifier, tmp_path):
    """Nor by the look that a plan takes at a loss of several parts."""
    begun = restore.build(recipe(classifier)).network.encoder.state_dict()
    for frozen, moves in ((1.0, False), (0.3, True)):
        run = tmp_path / f"frozen-{frozen}"
        changes = ["train.steps=10", "train.average=off", f"fine_tune.frozen={frozen}"]
        catalogue.train(recipe(classifier, *seen(classifier), *changes), run)
        state = load.read(run / "last.safetensors").network.encoder.state_dict()
        assert any(not torch.equal(tensor, begun[name]) for name, tensor in state.items()) is moves


@pytest.mark.parametrize(("frozen", "warned"), [(0.3, True), (1.0, False)])
def test_batch_norm_that_stands_still_throughout_may_see_one_picture_at_a_time(frozen, warned, classifier):
    plan = restore.build(recipe(classifier, "train.batch=1", f"fine_tune.frozen={frozen}")).plan()
    assert ("one picture at a time" in plan) is warned


def test_a_model_needs_its_body_no_more(judged, classifier, tmp_path):
    moved = tmp_path / "gone.safetensors"
    classifier.rename(moved)
    try:
        model = restorer.load(judged / "last.safetensors", device="cpu")
        assert "encoder_from" not in json.dumps(model.header.network) or not model.header.network["encoder_from"]
        assert model.contract.reach > 0
    finally:
        moved.rename(classifier)


@pytest.fixture(scope="module")
def played(classifier, judged, tmp_path_factory):
    """A short game, begun from the trained model."""
    run = tmp_path_factory.mktemp("runs") / "played"
    catalogue.train(game(classifier, judged, "train.steps=40", "game.patience=99"), run)
    return run


CRITIC = ["critic.kind=patch", "critic.layers=1", "critic.width=16", "game.warm_pairs=400", "game.warm_steps=150", "game.rate=0.003"]
CRITIC += ["optimiser.beta1=0.0"]


def game(classifier, judged, *more, critic=CRITIC):
    begun = f"start_from={json.dumps(str(judged / 'last.safetensors'))}"
    return recipe(classifier, *seen(classifier), begun, *critic, *more)


def test_before_the_game_the_critic_tells_real_from_repaired(played):
    """Noise taken out by a network of a few seconds leaves what a critic of a few seconds sees."""
    [taught] = rows(played, "taught")
    assert taught["accuracy"] > 0.8  # of a few seconds; bench/game.py asks for more after a minute


@pytest.mark.parametrize("crops", [1, 8])
def test_the_critic_is_asked_about_pictures_that_taught_it_nothing(crops, rng):
    pictures = rng.permutation(40 * crops)[: 25 * crops] // crops
    held, taught = against.split(pictures)
    assert sorted([*held, *taught]) == list(range(len(pictures))) and not set(pictures[held]) & set(pictures[taught])
    assert 0.1 < len(held) / len(pictures) < 0.3
    held, taught = against.split(np.zeros(5, np.int64))
    assert (len(held), len(taught)) == (1, 4)  # there is one picture alone


@pytest.mark.parametrize(("rule", "ends"), [("accuracy", True), ("both", False)])
def test_by_the_rule_of_accuracy_a_critic_is_taught_until_it_would_give_the_turn_away(rule, ends, classifier, judged, tmp_path):
    changes = ["train.steps=1", f"game.rule={rule}", "game.low=0.55", "game.high=0.6"]
    catalogue.train(game(classifier, judged, *changes), tmp_path / "run")
    [taught] = rows(tmp_path / "run", "taught")
    assert (taught["steps"] < 150) is ends


def test_a_rule_begins_with_how_good_the_critic_is(classifier, judged, tmp_path):
    catalogue.train(game(classifier, judged, "train.steps=1"), tmp_path / "run")
    [taught] = rows(tmp_path / "run", "taught")
    assert rows(tmp_path / "run", "game")[0]["accuracy"] == taught["accuracy"] > 0.5


def test_a_game_by_the_rule_of_loss_gives_turns_by_the_critics_loss(classifier, judged, tmp_path, monkeypatch):
    """It is noted in both sides' turns: how it stood before each is kept beside who then played."""
    chosen, plain = [], games.Game.turns

    def turns(self, learner):
        [player] = plain(self, learner)
        chosen.append((dataclasses.replace(self.table), player))
        return [player]

    monkeypatch.setattr(games.Game, "turns", turns)
    limits = ["game.rule=loss", "game.low=0.4", "game.high=0.5", "game.most=4"]
    catalogue.train(game(classifier, judged, *limits, "train.steps=60", "game.patience=99"), tmp_path / "run")
    wanted = []
    for table, _ in chosen[1:]:
        stays = table.loss > 0.4 if table.player == games.CRITIC else table.loss < 0.5
        other = games.GENERATOR if table.player == games.CRITIC else games.CRITIC
        wanted.append(table.player if stays and table.streak < 4 else other)
    assert [player for _, player in chosen] == [games.CRITIC, *wanted]
    losses = [table.loss for table, _ in chosen[1:]]
    assert len(set(losses)) == len(losses) and games.GENERATOR in wanted
    assert {games.LOSES, "critic loss"} <= set(rows(tmp_path / "run", "step")[-1]["parts"])


def test_a_game_writes_down_both_sides_and_how_things_stand(played):
    last = rows(played, "step")[-1]
    assert {"critic", "critic loss", "critic accuracy"} <= set(last["parts"])
    assert 0 <= last["rates"]["critic"] < 0.003 and last["rate"] != last["rates"]["critic"]
    stands = rows(played, "game")
    assert stands and all({"distance", "drift", "spread", "alike", "accuracy", "faults"} <= set(row) for row in stands)
    assert (played / "best.safetensors").is_file()


def orange(made):
    return made + torch.tensor([0.25, 0.1, -0.1]).view(1, 3, 1, 1)


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (lambda made: torch.full_like(made, 0.5), "collapsed"),
        (lambda made: 1 - made, "turned over"),
        (orange, "more red"),
    ],
)
def test_a_collapse_that_sets_in_within_a_run_is_named_at_the_next_look(plant, said, classifier, judged, tmp_path, monkeypatch, capsys):
    """From the second look on, what the network shows is spoilt; what it had shown before is what is kept."""
    plain, looks = EncoderUNet.forward, []
    see = guards.Guards.after_phase

    def shows(network, picture):
        made = plain(network, picture)
        return made if network.training or not looks else plant(made)

    def look(self, learner):
        see(self, learner)
        looks.append(learner.step)

    monkeypatch.setattr(EncoderUNet, "forward", shows)
    monkeypatch.setattr(guards.Guards, "after_phase", look)
    catalogue.train(game(classifier, judged, "train.steps=8", "game.patience=99", "game.warm_steps=1"), tmp_path / "run")
    first, *later = rows(tmp_path / "run", "game")
    assert first["faults"] == [] and later and all(said in " ".join(row["faults"]) for row in later)
    assert said in capsys.readouterr().err
    kept = load.read(tmp_path / "run" / "best.safetensors").network.state_dict()
    begun = load.read(judged / "last.safetensors").network.state_dict()
    assert all(torch.equal(tensor, kept[name]) for name, tensor in begun.items())


def test_a_critic_that_cannot_be_fooled_is_named(classifier, judged, tmp_path, monkeypatch, capsys):
    """What is repaired is stripes to it."""
    plain = EncoderUNet.forward
    monkeypatch.setattr(
        EncoderUNet, "forward", lambda network, picture: 0.0 * plain(network, picture) + torch.arange(picture.shape[-1]) % 2
    )
    catalogue.train(game(classifier, judged, "train.steps=100", "game.limit=1.0", "game.warm_steps=400"), tmp_path / "run")
    assert "it has won" in capsys.readouterr().err


def test_a_game_that_goes_well_is_never_accused(played):
    looks = rows(played, "game")
    assert len(looks) == 11 and all(row["faults"] == [] for row in looks)
    assert all(row["accuracy"] < guards.AHEAD for row in looks if row["step"] >= 20)  # before the game it may know


@pytest.mark.parametrize("name", ["restore-sharp", "tiny-superres-critic"])
def test_in_the_games_that_come_along_nobody_remembers_past_directions(name, judged):
    recipe = catalogue.read(name, [f"start_from={json.dumps(str(judged / 'last.safetensors'))}", "feature.network=''"])
    task = restore.build(recipe)
    [critic] = task.opponents(task.tuned() if not recipe.train.tune else tune.chosen("float32", ""))
    assert critic.optimiser.param_groups[0]["betas"][0] == 0.0
    assert task.optimiser(task.network, True).param_groups[0]["betas"][0] == 0.0


def test_a_game_with_an_optimiser_that_remembers_is_refused():
    with pytest.raises(Refusal, match="optimiser.beta1"):
        recipes.read(Restore, {}, ["critic.kind=patch"])


def test_the_plan_tells_how_large_the_critics_patches_are(played):
    assert "patches of 16 px" in (played / "plan.txt").read_text()


def test_a_critic_that_sees_by_a_classifier_needs_one():
    with pytest.raises(Refusal, match="feature.network"):
        recipes.read(Restore, {}, ["critic.kind=features"])


def test_a_game_is_tuned_and_looked_into_like_any_training(classifier, judged, tmp_path):
    changes = ["train.tune=true", "look.every=5", "train.steps=12", "game.weight=0.05", "game.patience=99"]
    catalogue.train(game(classifier, judged, *changes), tmp_path / "run")
    parts = rows(tmp_path / "run", "step")[-1]["parts"]
    assert {"critic", "critic accuracy"} <= set(parts)
    with np.load(tmp_path / "run" / "instruments" / "activations.npz") as kept:
        assert kept["steps"].tolist() == [0, 5, 10] and (kept["gradients"] > 0).any(1).all()
    assert rows(tmp_path / "run", "game")[0]["faults"] == []
    begun = load.read(judged / "last.safetensors").network.state_dict()
    ended = load.read(tmp_path / "run" / "last.safetensors").network.state_dict()
    assert any(not torch.equal(tensor, ended[name]) for name, tensor in begun.items())


def test_a_critic_by_the_classifiers_eyes_plays_too(classifier, judged, tmp_path):
    kept = [change for change in CRITIC if not change.startswith("critic.")]
    catalogue.train(
        game(classifier, judged, "critic.kind=features", "critic.width=16", "train.steps=10", "game.patience=99", critic=kept),
        tmp_path / "run",
    )
    assert "critic accuracy" in rows(tmp_path / "run", "step")[-1]["parts"]


def test_without_a_word_of_the_critic_a_training_goes_as_plainly(classifier, judged, tmp_path):
    """The same batches, draws and losses, though a critic plays beside."""
    weights = {}
    for name, critic in {"plain": CRITIC[-1:], "game": [*CRITIC, "game.weight=0.0", "game.patience=99"]}.items():
        catalogue.train(game(classifier, judged, "train.steps=6", critic=critic), tmp_path / name)
        weights[name] = load.read(tmp_path / name / "last.safetensors").network.state_dict()
    assert all(torch.equal(tensor, weights["game"][key]) for key, tensor in weights["plain"].items())


def test_crops_grow_at_their_epochs(classifier):
    task = restore.build(recipe(classifier, "data.grows=[48,64]", "data.grow_after=[1,3]"))
    sizes = [task.pairs.pair(epoch, 0)[0].shape[0] for epoch in range(5)]
    assert sizes == [32, 48, 48, 64, 64]
    with pytest.raises(Refusal, match="rising epochs"):
        recipe(classifier, "data.grows=[48,64]", "data.grow_after=[3,1]")


def test_a_training_goes_on_as_its_crops_grow_and_after_a_stop(classifier, tmp_path):
    """Two growths, with norms and an average of the weights; gone on with between them it ends the same, bit by bit."""
    grows = ["data.grows=[48,64]", "data.grow_after=[1,2]", "data.crops_per_picture=1", "network.norm=batch"]
    epoch = restore.build(recipe(classifier, *grows)).batches.per_epoch
    changes = [*grows, f"train.steps={3 * epoch}", f"train.state_steps={2 * epoch - 1}"]
    whole, again = tmp_path / "whole", tmp_path / "again"
    catalogue.train(recipe(classifier, *changes), whole)
    shutil.copytree(whole, again)
    between, end = sorted((again / "state").iterdir())
    assert (int(between.stem), int(end.stem)) == (2 * epoch - 1, 3 * epoch)
    for path in (end, again / "last.safetensors"):
        path.unlink()
    catalogue.resume(again)
    kept = [load.read(folder / "last.safetensors").network.state_dict() for folder in (whole, again)]
    begun = restore.build(recipe(classifier, *grows)).network.state_dict()
    assert all(torch.equal(tensor, kept[1][name]) for name, tensor in kept[0].items())
    assert any(not torch.equal(tensor, begun[name]) for name, tensor in kept[0].items())


def test_growing_crops_are_the_same_with_and_without_workers(classifier):
    changes = ["data.grows=[48]", "data.grow_after=[1]", "data.crops_per_picture=1"]
    ways = [restore.build(recipe(classifier, *changes), workers_here=workers).batches for workers in (0, 2)]
    for epoch, side in ((0, 32), (1, 48)):
        streams = [way.stream(epoch, 0) for way in ways]
        for one, other in islice(zip(*streams, strict=True), 1):
            assert one.input.shape[-1] == side and torch.equal(one.input, other.input) and torch.equal(one.target, other.target)
        for stream in streams:
            stream.close()


def test_a_model_is_scored_by_a_classifiers_eyes(judged, classifier, photograph_folder):
    """Noise taken out is nearer to the good picture than noise left in, which is a gain though less is nearer."""
    seen = scoring.through(str(classifier))
    model = restorer.load(judged / "last.safetensors", device="cpu")
    found = restore.evaluate(
        model, items.from_folder(photograph_folder), grammar.parse("noise 25"), seed=Seed(1), names=("feature", "lpips"), seen=seen
    )
    assert all(found["gains"][name]["mean"] > 0 for name in ("feature", "lpips")) and "small.safetensors" in found["protocols"]["lpips"]


def test_a_game_that_begins_oddly_says_so(classifier, judged, tmp_path, capsys):
    """From nothing; and from a model that has learnt to undo another damage."""
    fresh = restore.build(recipe(classifier, *seen(classifier), *CRITIC))
    assert any("a network that has learnt nothing" in line for line in fresh.about())
    assert not any("warning" in line for line in restore.build(game(classifier, judged)).about())
    catalogue.train(game(classifier, judged, "spoil.chain=jpeg 30", "train.steps=1", "game.warm_steps=0"), tmp_path / "run")
    assert "the model has learnt to undo 'noise 25', but is to learn 'jpeg 30'" in capsys.readouterr().err
