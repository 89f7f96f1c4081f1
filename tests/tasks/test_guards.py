"""What goes wrong in a game is named within one look; a clean run is never accused; and the best point is found by rule."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from skimage import data as photographs

from sfumato.core.levels import to_levels, to_unit
from sfumato.tasks.parts.guards import Choice, Guards, condition, sharpness_apart
from sfumato.tasks.parts.judged import Judged
from sfumato.train.callbacks.game import Both, Game


@pytest.fixture(scope="module")
def good():
    """Crops of photographs, uint8 (48, 64, 3)."""
    whole = [photographs.astronaut(), photographs.coffee(), photographs.rocket(), photographs.chelsea()]
    return [np.ascontiguousarray(one[top : top + 192 : 4, left : left + 256 : 4]) for one in whole for top, left in ((0, 0), (100, 150))]


def turned(good):
    """Every colour becomes its opposite, of the same light."""
    units = [to_unit(one) for one in good]
    return [to_levels(np.clip(2 * one.mean(2, keepdims=True) - one, 0, 1)) for one in units]


def turned_without_cast(good):
    """Likewise, and on the whole the same."""
    units = [to_unit(one).astype(float) for one in good]
    chroma = [one - one.mean(2, keepdims=True) for one in units]
    return [to_levels(np.clip(one - 2 * (c - c.mean((0, 1))), 0, 1).astype(np.float32)) for one, c in zip(units, chroma)]


def exchanged(good):
    """Red and blue change places."""
    return [np.ascontiguousarray(one[..., ::-1]) for one in good]


def faults(made, good, accuracy=0.7):
    now = condition(made, good, accuracy)
    return " ".join([*now.faults(), *now.warnings()])


def test_a_clean_run_is_never_accused(good, rng):
    soft = [to_levels(np.clip(to_unit(one) + rng.normal(0, 0.03, one.shape), 0, 1)) for one in good]
    for made in (good, soft, [to_levels(0.9 * to_unit(one) + 0.05) for one in good]):
        assert faults(made, good) == ""


def test_one_picture_for_all_is_a_collapse(good):
    assert "collapsed" in faults([good[0]] * len(good), good)
    assert "collapsed" in faults([np.full_like(one, 128) for one in good], good)


def test_light_turned_over_is_named(good):
    assert "turned over" in faults([255 - one for one in good], good)


@pytest.mark.parametrize("spoil", [turned, exchanged])
def test_colours_that_are_others_are_named_though_their_light_and_their_strength_are_right(spoil, good):
    now = condition(spoil(good), good, 0.7)
    assert now.alike > 0.9 and now.colours > 0.7
    assert "Colours are turned over" in now.faults()[0]


def test_a_cast_over_right_colours_is_no_change_of_colours(good):
    cast = [to_levels(np.clip(0.8 * to_unit(one) + np.array([0.15, 0.05, 0.0]), 0, 1)) for one in good]
    assert condition(cast, good, 0.7).hues > 0.9 and "turned over" not in faults(cast, good)


def test_an_orange_cast_is_named_with_its_colour(good):
    orange = [to_levels(np.clip(to_unit(one) + np.array([0.15, 0.05, -0.05]), 0, 1)) for one in good]
    assert "more red" in faults(orange, good)


def test_colours_that_are_gone_are_named_and_grey_pictures_have_none_to_lose(good):
    grey = [np.repeat(one.mean(2, keepdims=True).round().astype(np.uint8), 3, axis=2) for one in good]
    assert "Colours are gone" in faults(grey, good)
    assert faults(grey, grey) == "" == faults([one[..., :1] for one in grey], [one[..., :1] for one in grey])


def test_a_perfect_critic_is_named_and_is_no_fault_of_the_pictures(good):
    assert "it has won" in faults(good, good, accuracy=0.995)
    assert condition(good, good, 0.995).faults() == []


def test_one_picture_alone_is_no_collapse(good):
    assert faults(good[:1], good[:1]) == ""


def test_the_rule_picks_the_planted_step_and_ends_after_its_patience():
    choice = Choice(patience=3)
    curve = [0.5, 0.4, 0.3, 0.25, 0.27, 0.26, 0.3, 0.2]
    for step, distance in enumerate(curve):
        choice.tell(step, distance, [])
        if choice.enough:
            break
    assert (choice.step, step) == (3, 6)


def test_a_snapshot_with_a_fault_is_never_the_best():
    choice = Choice(patience=3)
    choice.tell(0, 0.5, [])
    assert not choice.tell(1, 0.1, ["it has collapsed"]) and choice.step == 0


def test_a_game_that_was_ill_from_its_first_look_has_gone_on_for_long_enough_after_its_patience():
    choice, enough = Choice(patience=3), []
    for step in range(3):
        choice.tell(step, 0.5, ["it has collapsed"], ill=True)
        enough.append(bool(choice.enough))
    assert enough == [False, False, True] and "best.safetensors" not in choice.enough


def test_a_look_without_a_fault_is_a_snapshot_to_go_back_to():
    choice, enough = Choice(patience=3), []
    for step, wrong in enumerate([["ill"], ["ill"], [], ["ill"], ["ill"], ["ill"]]):
        choice.tell(step, 0.5, wrong, ill=bool(wrong))
        enough.append(choice.enough)
    assert not any(enough[:-1]) and "step 2, whose snapshot is best.safetensors" in enough[-1]


class Scripted(Judged):
    """Held-out scores that a script tells."""

    def __init__(self):
        super().__init__(SimpleNamespace(add=lambda learner, kind, **row: self.rows.append(row)))
        self.rows = []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda good: [np.full_like(one, 128) for one in good], "collapsed"),
        (lambda good: [255 - one for one in good], "turned over"),
        (turned, "Colours are turned over"),
        (exchanged, "Colours are turned over"),
        (lambda good: [to_levels(np.clip(to_unit(one) + np.array([0.15, 0.05, -0.05]), 0, 1)) for one in good], "more red"),
    ],
)
def test_a_planted_fault_is_said_at_the_next_look_and_its_snapshot_is_not_taken(spoil, said, good, capsys):
    scores, game = Scripted(), Game(Both())
    looks = iter([good, spoil(good)])
    guards = Guards(scores, lambda: (next(looks), good), game, lambda made, other: 0.1, patience=9)
    for step in (1, 2):
        scores.now = {}
        guards.after_phase(SimpleNamespace(phase="valid", step=step, progress=0.6, finish=pytest.fail))
        assert ("snapshot" in scores.now) is (step == 1)
    assert said in capsys.readouterr().err and scores.rows[0]["faults"] == []


def test_a_game_is_ended_once_its_best_point_has_been_passed(good):
    scores, ended, distances = Scripted(), [], iter([0.5, 0.3, 0.4, 0.4, 0.4])
    guards = Guards(scores, lambda: (good, good), Game(Both()), lambda made, other: next(distances), patience=3)
    for step in range(1, 6):
        guards.after_phase(SimpleNamespace(phase="valid", step=step, progress=0.6, finish=ended.append))
    assert len(ended) == 1 and "step 2" in ended[0]


def test_a_game_is_not_ended_in_its_first_half(good):
    """While rates are high it may get worse before it gets better."""
    distances = iter([0.5, 0.6, 0.7, 0.8])
    guards = Guards(Scripted(), lambda: (good, good), Game(Both()), lambda made, other: next(distances), patience=2)
    for step in range(4):
        guards.after_phase(SimpleNamespace(phase="valid", step=step, progress=step / 10, finish=pytest.fail))
    assert guards.choice.enough


def test_a_game_that_is_ill_at_every_look_is_ended_in_its_second_half(good):
    ended, flat = [], [np.full_like(one, 128) for one in good]
    guards = Guards(Scripted(), lambda: (flat, good), Game(Both()), lambda made, other: 0.1, patience=2)
    for step in range(4):
        guards.after_phase(SimpleNamespace(phase="valid", step=step, progress=step / 6, finish=ended.append))
    assert len(ended) == 1 and "each of the last 4 looks" in ended[0]


def test_where_colours_are_given_to_grey_others_are_no_fault_and_none_yet_end_no_game(good):
    grey = [np.repeat(one.mean(2, keepdims=True), 3, axis=2).astype(np.uint8) for one in good]
    for made, faultless in ((turned_without_cast(good), True), (grey, False)):
        looked = partial(lambda pictures: (pictures, good), made)
        guards = Guards(Scripted(), looked, Game(Both()), lambda made, other: 0.1, patience=2, knowable=False)
        for step in range(2 if faultless else 5):
            guards.after_phase(SimpleNamespace(phase="valid", step=step, progress=0.9, finish=pytest.fail))
        assert (guards.choice.faults == []) is faultless


def test_a_critic_that_won_while_no_snapshot_was_good_names_none(good):
    choice = Choice(patience=1)
    choice.tell(1, 0.1, ["it has collapsed"], won=True)
    assert "has won" in choice.enough and "best.safetensors" not in choice.enough


def test_a_critic_that_has_won_for_long_ends_the_game_but_what_it_knew_before_it_does_not_count(good, capsys):
    scores, ended, distances = Scripted(), [], iter([0.9, 0.5, 0.4, 0.3])
    player = Game(Both())
    player.table.accuracy = 0.999
    guards = Guards(scores, lambda: (good, good), player, lambda made, other: next(distances), patience=2)
    guards.after_phase(SimpleNamespace(phase="valid", step=0, progress=0.0, finish=ended.append))
    assert "it has won" not in capsys.readouterr().err
    for step in (1, 2):
        guards.after_phase(SimpleNamespace(phase="valid", step=step, progress=0.6, finish=ended.append))
    assert len(ended) == 1 and "the critic has won" in ended[0] and "step 2" in ended[0]


@pytest.mark.parametrize(("curve", "said"), [([0.3, 0.4, 0.5], True), ([0.3, 0.4, 0.2], False)])
def test_a_game_that_brings_nothing_nearer_says_so_at_its_end(good, curve, said, capsys):
    distances = iter(curve)
    guards = Guards(Scripted(), lambda: (good, good), Game(Both()), lambda made, other: next(distances), patience=9)
    for step in range(3):
        learner = SimpleNamespace(phase="valid", step=step, progress=0.6, stopped=None, finish=pytest.fail)
        guards.after_phase(learner)
    guards.after_fit(learner)
    assert ("the model that it began from" in capsys.readouterr().err) is said


def test_without_held_out_pictures_there_is_nothing_to_look_at():
    guards = Guards(Scripted(), lambda: ([], ()), Game(Both()), lambda made, other: 0.0, patience=1)
    guards.after_phase(SimpleNamespace(phase="valid", step=1))


def test_blurred_pictures_are_told_from_sharp_ones_without_a_classifier(good):
    soft = [to_levels((to_unit(one) + np.roll(to_unit(one), 1, 0) + np.roll(to_unit(one), 1, 1)) / 3) for one in good]
    assert sharpness_apart(good, good) == 0 < sharpness_apart(soft, good)
