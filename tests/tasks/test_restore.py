"""The one path, from a recipe to a repaired picture."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

import sfumato
from sfumato.core import files
from sfumato.core import recipe as recipes
from sfumato.core.errors import Interrupted, Refusal
from sfumato.core.levels import to_unit
from sfumato.core.seed import Seed
from sfumato.metrics.pictures import psnr_rgb
from sfumato.nets import load as model_files
from sfumato.show.sheets import GAP
from sfumato.tasks import catalogue, restore
from sfumato.tasks.parts import restorer, sources
from sfumato.tasks.parts.watch import Previews
from sfumato.tasks.restore_recipe import Restore
from sfumato.train.callback import Callback
from sfumato.use.enlarge import enlarge

SMALL = [
    "network.widths=[8,12]",
    "network.blocks=[1,1]",
    "network.blocks_up=[1]",
    "data.crop=32",
    "train.tune=false",
    "train.batch=4",
    "previews.side=64",
    "previews.count=2",
]


def recipe(folder, *changes):
    return recipes.read(Restore, {}, [f"data.folders={json.dumps([str(folder)])}", *SMALL, *changes])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A few seconds of learning to take noise out of the built-in photographs."""
    run = tmp_path_factory.mktemp("runs") / "noise"
    changes = ["spoil.chain=noise 25", "train.steps=500", "train.batch=8", "optimiser.rate=0.01", "data.crops_per_picture=32"]
    catalogue.train(recipe("builtin:photographs", *changes), run)
    return run


def test_it_learns(trained):
    scores = json.loads((trained / "scores.json").read_text())
    assert scores["gains"]["psnr_rgb"]["mean"] > 4  # dB; a median filter gains about 3 on this noise


def test_a_run_folder_holds_all_that_it_promises(trained):
    expected = {"recipe.toml", "plan.txt", "stats.jsonl", "previews", "best.safetensors", "last.safetensors", "scores.json", "run.json"}
    assert expected <= {path.name for path in trained.iterdir()}
    assert json.loads((trained / "run.json").read_text())["status"] == "done"


def test_the_kept_recipe_is_the_one_that_was_run(trained):
    assert recipes.read(Restore, trained / "recipe.toml").spoil.chain == "noise 25"


def test_the_short_form_repairs_an_array_as_the_file(trained, portrait, tmp_path):
    model = sfumato.load(trained / "last.safetensors")
    Image.fromarray(portrait).save(tmp_path / "in.png")
    model.restore_file(tmp_path / "in.png", tmp_path / "out.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), model.restore(portrait))


def test_repairing_alone_or_twice_gives_the_same(trained, portrait):
    model = sfumato.load(trained / "last.safetensors")
    assert np.array_equal(model.restore(portrait), model.restore(portrait))


def test_noise_goes_and_the_picture_stays(trained, portrait, rng):
    noisy = np.clip(portrait + rng.normal(0, 25, portrait.shape), 0, 255).round().astype(np.uint8)
    repaired = sfumato.load(trained / "last.safetensors").restore(noisy)
    assert psnr_rgb(to_unit(repaired), to_unit(portrait)) > psnr_rgb(to_unit(noisy), to_unit(portrait)) + 3


def test_grey_comes_back_grey(trained, portrait):
    grey = np.ascontiguousarray(portrait[..., :1])
    model = sfumato.load(trained / "last.safetensors")
    assert model.restore(grey).shape == grey.shape
    thrice = model.restore(np.repeat(grey, 3, axis=2))  # grey that is stored as colour
    assert np.array_equal(thrice, np.repeat(model.restore(grey), 3, axis=2))


def test_a_network_that_has_seen_grey_alone_colours_the_luma_of_what_has_a_tint(portrait, tmp_path):
    best = catalogue.train(recipe("builtin:photographs", "spoil.chain=grey", "train.steps=2"), tmp_path / "run")
    model = sfumato.load(best)
    assert model.contract.greys
    sepia = (portrait.mean(2, keepdims=True) * [1.0, 0.9, 0.7]).astype(np.uint8)
    luma = cv2.cvtColor(sepia, cv2.COLOR_RGB2GRAY)[..., None]
    assert np.array_equal(model.restore(sepia), model.restore(luma))
    assert np.array_equal(restorer.load(best, strength=0.0).restore(sepia), sepia)
    assert np.array_equal(restorer.load(best, times=2).restore(sepia), model.restore(model.restore(sepia)))


def test_a_network_that_repairs_grey_alone_repairs_the_luma_of_colours_and_leaves_their_tints(portrait, tmp_path):
    spec = recipe("builtin:photographs", "spoil.chain=grey | jpeg 20", "spoil.target=grey", "train.steps=2")
    catalogue.train(spec, tmp_path / "run")
    model = sfumato.load(tmp_path / "run" / "last.safetensors")
    half = (portrait // 2 + 64).astype(np.float32) / 255  # far from black and white, where nothing is cut off
    assert (model.contract.greys, model.contract.colours) == (True, False)
    made, luma = model.restore(half), cv2.cvtColor(half, cv2.COLOR_RGB2GRAY)[..., None]
    assert np.abs(made - (half + model.restore(luma) - luma)).max() < 1e-4 < np.abs(made - half).max()
    assert np.array_equal(model.restore(np.repeat(luma, 3, axis=2)), np.repeat(model.restore(luma), 3, axis=2))


def test_colours_are_learnt_in_lab_too(tmp_path):
    changes = ["spoil.chain=grey", "loss.space=lab", "train.steps=60", "optimiser.rate=0.01", "train.average=off"]
    catalogue.train(recipe("builtin:photographs", *changes), tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    looks = [row["loss"] for row in rows if row["kind"] == "valid"]
    assert looks[-1] < looks[0]


@pytest.mark.parametrize("chain", ["grey | noise 20", "maybe(0.5, grey)", "noise 5"])
def test_a_network_that_sees_colour_is_shown_it(chain):
    assert not restore.build(recipe("builtin:photographs", f"spoil.chain={chain}")).contract.greys


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_values_that_are_no_numbers_are_refused_and_never_white_or_black(trained, portrait, value):
    model = restorer.load(trained / "last.safetensors", device="cpu")
    with torch.no_grad():
        next(p for name, p in model.network.named_parameters() if name.endswith("bias")).fill_(value)
    with pytest.raises(Refusal, match="no numbers"):
        model.restore(portrait)


def test_floats_beyond_black_and_white_are_refused_and_a_little_beyond_is_not(trained, portrait):
    model = restorer.load(trained / "last.safetensors", device="cpu")
    unit = portrait.astype(np.float32) / 255
    assert model.restore(unit * 1.2 - 0.1).dtype == np.float32
    with pytest.raises(Refusal, match="black .* white .* divide by 255"):
        model.restore(portrait.astype(np.float32))
    unit[3, 4] = np.nan
    with pytest.raises(Refusal, match="nan: what is no number cannot be repaired"):
        model.restore(unit)


def test_held_out_pictures_that_cannot_be_scored_are_named_and_left_out(photograph_folder, tmp_path, capsys):
    held = ["right/cut.jpg", "right/small.png", "left/coffee0.jpg"]
    whole = (photograph_folder / held[-1]).read_bytes()
    (photograph_folder / "right" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (9, 40)).save(photograph_folder / "right" / "small.png")
    (tmp_path / "held.txt").write_text("\n".join(held))
    changes = ["data.split=list", f"data.valid_list={json.dumps(str(tmp_path / 'held.txt'))}", "train.steps=2"]
    catalogue.train(recipe(photograph_folder, *changes), tmp_path / "run")
    assert [one["name"] for one in json.loads((tmp_path / "run" / "scores.json").read_text())["pictures"]] == held[-1:]
    said = capsys.readouterr().err
    assert "cut.jpg" in said and "small.png is 9 x 40 px, too small for a score" in said


def test_a_step_that_breaks_its_promise_is_no_bad_picture(tmp_path):
    (tmp_path / "wide.py").write_text(PLACE.replace("np.uint8)[..., None]", "np.float32)[..., None]").replace('"place"', '"wide"'))
    spec = recipe("builtin:photographs", "spoil.chain=wide", f"spoil.steps_file={json.dumps(str(tmp_path / 'wide.py'))}")
    for wanted in (lambda task: task.pairs.pair(0, 0), lambda task: task.held):
        with pytest.raises(Refusal, match="The step 'wide' gave float32"):
            wanted(restore.build(spec))


def test_what_gives_colour_is_scored_on_grey_pictures_as_well(photograph_folder, tmp_path):
    for path in photograph_folder.rglob("*.*"):
        Image.open(path).convert("L").save(path)
    changes = ["data.valid=0.3", "train.steps=2", f'data.folders=["builtin:photographs", {json.dumps(str(photograph_folder))}]']
    catalogue.train(recipe(photograph_folder, "spoil.chain=grey", *changes), tmp_path / "run")
    assert json.loads((tmp_path / "run" / "scores.json").read_text())["pictures"]


def test_a_network_that_learnt_to_colour_gives_colour_to_grey(trained, portrait, tmp_path):
    best = catalogue.train(recipe("builtin:photographs", "spoil.chain=grey", "train.steps=2"), tmp_path / "run")
    assert sfumato.load(best).restore(np.ascontiguousarray(portrait[..., :1])).shape == portrait.shape


@pytest.mark.parametrize(
    ("chain", "target", "gives"),
    [
        ("grey", "", True),
        ("maybe(0.5, grey) | jpeg 30", "", True),
        ("edges", "", True),  # what comes in is black on white
        ("grey", "grey", False),
        ("noise 0..3", "edges", False),
        ("noise 20 grain=grey", "", False),
        ("text colour=grey | jpeg 10", "", False),
        ("fade | cast", "", False),
        ("border 12..32", "", False),
        ("hole 8..64 density=40", "", False),
    ],
)
def test_whether_colour_is_learnt_is_seen_in_the_pairs(chain, target, gives):
    task = restore.build(recipe("builtin:photographs", f"spoil.chain={json.dumps(chain)}", f"spoil.target={json.dumps(target)}"))
    assert task.contract.colours is gives


def test_the_reports_last_pictures_are_what_the_command_line_makes(trained):
    model = restorer.load(trained / "last.safetensors")
    last = max(int(path.stem.partition("-")[0]) for path in (trained / "previews").glob("[0-9]*.png"))
    assert last == 500
    for index in range(2):
        spoilt, shown = (np.asarray(Image.open(trained / "previews" / f"{kind}-{index:02d}.png")) for kind in ("input", f"{last:07d}"))
        assert np.array_equal(model.restore(spoilt), shown)


def test_every_sheet_of_previews_shows_the_same_pictures_and_so_does_one_after_a_stop(tmp_path, monkeypatch):
    """What is spoilt stands in the first column of three, what is good in the last."""
    sheets, run, watching = [], tmp_path / "run", restore.RestoreTask.watching

    class Look(Callback):
        follows = (Previews,)

        def after_batch(self, learner):
            if (learner.phase, learner.step) == ("train", 5):
                learner.stopping = "stopped for a test"

        def after_phase(self, learner):
            if learner.phase == "valid":
                sheets.append(np.array(Image.open(run / "previews" / "sheet.png")))

    monkeypatch.setattr(restore.RestoreTask, "watching", lambda self, run, stats: [*watching(self, run, stats), Look()])
    with pytest.raises(Interrupted, match="for a test"):
        catalogue.train(recipe("builtin:photographs", "spoil.chain=noise 25", "train.steps=10"), run)
    before = len(sheets)
    catalogue.resume(run)
    sheets.append(np.array(Image.open(run / "previews" / "sheet.png")))  # the last, by what everybody repairs with
    assert before > 2 and len(sheets) > before + 2
    column = (sheets[0].shape[1] - GAP) // 3
    first, *later = [np.delete(one, np.s_[column : 2 * column], axis=1) for one in sheets]
    assert all(np.array_equal(one, first) for one in later)


@pytest.mark.parametrize("change", ["spoil.chain=jpg 30", 'data.folders=["nowhere"]', "feature.network=nowhere.safetensors"])
def test_a_recipe_that_is_refused_leaves_no_run_folder(change, tmp_path):
    with pytest.raises(Refusal):
        catalogue.train(recipe("builtin:photographs", change), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_no_steps_give_back_what_was_begun_with(trained, tmp_path):
    begun = f"start_from={json.dumps(str(trained / 'last.safetensors'))}"
    best = catalogue.train(recipe("builtin:photographs", "spoil.chain=noise 25", "train.steps=0", begun), tmp_path / "run")
    kept, start = sfumato.load(best).network.state_dict(), sfumato.load(trained / "last.safetensors").network.state_dict()
    assert all(torch.equal(kept[name], start[name]) for name in kept)


def test_a_file_that_is_found_by_two_ways_is_not_learnt_from_and_held_out(photograph_folder):
    both = json.dumps([str(photograph_folder), str(photograph_folder / "left")])
    for valid in (0.2, 0.4, 0.6):
        with pytest.raises(Refusal, match="two of data.folders hold the same files"):
            restore.build(recipe(photograph_folder, f"data.folders={both}", f"data.valid={valid}")).items  # noqa: B018  # made when asked for
    twice = json.dumps([str(photograph_folder)] * 2)
    assert restore.build(recipe(photograph_folder, f"data.folders={twice}")).items


def test_a_folder_is_repaired_around_a_bad_file(trained, photograph_folder, tmp_path):
    (photograph_folder / "left" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    summary = sfumato.load(trained / "last.safetensors").restore_tree(photograph_folder, tmp_path / "out")
    assert (summary.done, len(summary.failed), summary.exit_code) == (6, 1, 3)


def test_a_second_run_skips_what_is_done(trained, photograph_folder, tmp_path):
    model = sfumato.load(trained / "last.safetensors")
    model.restore_tree(photograph_folder, tmp_path / "out")
    assert model.restore_tree(photograph_folder, tmp_path / "out").skipped == 6


def test_training_may_start_from_a_model_and_keeps_it_when_it_only_hurts(trained, tmp_path):
    changes = [
        "spoil.chain=noise 25",
        "train.steps=2",
        f"start_from={trained / 'last.safetensors'}",
        "optimiser.rate=0.5",
        "train.average=off",
    ]
    best = catalogue.train(recipe("builtin:photographs", *changes), tmp_path / "run")
    kept, start = sfumato.load(best).network.state_dict(), sfumato.load(trained / "last.safetensors").network.state_dict()
    assert all(torch.equal(kept[name], start[name]) for name in kept)


def test_a_chain_that_shrinks_makes_a_network_that_enlarges(photograph_folder, tmp_path, portrait):
    changes = ["spoil.chain=shrink 2", "network.kind=residual", "network.width=8", "network.blocks=1", "train.steps=2", "data.valid=0.3"]
    changes = [*SMALL[3:], *changes]
    spec = recipes.read(Restore, {}, [f"data.folders={json.dumps([str(photograph_folder)])}", *changes])
    best = catalogue.train(spec, tmp_path / "run")
    made, plain = sfumato.load(best).restore(portrait), enlarge(portrait, 2)
    assert made.shape == plain.shape == (256, 256, 3)
    assert np.array_equal(restorer.load(best, strength=0.0).restore(portrait), plain)
    kept = restorer.load(best, keep_colour=True).restore(portrait).astype(float)
    assert np.abs((kept - plain).mean((0, 1))).max() < 0.5  # but for what is cut off at black and white
    assert restorer.load(best, times=2, strength=0.0).restore(portrait[:20, :20]).shape == (80, 80, 3)


def test_a_network_that_is_folded_when_it_is_saved_enlarges_as_it_learnt_to(photograph_folder, tmp_path, portrait):
    """Many branches learn, one convolution is kept of them."""
    changes = ["spoil.chain=shrink 2", "network.kind=span", "network.width=8", "network.blocks=2", "train.steps=2", "train.average=off"]
    spec = recipes.read(Restore, {}, [f"data.folders={json.dumps([str(photograph_folder)])}", *SMALL[3:], *changes])
    task = restore.build(spec)
    catalogue.train(spec, tmp_path / "run")
    model = sfumato.load(tmp_path / "run" / "last.safetensors")
    count = [sum(weight.numel() for weight in network.parameters()) for network in (model.network, task.network)]
    assert model.restore(portrait).shape == (256, 256, 3) and count[0] < count[1]
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert scores["rows"][-1]["psnr_rgb"]["mean"] > 10  # what was scored is the folded one


@pytest.mark.parametrize(("chain", "mirrors"), [("maybe(0.3, hole 4..8)", False), ("noise 5 | border 4..8", False), ("noise 5", True)])
def test_where_something_may_be_missing_at_the_sides_nothing_is_put_around_a_picture(chain, mirrors, photograph_folder):
    assert restore.build(recipe(photograph_folder, f"spoil.chain={chain}")).contract.mirrors is mirrors


def test_grids_of_compression_lie_anywhere_in_a_crop_as_often(portrait, tmp_path):
    """What a crop begins with in its window says where a grid of 8 px lies: all 64 places, as often."""
    (tmp_path / "place.py").write_text(PLACE)
    own = f"spoil.steps_file={json.dumps(str(tmp_path / 'place.py'))}"
    task = restore.build(recipe("builtin:photographs", "spoil.chain=place", own))
    found = np.bincount([int(task.pairs.pair(epoch, index)[0][0, 0, 0]) for epoch in range(40) for index in range(16)], minlength=64)
    expected = found.sum() / 64
    assert len(found) == 64 and np.square(found - expected).sum() / expected < 103.4  # chi square of 63 degrees, one in a thousand


PLACE = '''
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Place:
    """The place of each px in a grid of 8 px: eight times its row, and its column."""

    def __call__(self, picture, rng):
        y, x = np.indices(picture.shape[:2]) % 8
        return np.repeat((8 * y + x).astype(np.uint8)[..., None], picture.shape[2], axis=2)


STEPS = {"place": Place}
'''


def test_what_features_alone_make_is_chosen_by_the_loss_and_not_by_psnr(tmp_path):
    changes = ["loss.weight=0.0", "feature.network=tiny-features", 'feature.taps=["stage1"]', "feature.weights=[1.0]", "train.steps=6"]
    run = tmp_path / "run"
    catalogue.train(recipe("builtin:photographs", "spoil.chain=noise 25", "look.every=2", *changes), run)
    looks = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    looks = [look for look in looks if look["kind"] == "valid"]
    best = min(looks, key=lambda look: look["loss"])
    assert len(looks) > 2 and model_files.read_header(run / "best.safetensors").card["steps"] == best["step"]


def test_a_unet_is_not_asked_to_enlarge(photograph_folder):
    with pytest.raises(Refusal, match=r"network\.kind = 'residual'"):
        restore.build(recipe(photograph_folder, "spoil.chain=shrink 2")).plan()


def test_a_crop_is_spoilt_as_the_whole_picture_is(portrait):
    """With a margin of the chain's reach, what a crop's pixels become does not depend on where the window ends."""
    task = restore.build(recipe("builtin:photographs", "spoil.chain=blur 1.5", "augment.flip=false"))
    spoilt, good = task.pairs.pair(0, 0)
    from sfumato.spoil import grammar

    alone = grammar.parse("blur 1.5")(good, np.random.default_rng(0))
    inner = slice(8, -8)
    assert np.abs(alone[inner, inner].astype(int) - spoilt[inner, inner]).max() <= 1
    assert np.abs(alone[:4].astype(int) - spoilt[:4]).max() > 1  # at the very edge the crop alone would be spoilt otherwise


@pytest.mark.parametrize("chain", ["jpeg 20 | scale 2", "scale 2 | jpeg 10..70 | text", "blur 2 | shrink 3", "shrink 2 | jpeg 30"])
def test_a_crop_is_cut_from_a_window_that_holds_all_it_depends_on_and_hardly_more(chain):
    found = restore.build(recipe("builtin:photographs", f"spoil.chain={chain}")).pairs
    for phase in range(0, found.chain.period, found.chain.enlarges):
        low, high = found.chain.context(found.lead + phase, found.lead + phase + found.crop)
        assert low >= 0 and high <= found.widest
    assert found.widest <= found.crop + 2 * found.chain.reach + found.chain.period + found.chain.enlarges


def test_a_picture_that_was_shrunk_and_compressed_is_enlarged(tmp_path, portrait):
    changes = ["spoil.chain=shrink 2 | jpeg 30", "network.kind=residual", "network.width=8", "network.blocks=1", "train.steps=2"]
    best = catalogue.train(recipes.read(Restore, {}, [*SMALL[3:], "data.crop=32", *changes]), tmp_path / "run")
    assert sfumato.load(best).restore(portrait).shape == (2 * portrait.shape[0], 2 * portrait.shape[1], 3)


def test_pairs_follow_from_epoch_and_index_alone(photograph_folder):
    one, other = (restore.build(recipe(photograph_folder)).pairs for _ in range(2))
    for place in ((0, 3), (2, 5)):
        for a, b in zip(one.pair(*place), other.pair(*place), strict=True):
            assert np.array_equal(a, b)
    assert not np.array_equal(one.pair(0, 3)[0], one.pair(1, 3)[0])


@pytest.mark.parametrize(
    ("asked", "warned"),
    [([], False), (SMALL[:3], False), (["network.kind=residual"], True), (["network.widths=[8,16]", *SMALL[1:3]], True)],
    ids=["nothing", "the same", "another kind", "another width"],
)
def test_who_asks_for_another_network_than_the_one_that_is_begun_with_hears_of_it(trained, asked, warned):
    begun = f"start_from={json.dumps(str(trained / 'last.safetensors'))}"
    plan = restore.build(recipes.read(Restore, {}, [*SMALL[3:], *asked, begun])).plan()
    assert ("what the recipe says of one is not heeded" in plan) is warned


def test_weights_that_were_begun_with_bring_their_terms(trained, tmp_path):
    begun = f"start_from={json.dumps(str(trained / 'last.safetensors'))}"
    best = catalogue.train(recipe("builtin:photographs", "train.steps=1", begun), tmp_path / "run")
    now, before = (sfumato.load(path).header.licence for path in (best, trained / "last.safetensors"))
    assert now == f"{before}; and of last.safetensors, whose weights it began with: {before}"


@pytest.mark.parametrize(
    ("changes", "warned"),
    [
        (["network.norm=batch"], True),
        (["network.norm=batch", "train.accumulate=4"], True),
        (["network.norm=batch", "train.batch=2"], False),
        ([], False),
    ],
)
def test_the_plan_warns_of_batch_norm_that_learns_from_one_picture_at_a_time(changes, warned, photograph_folder):
    plan = restore.build(recipe(photograph_folder, "train.batch=1", *changes)).plan()
    assert ("warning        batch norm takes its statistics from one picture at a time" in plan) is warned


def test_a_diverging_rate_is_said_by_the_run(tmp_path):
    changes = ["spoil.chain=noise 25", "train.steps=200", "optimiser.kind=adamw", "optimiser.rate=50", "optimiser.clip=off"]
    with pytest.raises(Refusal, match="learning rate"):
        catalogue.train(recipe("builtin:photographs", *changes), tmp_path / "run")


def test_two_budgets_at_once_are_refused(photograph_folder):
    with pytest.raises(Refusal, match="both given"):
        _ = restore.build(recipe(photograph_folder, "train.steps=3", "train.minutes=1")).budget


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_a_terminated_run_resumes_bit_for_bit(tmp_path):
    files.write_text(tmp_path / "recipe.toml", recipes.to_toml(recipe("builtin:photographs", "spoil.chain=noise 25", "train.steps=60")))
    typed = [sys.executable, "-m", "sfumato", "-q"]
    train = [*typed, "train", str(tmp_path / "recipe.toml"), "--set", "train.state_steps=10", "--out"]
    subprocess.run([*train, str(tmp_path / "whole")], check=True)
    run = tmp_path / "parts"
    process = subprocess.Popen([*train, str(run)], stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(run.glob("state/*.safetensors")):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    assert json.loads((run / "run.json").read_text())["status"].startswith("stopped")
    subprocess.run([*typed, "resume", str(run)], check=True)
    whole, parts = (sfumato.load(folder / "last.safetensors").network.state_dict() for folder in (tmp_path / "whole", run))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_all_eight_positions_are_averaged_so_that_a_picture_that_is_turned_comes_out_turned(trained, portrait):
    plain, eight = (restorer.load(trained / "last.safetensors", device="cpu", ensemble=wanted) for wanted in (False, True))
    square = np.ascontiguousarray(portrait[:64, :64])
    once = eight.restore(square).astype(int)
    for lie, back in ((np.rot90, lambda made: np.rot90(made, -1)), (np.fliplr, np.fliplr)):
        again = eight.restore(np.ascontiguousarray(lie(square))).astype(int)
        assert np.abs(back(again) - once).max() <= 1  # rounding
    assert (once != plain.restore(square)).any()


def test_what_would_not_fit_in_memory_is_refused_before_any_work(monkeypatch):
    model = restorer.load(None, device="cpu", enlarge=16)
    monkeypatch.setattr("sfumato.core.system.devices.free_bytes", lambda device: 10**6)
    with pytest.raises(Refusal, match=r"The result would be 1600 x 1280 px and take 0.0 GB, but 0.0 GB of memory are free"):
        model.restore(np.zeros((80, 100, 3), np.uint8))


@pytest.mark.parametrize(("mixed", "pictures"), [({}, 2), ({"strength": 0.5}, 3), ({"keep_colour": True}, 3)])
def test_what_goes_in_and_what_it_is_mixed_with_counts_as_much_as_what_comes_out(monkeypatch, mixed, pictures):
    model, picture = restorer.load(None, device="cpu", enlarge=2, **mixed), np.zeros((8, 10, 3), np.uint8)
    enough = pictures * 4 * picture.nbytes
    monkeypatch.setattr("sfumato.core.system.devices.free_bytes", lambda device: enough)
    model._check_room(picture)
    monkeypatch.setattr("sfumato.core.system.devices.free_bytes", lambda device: enough - 1)
    with pytest.raises(Refusal, match="20 x 16 px"):
        model._check_room(picture)


def test_a_design_is_chosen_on_the_training_part_of_a_known_set_alone(tmp_path, monkeypatch):
    for part, count in (("train", 20), ("valid", 5)):
        (tmp_path / "bsds" / part).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (40, 30), (number, number, number)).save(tmp_path / "bsds" / part / f"{part}{number}.jpg")
    monkeypatch.setenv("SFUMATO_DATA", str(tmp_path))
    monkeypatch.delenv("SFUMATO_UNPACKED", raising=False)
    for choose, ours in ((False, "valid"), (True, "train")):
        data = catalogue.read("restore", ['data.folders=["known:bsds"]', f"data.choose={str(choose).lower()}"]).data
        train, held = (([item.name for item in items]) for items in sources.gather(data, Seed(0)))
        assert all(Path(name).name.startswith("train") for name in train) and all(Path(name).name.startswith(ours) for name in held)
        assert (len(train) + len(held), len(train) < 20) == (20 if choose else 25, choose) and not set(train) & set(held)
