"""The loop: order of events, slots, skipped updates, interruption, memory."""

import copy
import dataclasses
import json
import time
import weakref
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from sfumato.core.errors import Interrupted, Refusal
from sfumato.core.seed import Seed
from sfumato.data.batches import Batches
from sfumato.losses.pixel import mse
from sfumato.nets.surgery import groups
from sfumato.tasks.parts import training
from sfumato.train import run as runs
from sfumato.train.budget import Budget
from sfumato.train.callback import EVENTS, Callback
from sfumato.train.callbacks import nonfinite
from sfumato.train.callbacks.averages import WeightAverage
from sfumato.train.callbacks.nonfinite import SkipNonFinite, WatchDivergence
from sfumato.train.callbacks.stats import Stats
from sfumato.train.objective import Outcome
from tests.train.conftest import Darkened, objective, small_network, toy_learner


class Diary(Callback):
    """Writes down every event."""

    def __init__(self):
        self.events = []


for _event in EVENTS:
    setattr(Diary, _event, lambda self, learner, event=_event: self.events.append(event))


def test_it_learns():
    losses = []

    class Watch(Callback):
        def after_update(self, learner):
            losses.append(learner.outcome.loss.item())

    toy_learner([Watch()], steps=300, rate=0.03).fit()
    assert losses[-1] < 0.1 * losses[0]


def test_what_comes_before_the_first_step_is_part_of_the_budget_but_not_of_the_schedule(held_out):
    """Teaching a critic, as an example: rates that rise at first begin low nevertheless, and the training ends in time."""

    class Teach(Callback):
        def before_fit(self, learner):
            time.sleep(0.3)

        def before_batch(self, learner):
            if learner.phase == "train":
                seen.append((learner.progress, learner.spent))

    seen: list[tuple[float, float]] = []
    learner = toy_learner([Teach()], budget=Budget(seconds=0.8), held_out=held_out, valid_due=lambda learner: False)
    learner.fit()
    assert seen[0][0] < 0.01 and seen[0][1] >= 0.3 and 0.8 <= learner.spent < 2 and learner.progress == 1


def test_a_budget_that_is_gone_before_the_first_step_says_so(capsys):
    class Teach(Callback):
        def before_fit(self, learner):
            time.sleep(0.1)

    learner = toy_learner([Teach()], budget=Budget(seconds=0.05))
    learner.fit()
    assert learner.step == 0 and "give more minutes" in capsys.readouterr().err


def test_a_look_that_takes_longer_than_it_is_worth_waits(held_out):
    """Of a budget in seconds; where steps are counted it does not matter how long a look takes."""

    class Slow(Callback):
        def after_phase(self, learner):
            if learner.phase == "valid":
                looks.append(learner.step)
                time.sleep(0.15)

    looks: list[int] = []
    due = training.due(99, within=True)
    toy_learner([Slow()], budget=Budget(seconds=1.5), batch=1, held_out=held_out, valid_due=due).fit()
    assert 2 <= len(looks) <= 4
    looks.clear()
    toy_learner([Slow()], steps=20, held_out=held_out, valid_due=due).fit()
    assert looks == list(range(0, 21, 2))


def test_events_come_in_the_documented_order(held_out):
    diary = Diary()
    toy_learner([diary], steps=2, held_out=held_out).fit()
    turn = ["before_batch", "after_forward", "after_backward", "after_update", "after_batch"]
    judged = ["before_phase", *["before_batch", "after_forward", "after_batch"] * 3, "after_phase"]
    expected = ["before_fit", *judged, "before_epoch", "before_phase", *turn, *turn, "after_phase", *judged, "after_epoch", "after_fit"]
    assert diary.events == expected


def watched(losses, held=(), norms=False):
    """The watch that has seen these losses of batches, after those of held-out ones.  norms : of batches are in the network."""
    watch = WatchDivergence()

    def seen(loss, phase):
        player = SimpleNamespace(optimiser=SimpleNamespace(param_groups=[{"lr": 0.1}]), takes_statistics=norms)
        return SimpleNamespace(phase=phase, step=watch.seen, outcome=SimpleNamespace(loss=torch.tensor(loss)), now=player, main=player)

    for loss in held:
        watch.after_forward(seen(loss, "valid"))
    for loss in losses:
        watch.after_update(seen(loss, "train"))
    return watch


def test_a_first_batch_that_was_a_lucky_one_is_no_divergence(rng):
    """Where some pictures are spoilt far more than others, batches differ as much without a step."""
    usual = rng.uniform(0.03, 0.06, 400).tolist()
    watched([0.011, *usual])
    watched([0.011, 0.012, 0.01, *usual], held=[0.03] * 16)
    with pytest.raises(Refusal, match="diverges"):
        watched([0.04, *[0.4] * 60], held=[0.03] * 16)
    with pytest.raises(Refusal, match="diverges"):
        watched([0.04, 3.0, 5.0, *[4.0] * 60])


def test_batches_in_which_nothing_was_spoilt_are_no_beginning():
    """Of a chain of maybes under a network that begins as the identity: nothing, or as little as the loss's rounding, is lost there."""
    watched([0.001, 0.009, 0.001, 0.009, 0.009, 0.001, *[0.009, 0.009, 0.001] * 20])
    watched([0.0, 0.0, *[0.02] * 60])


def test_what_held_out_pictures_lose_by_the_first_statistics_of_norms_is_no_measure():
    with pytest.raises(Refusal, match="diverges"):
        watched([3.2, *[20.0] * 60], held=[190.0] * 4, norms=True)
    watched([3.2, *[20.0] * 60], held=[190.0] * 4)


def test_a_skipped_update_fires_everything_but_after_update():
    diary = Diary()

    class Skip(Callback):
        def after_backward(self, learner):
            learner.skip = "for the test"

    network = small_network()
    before = [parameter.clone() for parameter in network.parameters()]
    toy_learner([diary, Skip()], steps=1, network=network).fit()
    assert "after_update" not in diary.events
    assert "after_batch" in diary.events
    assert all(torch.equal(one, other) for one, other in zip(before, network.parameters(), strict=True))


def test_an_interrupted_run_fires_on_stop_then_after_fit():
    diary = Diary()

    class Stop(Callback):
        def after_batch(self, learner):
            learner.stopping = "for the test"

    with pytest.raises(Interrupted):
        toy_learner([diary, Stop()]).fit()
    assert diary.events[-2:] == ["on_stop", "after_fit"]


def test_after_fit_comes_even_when_training_fails():
    diary = Diary()

    class Fail(Callback):
        def before_batch(self, learner):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        toy_learner([diary, Fail()]).fit()
    assert diary.events[-2:] == ["on_stop", "after_fit"]


def test_after_fit_comes_to_all_even_when_it_fails_for_one():
    diary = Diary()

    class Fail(Callback):
        def after_fit(self, learner):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        toy_learner([Fail(), diary]).fit()
    assert diary.events[-1] == "after_fit"


def test_a_method_that_looks_like_an_event_is_refused_with_the_nearest_name():
    class Shout(Callback):
        def after_bach(self, learner):
            pass

    with pytest.raises(Refusal, match=r"'Shout\.after_bach'\. Did you mean 'after_batch'"):
        toy_learner([Shout()])


def test_two_claims_on_one_slot_are_refused_by_name():
    class One(Callback):
        claims = ("update",)

        def update_(self):
            pass

    class Two(One):
        pass

    with pytest.raises(Refusal, match="One and Two both claim the slot 'update'"):
        toy_learner([One(), Two()])


def test_a_claimed_slot_replaces_what_is_done():
    class Frozen(Callback):
        claims = ("update",)

        def update_(self):
            pass

    network = small_network()
    before = [parameter.clone() for parameter in network.parameters()]
    toy_learner([Frozen()], network=network).fit()
    assert all(torch.equal(one, other) for one, other in zip(before, network.parameters(), strict=True))


def test_order_comes_from_follows():
    class Late(Callback):
        def after_batch(self, learner):
            pass

    class Later(Callback):
        follows = (Late,)

        def after_batch(self, learner):
            pass

    assert "Late, Later" in toy_learner([Later(), Late()]).plan()


def test_callbacks_in_a_circle_are_refused():
    class One(Callback):
        pass

    class Two(Callback):
        follows = (One,)

    One.follows = (Two,)
    with pytest.raises(Refusal, match="circle"):
        toy_learner([One(), Two()])


def test_accumulating_two_batches_of_four_equals_one_of_eight():
    double = small_network()[3]  # without batch norm, whose statistics are the batch's
    other = nn.Conv2d(8, 3, 1)
    other.load_state_dict(double.state_dict())

    def mean_loss(network, batch, draw):
        wide = batch.input.repeat(1, 3, 1, 1)[:, :8].double()
        loss = (network(wide) - batch.target).square().mean()
        return Outcome(loss, {}, None)

    kwargs = {"objective": mean_loss, "steps": 3}
    double, other = double.double(), other.double()
    toy_learner(network=double, batch=8, optimiser=torch.optim.SGD(double.parameters(), lr=0.1), **kwargs).fit()
    toy_learner(network=other, batch=4, accumulate=2, optimiser=torch.optim.SGD(other.parameters(), lr=0.1), **kwargs).fit()
    assert torch.allclose(double.weight, other.weight, rtol=1e-9)


@pytest.mark.parametrize("pieces", [1, 2])
def test_the_loss_that_is_told_is_that_of_the_whole_step(pieces):
    """Of two batches that make up a step, each perhaps done in two pieces."""

    class Told(Callback):
        def after_forward(self, learner):
            losses.append(learner.outcome.loss.item())

        def after_update(self, learner):
            told.append((learner.outcome.loss.item(), learner.outcome.parts["mse"].item()))

    losses, told = [], []
    learner = toy_learner([Told()], network=nn.Conv2d(3, 3, 1), steps=3, accumulate=2)
    learner.pieces = pieces
    learner.fit()
    means = [sum(losses[at : at + 2 * pieces]) / (2 * pieces) for at in range(0, len(losses), 2 * pieces)]
    assert told == [(pytest.approx(mean), pytest.approx(mean)) for mean in means] and len(told) == 3


def test_a_run_that_is_asked_to_stop_in_its_last_validation_stops(held_out):
    """It is saved by then, and whoever goes on has the scores left to do."""

    class Ask(Callback):
        def before_phase(self, learner):
            if learner.phase == "valid" and learner.progress >= 1:
                learner.stopping = "asked to stop"

    learner = toy_learner([Ask()], steps=3, held_out=held_out)
    with pytest.raises(Interrupted, match="asked to stop"):
        learner.fit()
    assert (learner.step, learner.judged) == (3, 1)


def test_a_state_keeps_when_pictures_were_looked_at_last_and_how_long_that_took(held_out):
    learner = toy_learner(steps=3, held_out=held_out)
    learner.fit()
    kept = learner.state()["learner"]
    assert kept["looked"] == learner.looked > 0 and kept["look"] == learner.look > 0


def test_half_precision_that_feels_its_way_does_not_count_as_divergence(monkeypatch):
    """A scale of 2^16 is too large for many a loss, and is halved once an update until it is not."""

    def poisoned(network, batch, draw):
        outcome = objective(network, batch, draw)
        return outcome if learner.step >= 9 else Outcome(outcome.loss * float("nan"), outcome.parts, None)

    monkeypatch.setattr(nonfinite, "overflowed", lambda learner: learner.step < 9)
    learner = toy_learner([SkipNonFinite()], objective=poisoned, steps=12)
    learner.fit()
    assert learner.step == 12


def test_fewer_pictures_than_processes_are_refused():
    with pytest.raises(Refusal, match=r"1 picture\(s\) to learn from are too few for 2 process"):
        Batches(source=Darkened(count=1), batch=4, seed=Seed(1), share=(0, 2))


def test_out_of_memory_halves_the_batch_and_goes_on(capsys):
    def hungry(network, batch, draw):
        if len(batch.items) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return objective(network, batch, draw)

    learner = toy_learner(objective=hungry, steps=4)
    learner.fit()
    assert (learner.step, learner.pieces) == (4, 2)


def test_out_of_memory_halves_until_there_is_room_and_holds_nothing_of_what_failed():
    kept = []  # what a failed pass had made: it must be gone before the next is tried

    def hungry(network, batch, draw):
        assert all(made() is None for made in kept)
        outcome = objective(network, batch, draw)
        if len(batch.items) > 2:
            kept.append(weakref.ref(outcome.outputs))
            raise torch.OutOfMemoryError("out of memory")
        return outcome

    learner = toy_learner(objective=hungry, steps=3, batch=8)
    learner.fit()
    assert (learner.step, learner.pieces, len(kept)) == (3, 4, 2)


def test_out_of_memory_in_a_later_batch_of_a_step_loses_nothing_of_the_earlier_ones():
    asked = []

    def hungry_once(network, batch, draw):
        asked.append(len(batch.items))
        if len(asked) == 2:  # of two batches that make up a step
            raise torch.OutOfMemoryError("out of memory")
        return objective(network, batch, draw)

    weights = []
    for looks in (objective, hungry_once):
        torch.manual_seed(0)
        network = nn.Conv2d(3, 3, 1)
        toy_learner(objective=looks, network=network, optimiser=torch.optim.SGD(network.parameters(), lr=0.1), steps=1, accumulate=2).fit()
        weights.append(network.weight.detach())
    assert asked == [4, 4, 2, 2] and torch.allclose(weights[0], weights[1], atol=1e-6)


def one_at_a_time(network, batch, draw):
    """An objective for which there is memory for one picture."""
    if len(batch.items) > 1:
        raise torch.OutOfMemoryError("out of memory")
    return objective(network, batch, draw)


def test_out_of_memory_leaves_no_picture_alone_with_batch_norm():
    learner = toy_learner(objective=one_at_a_time, steps=3)
    with pytest.raises(Refusal, match=r"with 2 pictures at once\. Halves .* batch norm, .* data\.crop, or set network\.norm = 'group'"):
        learner.fit()
    assert (learner.step, learner.pieces) == (0, 2)


@pytest.mark.parametrize("pictures", [2, 3])
def test_a_batch_that_cannot_be_cut_into_pieces_of_two_is_not_cut_for_batch_norm(pictures):
    learner = toy_learner(objective=one_at_a_time, batch=pictures)
    with pytest.raises(Refusal, match=f"with {pictures} pictures at once"):
        learner.fit()
    assert learner.pieces == 1


@pytest.mark.parametrize("norm", ["none", "held"])
def test_out_of_memory_goes_down_to_one_picture_without_batch_norm_that_learns(norm):
    network = small_network() if norm == "held" else nn.Conv2d(3, 3, 1)
    if norm == "held":
        groups.freeze([network[1]])
    learner = toy_learner(objective=one_at_a_time, network=network, steps=3)
    learner.fit()
    assert (learner.step, learner.pieces) == (3, 4)


def test_pieces_of_a_batch_draw_unlike_noise():
    drawn = []

    def noisy(network, batch, draw):
        drawn.append(torch.rand(1, generator=draw).item())
        return objective(network, batch, draw)

    learner = toy_learner(objective=noisy, steps=2)
    learner.pieces = 2
    learner.fit()
    assert len(set(drawn)) == 4


@pytest.mark.parametrize("accumulate", [4, 6])
def test_batches_that_make_up_no_step_are_left_out_of_an_epoch(accumulate):
    class Watch(Callback):
        def after_update(self, learner):
            seen.append((learner.epoch, learner.position))

    seen = []
    toy_learner([Watch()], steps=3, accumulate=accumulate).fit()  # an epoch has six batches
    assert seen == [(epoch, accumulate - 1) for epoch in range(3)]


def test_more_batches_a_step_than_an_epoch_has_are_refused():
    with pytest.raises(Refusal, match="6 batches of 4, fewer than the 7"):
        toy_learner(accumulate=7)


def test_other_errors_are_not_taken_for_lack_of_memory():
    def broken(network, batch, draw):
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        toy_learner(objective=broken).fit()


def test_five_gradients_in_a_row_that_are_no_numbers_stop_the_run_with_the_cause():
    def poisoned(network, batch, draw):
        outcome = objective(network, batch, draw)
        return type(outcome)(outcome.loss * float("nan"), outcome.parts, None)

    network = small_network()
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(Refusal, match=r"5th time in a row .* learning rate"):
        toy_learner([SkipNonFinite()], objective=poisoned, network=network).fit()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items() if value.is_floating_point())


def test_one_pass_with_numbers_that_are_none_leaves_no_trace_in_statistics_and_is_told(tmp_path, capsys):
    class Poison(Callback):
        def before_batch(self, learner):
            if learner.position == 2 and learner.epoch == 0:
                learner.batch = dataclasses.replace(learner.batch, input=learner.batch.input * float("inf"))

    run = runs.create(tmp_path / "run")
    network = small_network()
    toy_learner([Poison(), SkipNonFinite(), Stats(run)], network=network).fit()
    assert all(value.isfinite().all() for value in network.state_dict().values())
    rows = [json.loads(line) for line in run.stats.read_text().splitlines()]
    (left_out,) = [row for row in rows if row["kind"] == "skipped"]
    assert (left_out["step"], left_out["player"], left_out["parts"], len(left_out["items"])) == (2, "network", ["mse"], 4)
    assert left_out["files"] == [f"item {item}" for item in left_out["items"]]
    assert "this update is left out" in capsys.readouterr().err


@pytest.mark.parametrize("part", ["pixels", "features"])
@pytest.mark.parametrize(("accumulate", "pieces"), [(2, 1), (1, 2)], ids=["batches", "pieces"])
def test_a_part_that_is_no_number_is_named_with_its_step_and_items_whatever_came_after_it(part, accumulate, pieces, tmp_path, capsys):
    """In the first of two batches, or of two pieces, that make up the second step; the other one's items are not to blame."""
    passes, weights = [], {}

    def poisoned(network, batch, draw):
        passes.append(batch.items)
        outputs = network(batch.input)
        terms = {"pixels": mse(outputs, batch.target), "features": outputs.square().mean()}
        if len(passes) == 3:
            terms[part] = terms[part] * float("nan")
        return Outcome(sum(terms.values()), {name: term.detach() for name, term in terms.items()}, outputs)

    class Watch(Callback):
        def after_batch(self, learner):
            weights[learner.step] = [parameter.detach().clone() for parameter in learner.network.parameters()]

    run = runs.create(tmp_path / "run")
    learner = toy_learner([SkipNonFinite(), Stats(run), Watch()], objective=poisoned, steps=3, accumulate=accumulate)
    learner.pieces = pieces
    learner.fit()
    [said] = [line for line in capsys.readouterr().err.splitlines() if "this update is left out" in line]
    names = ", ".join(f"item {item}" for item in passes[2])
    assert said.startswith(f"step 1: the gradient is not finite ({part} = nan, in {names}):")
    [row] = [row for row in map(json.loads, run.stats.read_text().splitlines()) if row["kind"] == "skipped"]
    assert (row["step"], row["parts"], row["items"], row["files"]) == (1, [part], list(passes[2]), names.split(", "))
    same = [all(torch.equal(one, other) for one, other in zip(weights[step], weights[step + 1], strict=True)) for step in (1, 2)]
    assert same == [True, False]


def test_where_every_loss_is_a_number_and_the_gradient_is_none_all_that_made_up_the_step_are_suspect(capsys):
    """The slope of a root at zero."""

    def steep(network, batch, draw):
        outcome = objective(network, batch, draw)
        passes.append(batch.items)
        return Outcome(outcome.loss + (0 * outcome.outputs).sum().sqrt(), outcome.parts, outcome.outputs)

    passes = []
    toy_learner([SkipNonFinite()], objective=steep, steps=1, accumulate=2).fit()
    names = ", ".join(f"item {item}" for items in passes for item in items)
    assert f"step 0: the gradient is not finite (though every loss here is, in {names}):" in capsys.readouterr().err


def test_an_update_that_was_left_out_counts_in_no_average_of_the_weights():
    """The average holds the weights after each real update, and those alone."""
    held = []

    def poisoned(network, batch, draw):
        outcome = objective(network, batch, draw)
        return outcome if learner.step not in (0, 3, 4) else Outcome(outcome.loss * float("nan"), outcome.parts, None)

    class Watch(Callback):
        def after_update(self, learner):
            held.append(learner.network[0].weight.detach().clone())

    average, skip = WeightAverage(half_life=3.0), SkipNonFinite()
    learner = toy_learner([average, skip, Watch()], objective=poisoned, steps=12)
    learner.fit()
    assert (learner.step, average.count, len(held)) == (12, 9, 9)
    expected, keeps = held[0], 0.5 ** (1 / 3)
    for weight in held[1:]:
        expected = keeps * expected + (1 - keeps) * weight
    torch.testing.assert_close(average.average[0].weight.detach(), expected)


def test_a_rate_that_is_far_too_high_is_said_by_the_run():
    network = small_network()
    with pytest.raises(Refusal, match=r"learning rate \(now .* too high"):
        toy_learner(
            [SkipNonFinite(), WatchDivergence()], network=network, steps=300, optimiser=torch.optim.SGD(network.parameters(), lr=30.0)
        ).fit()


def test_the_schedule_ends_where_it_should():
    rates = []

    class Watch(Callback):
        def after_update(self, learner):
            rates.append(learner.main.optimiser.param_groups[0]["lr"])

    toy_learner([Watch()], steps=200, rate=1.0).fit()
    assert max(rates) == pytest.approx(1.0, rel=1e-3)
    assert rates[-1] == pytest.approx(0.01, rel=0.05)
