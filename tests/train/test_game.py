"""Two who play against each other in one Learner: who moves when, who stands still, and what momentum does to them."""

import copy
import json

import pytest
import torch
from torch import nn

from sfumato.core.errors import Refusal
from sfumato.losses import adversarial
from sfumato.train.callback import Callback
from sfumato.train.callbacks.activations import Activations
from sfumato.train.callbacks.game import ACCURACY, CRITIC, FOOLED, GENERATOR, LOSES, Adaptive, Both, Game, Ratio, Table
from sfumato.train.callbacks.nonfinite import SkipNonFinite
from sfumato.train.callbacks.shares import GradientShares
from sfumato.train.callbacks.stats import Stats
from sfumato.train.objective import Outcome
from sfumato.train.player import Player
from sfumato.train.run import Run
from sfumato.train.steps.precision import Precision
from tests.train.conftest import objective, small_network, toy_learner


def critic() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.LeakyReLU(), nn.Conv2d(4, 1, 3))


def telling(generator):
    def tell(network, batch, draw):
        with torch.no_grad():
            made = generator(batch.input)
        real, fake = network(batch.target), network(made)
        return Outcome(adversarial.game("hinge").critic(real, fake), {ACCURACY: adversarial.game("hinge").accuracy(real, fake)})

    return tell


def fooling(network_of_critic, weight=0.1):
    def fool(network, batch, draw):
        outcome = objective(network, batch, draw)
        if not weight:
            return outcome
        term = weight * -network_of_critic(outcome.outputs).mean()
        return Outcome(outcome.loss + term, {**outcome.parts, "critic": term.detach()}, outcome.outputs)

    return fool


class Watch(Callback):
    """Who played, and what had moved by then."""

    def __init__(self):
        self.turns, self.moved, self.rates = [], [], []

    def before_batch(self, learner):
        self.before = {name: copy.deepcopy(player.network.state_dict()) for name, player in learner.players.items()}

    def after_update(self, learner):
        self.turns.append(learner.player)
        self.rates.append((learner.player, learner.now.optimiser.param_groups[0]["lr"]))

    def after_batch(self, learner):
        now = {name: player.network.state_dict() for name, player in learner.players.items()}
        self.moved.append({name for name in now if any(not torch.equal(now[name][key], self.before[name][key]) for key in now[name])})


def play(rule, *, steps=12, weight=0.1, callbacks=(), limit=1.0, tells=telling, **options):
    generator, judge = small_network(), critic()
    game, watch = Game(rule, limit=limit), Watch()
    opponent = Player(
        CRITIC,
        judge,
        tells(generator),
        torch.optim.AdamW(judge.parameters(), lr=0.02, betas=(0.0, 0.99)),
        lambda progress: 1.0,
        Precision("float32", torch.device("cpu")),
    )
    sides = {"name": GENERATOR, "opponents": [opponent], "turns": game.turns, "objective": fooling(judge, weight), **options}
    learner = toy_learner([game, watch, *callbacks], steps=steps, network=generator, **sides)
    learner.fit()
    return learner, game, watch


def test_both_play_on_every_batch_the_critic_first():
    learner, _, watch = play(Both(), steps=5)
    assert watch.turns == [CRITIC, GENERATOR] * 5 and learner.step == 5


def test_a_fixed_ratio_gives_the_critic_so_many_batches():
    _, _, watch = play(Ratio(3), steps=8)
    assert watch.turns == [CRITIC, CRITIC, CRITIC, GENERATOR] * 2


def test_who_does_not_play_does_not_move_by_a_bit_buffers_included():
    _, _, watch = play(Ratio(1), steps=6)
    assert watch.moved == [{CRITIC}, {GENERATOR}] * 3


def test_what_is_recorded_inside_comes_late_where_the_critic_plays_at_its_step(tmp_path):
    """Every other batch is the critic's: a record that is due at one of them is made in the generator's next turn."""
    inside = Activations(Run(tmp_path), every=4)
    play(Ratio(1), steps=12, callbacks=[inside])
    assert inside.steps == [1, 5, 9] and all(norms.min() > 0 for norms in inside.norms)


def test_shares_of_the_gradient_come_late_too(tmp_path):
    def fool(network, batch, draw):
        outcome = objective(network, batch, draw)
        terms = {"mse": outcome.loss, "size": outcome.outputs.square().mean()}
        return Outcome(outcome.loss, outcome.parts, outcome.outputs, terms=terms)

    stats = Stats(Run(tmp_path))
    seen = []
    shares = GradientShares(stats, lambda terms, outputs: seen.append(set(terms)) or {}, every=4)
    play(Ratio(1), steps=12, callbacks=[stats, shares], objective=fool)
    rows = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if row["kind"] == "shares"] == [1, 5, 9] and seen == [{"mse", "size"}] * 3


def test_a_rule_looks_at_what_the_game_alone_costs_the_critic():
    """R1 makes some of its turns dear, which says nothing about who is ahead."""

    def dear(generator):
        def tell(network, batch, draw):
            outcome = telling(generator)(network, batch, draw)
            return Outcome(outcome.loss + 100, {**outcome.parts, LOSES: outcome.loss.detach()})

        return tell

    learner, game, _ = play(Both(), steps=8, tells=dear)
    assert learner.outcome.loss < 50 and game.table.loss < 50


def test_each_side_has_its_own_rate():
    _, _, watch = play(Both(), steps=4)
    rates = {name: {rate for who, rate in watch.rates if who == name} for name in (CRITIC, GENERATOR)}
    assert rates[CRITIC] == {0.02} and len(rates[GENERATOR]) == 4


def test_the_generators_turns_end_when_the_critic_is_weak_again():
    """A critic that is right about everything until the network brightens what it makes: the rule sees it in the network's own turns."""

    class Knows(nn.Module):
        """Says real of what is bright."""

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(()))

        def forward(self, pictures):
            return self.weight * (pictures.flatten(1).mean(1) - 0.4)[:, None]

    class Brightens(nn.Module):
        """Gives half of what it is given for its first three batches in training, and three times as much after them."""

        def __init__(self):
            super().__init__()
            self.scale, self.turns = nn.Parameter(torch.ones(())), 0

        def forward(self, pictures):
            self.turns += self.training
            return self.scale * pictures * (3.0 if self.turns > 3 else 0.5)

    def fool(network, batch, draw):
        outcome = objective(network, batch, draw)
        opinions = judge(outcome.outputs)
        return Outcome(outcome.loss, {**outcome.parts, FOOLED: (opinions > 0).float().mean()}, outcome.outputs)

    generator, judge = Brightens(), Knows()
    game, watch = Game(Adaptive(low=0.8, high=0.9, most=50)), Watch()
    still = [torch.optim.SGD(network.parameters(), lr=0.0) for network in (generator, judge)]
    opponent = Player(CRITIC, judge, telling(generator), still[1], lambda progress: 1.0, Precision("float32", torch.device("cpu")))
    sides = {"name": GENERATOR, "opponents": [opponent], "turns": game.turns}
    toy_learner([game, watch], steps=60, network=generator, objective=fool, optimiser=still[0], **sides).fit()
    turns = "".join(name[0] for name in watch.turns)
    assert turns.startswith("c" * 10) and "g" in turns and 3 < len(turns.strip("c")) < 20


def test_at_the_end_everybody_learns_again():
    learner, _, _ = play(Ratio(1), steps=3)
    assert all(p.requires_grad for player in learner.players.values() for p in player.network.parameters())
    assert all(player.network.training for player in learner.players.values())


def turns_of(rule, looked_at, values):
    """First letters of who plays, batch by batch, where what the rule looks at stands at these values after each."""
    table, found = Table(), ""
    for value in values:
        [player] = rule.turns(table)
        found += player[0]
        table.streak = table.streak + 1 if player == table.player else 1
        table.player = player
        setattr(table, looked_at, value)
    return found


@pytest.mark.parametrize(
    ("accuracies", "turns"),
    [
        ([0.5, 0.6, 0.9, 0.9, 0.8, 0.6, 0.6], "cccgggc"),  # strong enough after the third; weak again after the sixth
        ([0.5] * 9, "ccccgcccc"),  # the limit of batches in a row
        ([0.95] * 9, "cggggcgggg"[:9]),
    ],
)
def test_the_adaptive_rule_gives_the_expected_turns(accuracies, turns):
    assert turns_of(Adaptive(low=0.65, high=0.85, least=1, most=4), "accuracy", accuracies) == turns


@pytest.mark.parametrize(
    ("losses", "turns"),
    [
        ([0.9, 0.7, 0.3, 0.2, 0.5, 0.6, 0.6], "cccgggc"),  # low enough after the third; high again after the sixth
        ([0.9] * 9, "ccccgcccc"),  # the limit of batches in a row
        ([0.1] * 9, "cggggcggg"),
    ],
)
def test_the_rule_of_loss_gives_the_expected_turns(losses, turns):
    assert turns_of(Adaptive(by="loss", low=0.3, high=0.6, least=1, most=4), "loss", losses) == turns


@pytest.mark.parametrize("accuracy", [0.0, 0.5, 0.7, 1.0])
@pytest.mark.parametrize(("least", "most"), [(1, 1), (1, 20), (5, 5), (3, 7)])
@pytest.mark.parametrize("by", ["accuracy", "loss"])
def test_no_setting_starves_a_side(by, least, most, accuracy):
    rule, table, turns = Adaptive(by=by, least=least, most=most), Table(loss=accuracy), []
    for _ in range(200):
        [player] = rule.turns(table)
        table.streak = table.streak + 1 if player == table.player else 1
        table.player, table.accuracy = player, accuracy
        turns.append(player)
    assert min(turns.count(GENERATOR), turns.count(CRITIC)) >= 200 // (most + 1) - 1


@pytest.mark.parametrize("limits", [{"low": 0.9, "high": 0.8}, {"least": 5, "most": 4}, {"least": 0}])
def test_limits_that_contradict_each_other_are_refused(limits):
    with pytest.raises(Refusal, match="limits"):
        Adaptive(**limits)


def test_a_critic_that_is_always_right_stops_learning_within_fifty_steps_and_it_is_said(capsys):
    class Perfect(nn.Module):
        """Knows: what is made is darker."""

        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, pictures):
            return 1e3 * self.scale * (pictures.flatten(1).mean(1) - 0.4)[:, None]

    generator, judge = nn.Conv2d(3, 3, 1), Perfect()
    nn.init.zeros_(generator.weight), nn.init.zeros_(generator.bias)
    game = Game(Both(), limit=0.95)
    still = torch.optim.SGD(judge.parameters(), lr=0.0)
    opponent = Player(CRITIC, judge, telling(generator), still, lambda progress: 1.0, Precision("float32", torch.device("cpu")))
    frozen = torch.optim.SGD(generator.parameters(), lr=0.0)
    sides = {"name": GENERATOR, "opponents": [opponent], "turns": game.turns}
    toy_learner([game], steps=50, network=generator, objective=fooling(judge), optimiser=frozen, **sides).fit()
    assert game.left_out > 10 and game.table.accuracy > 0.95
    assert "does not learn until it is less so" in capsys.readouterr().err


def test_without_a_word_of_the_critic_the_generator_learns_as_without_it():
    class Losses(Callback):
        players = (GENERATOR,)

        def __init__(self):
            self.seen = []

        def after_update(self, learner):
            self.seen.append(learner.outcome.parts["mse"].item())

    alone, against = Losses(), Losses()
    toy_learner([alone], steps=10, name=GENERATOR).fit()
    play(Both(), steps=10, weight=0.0, callbacks=[against])
    assert alone.seen == against.seen


def test_a_game_goes_on_from_its_state_bit_for_bit():
    class Keep(Callback):
        """The state after six batches."""

        def after_batch(self, learner):
            if learner.step == 6:
                self.state_then = copy.deepcopy(learner.state())

    keep = Keep()
    whole, _, _ = play(Adaptive(most=3), callbacks=[keep])
    generator, judge = small_network(), critic()
    game = Game(Adaptive(most=3))
    opponent = Player(
        CRITIC,
        judge,
        telling(generator),
        torch.optim.AdamW(judge.parameters(), lr=0.02, betas=(0.0, 0.99)),
        lambda progress: 1.0,
        Precision("float32", torch.device("cpu")),
    )
    rest = toy_learner(
        [game], steps=12, network=generator, objective=fooling(judge), name=GENERATOR, opponents=[opponent], turns=game.turns
    )
    rest.resumed = keep.state_then
    rest.fit()
    for name, player in whole.players.items():
        theirs = rest.players[name].network.state_dict()
        assert all(torch.equal(tensor, theirs[key]) for key, tensor in player.network.state_dict().items())


@pytest.mark.parametrize(("beta", "distance"), [(0.0, 0.0), (0.5, 0.4), (0.9, 1.3)])
def test_momentum_makes_two_chase_each_other(beta, distance):
    """The game x * y of two who each hold one number: Adam with beta2 0.99 and rate 0.01, 20,000 turns each, one after the other."""
    x, y = (nn.Parameter(torch.ones((), dtype=torch.float64)) for _ in range(2))
    optimisers = [torch.optim.Adam([one], lr=0.01, betas=(beta, 0.99), foreach=False) for one in (x, y)]
    for _ in range(20_000):
        x.grad, y.grad = y.detach().clone(), None
        optimisers[0].step()
        y.grad = -x.detach().clone()
        optimisers[1].step()
    found = (x.square() + y.square()).sqrt().item()
    assert found < 0.05 if distance == 0 else found == pytest.approx(distance, abs=0.15)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_plain_gradients_with_momentum_run_away(momentum):
    """The same game by steps of 0.01 times the slope, 500 turns each.  Without momentum x^2 + y^2 - 0.01 x y stays what it is: they circle.

    With it both grow by about 3 % a turn, by the roots of (z - 1)^2 (z - 0.9)^2 = -0.01^2 z^3.
    """
    x, y = (nn.Parameter(torch.ones((), dtype=torch.float64)) for _ in range(2))
    optimisers = [torch.optim.SGD([one], lr=0.01, momentum=momentum, foreach=False) for one in (x, y)]
    for _ in range(500):
        x.grad = y.detach().clone()
        optimisers[0].step()
        y.grad = -x.detach().clone()
        optimisers[1].step()
    found = (x.square() + y.square()).sqrt().item()
    assert found > 1e4 if momentum else found == pytest.approx(2**0.5, rel=0.01)


def test_an_opponents_loss_that_is_no_number_is_a_row_of_its_own_and_no_mean_of_others(tmp_path):
    class Poison(Callback):
        def after_forward(self, learner):
            if learner.player == CRITIC and learner.step == 4:
                learner.outcome = Outcome(learner.outcome.loss * float("nan"), learner.outcome.parts, None)

    run = Run(tmp_path)
    play(Both(), callbacks=[Poison(), SkipNonFinite(), Stats(run, every=3)])

    def no_constant(name):
        raise AssertionError(name)

    rows = [json.loads(line, parse_constant=no_constant) for line in run.stats.read_text().splitlines()]
    assert [(row["player"], row["step"]) for row in rows if row["kind"] == "skipped"] == [(CRITIC, 4)]
    assert len([row for row in rows if row["kind"] == "step"]) == 4
