"""Tiles of every shipped recipe: no seam on flat, screen-shot and photographic pictures, and nothing changes far away.

    python bench/seams.py [--only denoise text ...]

Every recipe whose network gives something of each pixel of a picture of any size; pictures are so wide that no tile sees the whole, and
one of them is spoilt as the recipe says.  A recipe's model is the one that another benchmark trained (build/), where there is one of its
network; else its network before it learns, with noise on every weight, so that it changes the picture.  Of classes it is looked at how
likely each is, and of depths a curve of them.  A model repairs in small tiles, with the context and the borders that it has in use.
A step is the difference of neighbouring columns or rows, in levels, before anything is rounded.  A seam is a step across a border of
tiles that is larger than the same step of the picture repaired in one piece, for pictures have steps of their own.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import results  # bench is a folder of scripts, not a package
import trainings
from results import Bar
from sfumato.core import builtin, recipe
from sfumato.core.levels import TOP, Levels, Unit, to_unit
from sfumato.core.seed import Seed
from sfumato.data import photographs
from sfumato.nets import catalogue as networks
from sfumato.nets import load
from sfumato.nets.load import Model
from sfumato.nets.reach import reach
from sfumato.spoil import grammar
from sfumato.spoil.chain import Chain
from sfumato.tasks import catalogue, restore
from sfumato.tasks.parts import pairs, settle
from sfumato.tasks.parts.restorer import Restorer
from sfumato.use import tiles
from sfumato.use.tiles import Tiles

BUILD = results.ROOT / "build"
HEIGHT, WIDTH, SIDE = 176, 240, 64  # px; where a network sees far, pictures are wider
NOISE = 0.02  # deviation of what is added to every weight
ROUNDING = 1.0  # levels: tiles are blended in floats, and rounded once
UNSEEN = 0.5  # levels, which no picture of 8 bits shows
ANYWHERE = ['data.folders=["builtin:photographs"]', "start_from=''"]
SETTINGS = dict.fromkeys(("restore-sharp", "tiny-superres-critic"), ANYWHERE[:1])
ELSEWHERE = {"segment": ['data.known="camvid"'], "depth": []}
KINDS = ("restore", "segment", "depth")
AS_LEVELS = {"segment": torch.nn.Softmax(1), "depth": torch.nn.Sigmoid()}


def screen_shot(width: int) -> Levels:
    """Text, lines and areas of one colour."""
    picture = Image.new("RGB", (width, HEIGHT), (236, 238, 240))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(11)
    pen.rectangle((0, 0, width, 22), fill=(40, 90, 160))
    for row in range(7):
        for left in range(8, width, WIDTH):
            pen.text((left, 30 + 20 * row), f"File {row}: a line of text, {row * 37} kB", font=font, fill=(20, 20, 20))
        pen.line((0, 47 + 20 * row, width, 47 + 20 * row), fill=(200, 200, 200))
    return np.asarray(picture)


def photograph(height: int, width: int) -> Levels:
    """One that is free to use, as large as that: where it is not, mirrored."""
    picture = photographs.items()[1].levels(3)[:height, :width]
    return np.pad(picture, ((0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0)), mode="symmetric")


def pictures(margin: int = 0, chain: Chain | None = None) -> dict[str, Levels]:
    """One of each kind, wider than a tile in the middle sees.  chain : by which one more is spoilt."""
    width = max(WIDTH, 2 * margin + 3 * SIDE)
    found = {
        "flat": np.full((HEIGHT, width, 3), (120, 60, 200), np.uint8),
        "screen shot": screen_shot(width),
        "photograph": photograph(HEIGHT, width),
    }
    if chain is not None:
        found["spoilt"] = chain(photograph(HEIGHT * chain.enlarges, width * chain.enlarges), Seed(0).at("seams"))
    return found


def trained(name: str) -> Path | None:
    """The newest model of a recipe that a benchmark has trained to the end; of those with another network it says nothing."""
    wanted = json.loads(json.dumps(recipe.as_dict(catalogue.read(name, []))["network"]))

    def is_of(kept: dict[str, Any]) -> bool:
        return (kept.get("name"), kept.get("network")) == (name, wanted)

    found = [path for path in BUILD.glob("*/*/last.safetensors") if trainings.is_done(path.parent)]
    found = [path for path in found if is_of(load.read_header(path).recipe)]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def model(name: str) -> tuple[Restorer, str]:
    """A recipe's model, and where it comes from."""
    path, kind = trained(name), catalogue.read(name, []).task
    if path is not None:
        return _shown(_settled(load.read(path), name), kind), f"trained ({path.parent.name})"
    task = catalogue.build(catalogue.read(name, SETTINGS.get(name, ELSEWHERE.get(kind, ANYWHERE))))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        network = task.network.eval()
        for weight in network.parameters():
            weight.add_(NOISE * torch.randn_like(weight))
    state, spec = networks.working(network, task.network_spec)
    used = networks.build(networks.bare(spec))
    used.load_state_dict(state)
    header = task.header({}, data={}, card={}, spec=spec)
    fresh = Model(dataclasses.replace(header, contract=task.contract), used.eval())
    return _shown(_settled(fresh, name), kind), "noise on every weight"


def _settled(found: Model, name: str) -> Model:
    """The model; how far one that repairs looks is measured as at the end of a training."""
    chain = chain_of(name)
    if chain is None:
        return found
    side = settle.SIDE * chain.enlarges
    inputs = [spoilt for _, spoilt, _ in pairs.examples(photographs.items()[: settle.PHOTOGRAPHS], chain, None, seed=Seed(1), side=side)]
    return settle.measured(found, inputs, torch.device("cpu"))


def chain_of(name: str) -> Chain | None:
    """How a recipe spoils pictures, where it does."""
    read = catalogue.read(name, [])
    return grammar.parse(read.spoil.chain) if read.task == "restore" else None


def _shown(found: Model, kind: str) -> Restorer:
    """As something that gives levels, whatever it gives."""
    network = found.network.eval()
    shown = torch.nn.Sequential(network, AS_LEVELS[kind]) if kind in AS_LEVELS else network
    return Restorer(found.header, shown, torch.device("cpu"))


def repaired(one: Restorer, given: Unit, how: Tiles) -> NDArray[np.float64]:
    """In levels, not rounded.  float32 (H, W, C) -> (H', W', C')"""
    return TOP * tiles.restore(given, one._patchwise, how, enlarges=one.contract.enlarges).astype(np.float64)


def larger(made: NDArray[np.float64], wanted: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """By how much steps between each row or column and the one before are larger, at most.  (H, W, C) twice -> (H - 1,) or (W - 1,)"""
    ours, theirs = (np.abs(np.diff(np.moveaxis(picture, axis, 0), axis=0)) for picture in (made, wanted))
    return np.asarray((ours - theirs).max((1, 2)))


def looked_at(one: Restorer, picture: Levels) -> dict[str, float]:
    """In levels: by how much steps across borders are larger than those of the whole, and steps elsewhere; distance to the whole; and what
    changes far from a change."""
    factor, margin, stride = one.contract.enlarges, one.contract.margin(exact=False), one.contract.stride
    mirrors = one.contract.mirrors
    side = max(stride, SIDE // stride * stride)
    cut = Tiles(side=side, margin=margin, stride=stride, mirrors=mirrors)
    whole = Tiles(side=-(-max(picture.shape) // stride) * stride, margin=margin, stride=stride, mirrors=mirrors)
    given = to_unit(picture)
    made, wanted = (repaired(one, given, how) for how in (cut, whole))
    seams, elsewhere = 0.0, 0.0
    for axis in (0, 1):
        found, borders = larger(made, wanted, axis), set[int]()
        reached = tiles.Span(0, -(-picture.shape[axis] // stride) * stride)
        for before, span in pairwise(tiles.spans(reached, side, cut.overlap, stride)):  # where a tile fades in
            borders |= set(range(span.start * factor - 1, before.stop * factor))
        elsewhere = max([elsewhere, *(step for place, step in enumerate(found) if place not in borders)])
        seams = max([seams, *(step for place, step in enumerate(found) if place in borders)])
    exact = one.contract.reach
    far = float("nan")  # where everything is near
    if picture.shape[1] - 8 > exact + 16:
        changed = picture.copy()
        changed[:, -8:] = TOP - changed[:, -8:]
        full = dataclasses.replace(whole, margin=-(-exact // stride) * stride)
        before, after = (tiles.restore(each, one._patchwise, full, enlarges=factor).astype(int) for each in (picture, changed))
        far = float(np.abs(before - after)[:, : (picture.shape[1] - 8 - exact) * factor].max(initial=0))
    free = float(((wanted > 0) & (wanted < TOP)).mean())
    return {"seams": seams, "elsewhere": elsewhere, "apart": float(np.abs(made - wanted).max()), "far": far, "free": free}


def identity() -> bool:
    """Whether a network that returns its input does so in tiles, to the last bit."""
    task = restore.build(catalogue.read("restore", ['data.folders=["builtin:photographs"]']))
    one = Restorer(task.header({}, data={}, card={}), task.network.eval(), torch.device("cpu"))
    cut = Tiles(side=SIDE, margin=reach(task.network), stride=one.contract.stride)
    return all(np.array_equal(tiles.restore(picture, one._patchwise, cut), picture) for picture in pictures().values())


def main() -> None:
    """Print and write bench/results/seams.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [name for name in builtin.recipes() if catalogue.read(name, []).task in KINDS]
    options.add_argument("--only", nargs="+", choices=names, default=names)
    given = options.parse_args()
    rows, near, worst = [], [], {"seams": 0.0, "elsewhere": 0.0, "apart": 0.0, "far": 0.0}
    for name in given.only:
        one, where = model(name)
        if not one.contract.tiles:
            rows.append([name, where, "seen whole", *[""] * 5])
            continue
        shown = pictures(one.contract.margin(exact=False), chain_of(name))
        found = {kind: looked_at(one, picture) for kind, picture in shown.items()}
        most = {what: max(each[what] for each in found.values()) for what in worst}
        worst = {what: float(np.nanmax([worst[what], most[what]])) for what in worst}
        near += [name] if np.isnan(most["far"]) else []
        context = f"{one.contract.margin(exact=False)} of {one.contract.reach} px"
        free = min(each["free"] for each in found.values())
        told = ("all is near" if np.isnan(most[what]) else f"{most[what]:.3g}" for what in worst)
        rows.append([name, where, context, *told, f"{free:.0%}"])
        print(" | ".join(rows[-1]), flush=True)
    count = f"{len(given.only)} recipes, three pictures each, and one that is spoilt where they spoil"
    same = identity()
    bars = [
        Bar(
            what=f"by how much a step across borders of tiles is larger than that of the picture in one piece, in levels ({count})",
            needed=f"at most {UNSEEN:g}, which no picture of 8 bits shows",
            measured=round(worst["seams"], 3),
            spread=f"elsewhere {worst['elsewhere']:.3g}",
            holds=worst["seams"] <= UNSEEN,
        ),
        Bar(
            what="distance of tiles to the picture in one piece, in levels",
            needed=f"at most {ROUNDING:g}",
            measured=round(worst["apart"], 3),
            spread="",
            holds=worst["apart"] <= ROUNDING,
        ),
        Bar(
            what="change farther away from a change than the network looks, in levels",
            needed="0",
            measured=worst["far"],
            spread=f"not measured of {len(near)}, which look across the whole picture: {', '.join(near)}" if near else "",
            holds=worst["far"] == 0,
        ),
        Bar(
            what="a network that returns its input, in tiles",
            needed="every bit",
            measured="every bit" if same else "unlike",
            spread="",
            holds=same,
        ),
    ]
    titles = ["recipe", "model", "context, of what is looked at", "steps at borders", "elsewhere", "to the whole", "far away"]
    titles.append("values between black and white, at least")
    says = f"Tiles of {SIDE} px; all differences in levels of 255."
    results.write("seams", bars, table={"titles": titles, "rows": rows, "says": says})


if __name__ == "__main__":
    main()
