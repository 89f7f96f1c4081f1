"""What is seen inside a network while it learns: activations and gradients, momentum, answers."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from sfumato.core.errors import Interrupted, Refusal
from sfumato.data.batches import Batch
from sfumato.train import run as runs
from sfumato.train.callback import Callback
from sfumato.train.callbacks import activations, state
from sfumato.train.callbacks.activations import Activations, statistics
from sfumato.train.callbacks.forms import OtherForm
from sfumato.train.callbacks.predictions import Predictions
from sfumato.train.callbacks.state import SaveState
from sfumato.train.callbacks.stats import Stats
from sfumato.train.objective import Outcome
from sfumato.train.ranks import Ranks
from sfumato.train.steps.muon import Muon
from tests.train.conftest import small_network, toy_learner


@pytest.fixture
def run(tmp_path):
    return runs.create(tmp_path / "run")


def hooks(network: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in network.modules())


def recorded(run) -> dict[str, np.ndarray]:
    return dict(np.load(run.instrument("activations.npz")))


class Spy(Callback):
    """Hooks that are there in each forward pass."""

    def __init__(self):
        self.counts = []

    def after_forward(self, learner):
        self.counts.append(hooks(learner.network))


class Stop(Callback):
    def __init__(self, step):
        self.step = step

    def after_batch(self, learner):
        if learner.step == self.step:
            learner.stopping = "for the test"


class Break(Callback):
    """Fail in the middle of a step."""

    def after_forward(self, learner):
        raise RuntimeError("broken on purpose")


def test_statistics_follow_their_definitions():
    values = torch.tensor([[0.0, 0.005, -0.3, 4.0], [20.0, -1.0, 0.0, 0.3]])
    found = statistics(values).double().numpy()
    assert found[:3] == pytest.approx([values.mean().item(), values.numpy().std(), 3 / 8], rel=1e-6)
    assert found[3:] == pytest.approx(np.histogram(np.minimum(np.abs(values.numpy()), 10), 40, (0, 10))[0])


def test_an_output_that_is_no_number_is_recorded_as_none():
    assert torch.isnan(statistics(torch.tensor([1.0, torch.nan]))[:2]).all()


def test_a_record_is_what_the_layer_gave(run):
    """The first step's record is that of the untrained network on the first batch."""
    network = small_network()
    learner = toy_learner([Activations(run, every=100)], steps=2, network=network)
    first = next(learner.batches.stream(0, 0))
    wanted = small_network().train()[:3](first.input)
    learner.fit()
    found = recorded(run)
    assert found["means"][0, 0] == pytest.approx(wanted.mean().item(), rel=1e-5)
    assert found["counts"][0, 0].sum() == wanted.numel()


def test_gradient_norms_are_those_of_the_weights_before_clipping(run):
    learner = toy_learner([Activations(run)], steps=1, clip=1e-3)
    first = next(learner.batches.stream(0, 0))
    twin = small_network().train()
    learner.main.objective(twin, first, None).loss.backward()
    learner.fit()
    assert recorded(run)["gradients"][0] == pytest.approx([twin[0].weight.grad.norm().item(), twin[3].weight.grad.norm().item()], rel=1e-4)
    assert recorded(run)["weights"].tolist() == ["0", "3"]


def test_hooks_are_there_only_in_the_steps_that_are_recorded(run):
    spy = Spy()
    toy_learner([Activations(run, every=4), spy], steps=9).fit()
    assert spy.counts == [1, 0, 0, 0, 1, 0, 0, 0, 1] and recorded(run)["steps"].tolist() == [0, 4, 8]


@pytest.mark.parametrize("broken", [Break(), Stop(1)], ids=["failed", "stopped"])
def test_hooks_come_off_however_a_run_ends(run, broken):
    learner = toy_learner([Activations(run, every=1), broken], steps=9)
    with pytest.raises((RuntimeError, Interrupted)):
        learner.fit()
    assert hooks(learner.network) == 0


def test_looking_changes_nothing(run):
    plain, seen = toy_learner(steps=10), toy_learner([Activations(run, every=2)], steps=10)
    plain.fit()
    seen.fit()
    assert all(torch.equal(a, b) for a, b in zip(plain.network.state_dict().values(), seen.network.state_dict().values(), strict=True))


def test_accumulated_steps_have_one_record_each(run):
    toy_learner([Activations(run, every=1)], steps=6, accumulate=2).fit()
    assert recorded(run)["steps"].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_resumed_run_has_the_records_of_one_that_was_never_stopped(tmp_path):
    def learner_in(run, extra=()):
        return toy_learner([Activations(run, every=3), SaveState(run, steps=5, seconds=1e9), *extra], steps=20)

    whole, parts = runs.create(tmp_path / "whole"), runs.create(tmp_path / "parts")
    learner_in(whole).fit()
    with pytest.raises(Interrupted):
        learner_in(parts, [Stop(8)]).fit()
    second = learner_in(parts)
    second.resumed = state.newest(parts)
    second.fit()
    one, other = recorded(whole), recorded(parts)
    assert one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def test_a_long_run_keeps_a_bounded_number_of_records_evenly_spread(run, monkeypatch):
    monkeypatch.setattr(activations, "MOST_RECORDS", 8)
    toy_learner([Activations(run, every=1)], steps=40).fit()
    steps = recorded(run)["steps"]
    assert len(steps) <= 8 and set(np.diff(steps)) == {8}


def test_a_network_without_activation_modules_is_seen_at_its_convolutions():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 3, 3))
    assert list(activations.choose(network)) == ["0", "2"]


def test_of_many_layers_sixteen_are_seen_with_the_first_and_the_last():
    chosen = list(activations.choose(nn.Sequential(*[nn.ReLU() for _ in range(100)])))
    assert len(chosen) == 16 and (chosen[0], chosen[-1]) == ("0", "99")


def test_a_network_with_nothing_to_look_at_is_refused():
    with pytest.raises(Refusal, match="look.every"):
        activations.choose(nn.Sequential(nn.Flatten()))


def test_a_compiled_form_is_seen_through(run, monkeypatch):
    """Compiled by the eager backend: what is traced is the same, and no compiler is needed."""
    whole = torch.compile
    monkeypatch.setattr(torch, "compile", lambda network: whole(network, backend="eager"))
    toy_learner([Activations(run, every=2), OtherForm(compiled=True, ranks=Ranks())], steps=5).fit()
    assert np.isfinite(recorded(run)["means"]).all() and recorded(run)["steps"].tolist() == [0, 2, 4]


def test_pictures_of_what_was_seen_are_drawn_at_the_end(run):
    toy_learner([Activations(run, every=2)], steps=6).fit()
    assert all(run.instrument(name).read_bytes().startswith(b"\x89PNG") for name in ("activations.png", "gradients.png"))


# momentum ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda network: torch.optim.AdamW(network.parameters(), betas=(0.87, 0.99)), 0.87),
        (lambda network: torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9), 0.9),
        (lambda network: Muon(network, rate=0.01, rest_rate=0.01, momentum=0.93), 0.93),
        (lambda network: torch.optim.Adagrad(network.parameters(), lr=0.01), None),
    ],
    ids=["adamw", "sgd", "muon", "none"],
)
def test_momentum_is_written_beside_the_rate_by_whatever_name_the_optimiser_has_for_it(run, make, wanted):
    network = small_network()
    toy_learner([Stats(run, every=2)], steps=4, network=network, optimiser=make(network)).fit()
    assert [json.loads(line).get("momentum") for line in run.stats.read_text().splitlines()] == [wanted, wanted]


# answers ----------------------------------------------------------------------------------------------------------------


def classified(network, batch, draw):
    logits = network(batch.input).mean(dim=(2, 3))
    return Outcome(nn.functional.cross_entropy(logits, batch.target), outputs=logits)


def labelled(count: int = 3, soft: bool = False) -> list[Batch]:
    """Five pictures a batch, of three classes."""
    made = []
    for index in range(count):
        generator = torch.Generator().manual_seed(index)
        labels = torch.randint(0, 3, (5,), generator=generator)
        made.append(
            Batch(torch.rand(5, 3, 8, 8, generator=generator), nn.functional.one_hot(labels).float() if soft else labels, tuple(range(5)))
        )
    return made


def validated(predictions: Predictions, held: list[Batch]):
    learner = toy_learner([predictions], held_out=held, objective=classified)
    learner._validate()
    return learner


def test_answers_of_a_validation_are_the_softmax_of_what_the_network_gave():
    predictions, held = Predictions(), labelled()
    learner = validated(predictions, held)
    with torch.no_grad():
        wanted = torch.cat([learner.shown.eval()(batch.input).mean(dim=(2, 3)).softmax(dim=1) for batch in held])
    assert torch.equal(predictions.probabilities, wanted) and torch.equal(predictions.labels, torch.cat([batch.target for batch in held]))


def test_a_second_validation_takes_the_place_of_the_first():
    predictions, held = Predictions(), labelled()
    validated(predictions, held)._validate()
    assert len(predictions.labels) == 15


def test_answers_to_mixed_labels_count_the_largest_share():
    predictions, held = Predictions(), labelled(soft=True)
    validated(predictions, held)
    assert torch.equal(predictions.labels, torch.cat([batch.target.argmax(dim=1) for batch in held]))


def test_more_answers_than_are_kept_are_said(capsys):
    predictions = Predictions(most=2 * 5 * 3 * 4)
    validated(predictions, labelled(4))
    assert len(predictions.labels) == len(predictions.probabilities) == 10 and not predictions.whole
    assert capsys.readouterr().err.count("more answers than are kept") == 1


def test_there_are_no_answers_before_a_validation():
    assert Predictions().probabilities.shape == (0, 0) and Predictions().labels.shape == (0,)
