"""Tiles of every shipped recipe: no seam on flat, screen-shot and photographic pictures, and nothing changes far away.

    python bench/seams.py [--only denoise text ...]

Every recipe whose network gives something of each pixel of a picture of any size; pictures are so wide that no tile sees the whole.  A
recipe's model is the one that another benchmark trained (build/), where there is one; else its network before it learns, with noise on
every weight, so that it changes the picture.  Of classes it is looked at how likely each is, and of depths a curve of them.  A model
repairs in small tiles, with the context its contract says.  A step is the difference of neighbouring columns or rows, in levels; those
across a border of tiles are held against all others of the same picture, and the whole against the picture repaired in one piece.
"""

from __future__ import annotations

import argparse
import dataclasses
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
from sfumato.core import builtin
from sfumato.core.levels import Levels
from sfumato.data import photographs
from sfumato.nets import catalogue as networks
from sfumato.nets import load
from sfumato.nets.load import Header, Model
from sfumato.nets.reach import reach
from sfumato.tasks import catalogue, depth, restore, segment
from sfumato.tasks.parts import settle
from sfumato.tasks.parts.restorer import Restorer
from sfumato.use import tiles
from sfumato.use.tiles import Tiles

BUILD = results.ROOT / "build"
HEIGHT, WIDTH, SIDE = 176, 240, 64  # px; where a network sees far, pictures are wider
NOISE = 0.02  # deviation of what is added to every weight
ROUNDING = 1.0  # levels: tiles are blended in floats, and rounded once
ANYWHERE = ['data.folders=["builtin:photographs"]', "start_from=''"]
SETTINGS = dict.fromkeys(("restore-sharp", "tiny-superres-critic"), ANYWHERE[:1])
ELSEWHERE = {"segment": ['data.known="camvid"'], "depth": []}
KINDS: dict[str, Any] = {"restore": restore, "segment": segment, "depth": depth}
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


def pictures(margin: int = 0) -> dict[str, Levels]:
    """One of each kind, wider than a tile in the middle sees."""
    width = max(WIDTH, 2 * margin + 3 * SIDE)
    photograph = photographs.items()[1].levels(3)[:HEIGHT, :width]
    photograph = np.pad(photograph, ((0, 0), (0, width - photograph.shape[1]), (0, 0)), mode="symmetric")
    return {
        "flat": np.full((HEIGHT, width, 3), (120, 60, 200), np.uint8),
        "screen shot": screen_shot(width),
        "photograph": photograph,
    }


def trained(name: str) -> Path | None:
    """The newest model of a recipe that a benchmark has trained to the end."""
    found = [path for path in BUILD.glob("*/*/last.safetensors") if trainings.is_done(path.parent)]
    found = [path for path in found if load.read_header(path).recipe.get("name") == name]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def model(name: str) -> tuple[Restorer, str]:
    """A recipe's model, and where it comes from."""
    path, kind = trained(name), catalogue.read(name, []).task
    if path is not None:
        found = KINDS[kind].load(path, device="cpu")
        return _shown(found.header, found.network, kind), f"trained ({path.parent.name})"
    task = KINDS[kind].build(catalogue.read(name, SETTINGS.get(name, ELSEWHERE.get(kind, ANYWHERE))))
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
    whole = settle.measured(fresh, photographs.items(), torch.device("cpu")) if kind == "restore" else fresh
    return _shown(whole.header, whole.network.eval(), kind), "noise on every weight"


def _shown(header: Header, network: torch.nn.Module, kind: str) -> Restorer:
    """As something that gives levels, whatever it gives."""
    shown = torch.nn.Sequential(network, AS_LEVELS[kind]) if kind in AS_LEVELS else network
    return Restorer(header, shown, torch.device("cpu"))


def steps(made: NDArray[Any], axis: int) -> NDArray[np.float64]:
    """The largest step between each row or column and the one before.  (H, W, C) -> (H - 1,) or (W - 1,)"""
    apart = np.abs(np.diff(np.moveaxis(made.astype(np.float64), axis, 0), axis=0))
    return np.asarray(apart.max((1, 2)))


def looked_at(one: Restorer, picture: Levels) -> dict[str, float]:
    """In levels: steps across borders beyond the largest elsewhere, distance to the whole, and what changes far from a change."""
    factor, margin, stride = one.contract.enlarges, one.contract.margin(exact=False), one.contract.stride
    side = max(stride, SIDE // stride * stride)
    cut = Tiles(side=side, margin=margin, stride=stride)
    whole = Tiles(side=max(picture.shape), margin=margin, stride=stride)
    made, wanted = (tiles.restore(picture, one._patchwise, how, enlarges=factor).astype(np.float64) for how in (cut, whole))
    beyond = 0.0
    for axis in (0, 1):
        found, borders = steps(made, axis), set[int]()
        reached = tiles.Span(0, -(-picture.shape[axis] // stride) * stride)
        for before, span in pairwise(tiles.spans(reached, side, cut.overlap, stride)):  # where a tile fades in
            borders |= set(range(span.start * factor - 1, before.stop * factor))
        inside = [step for place, step in enumerate(found) if place not in borders]
        beyond = max(beyond, float(found[[place for place in borders if 0 <= place < len(found)]].max(initial=0) - max(inside)))
    exact = one.contract.reach
    far = float("nan")  # where everything is near
    if picture.shape[1] - 8 > exact + 16:
        changed = picture.copy()
        changed[:, -8:] = 255 - changed[:, -8:]
        full = dataclasses.replace(whole, margin=-(-exact // stride) * stride)
        one_, other = (tiles.restore(each, one._patchwise, full, enlarges=factor) for each in (picture, changed))
        far = float(np.abs(one_.astype(int) - other)[:, : (picture.shape[1] - 8 - exact) * factor].max(initial=0))
    free = float(((wanted > 0) & (wanted < 255)).mean())
    return {"beyond": beyond, "apart": float(np.abs(made - wanted).max()), "far": far, "free": free}


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
    rows, near, worst = [], [], {"beyond": 0.0, "apart": 0.0, "far": 0.0}
    for name in given.only:
        one, where = model(name)
        if not one.contract.tiles:
            rows.append([name, where, "seen whole", "", "", "", ""])
            continue
        found = {kind: looked_at(one, picture) for kind, picture in pictures(one.contract.margin(exact=False)).items()}
        most = {what: max(each[what] for each in found.values()) for what in worst}
        worst = {what: float(np.nanmax([worst[what], most[what]])) for what in worst}
        near += [name] if np.isnan(most["far"]) else []
        context = f"{one.contract.margin(exact=False)} of {one.contract.reach} px"
        free = min(each["free"] for each in found.values())
        told = ("all is near" if np.isnan(most[what]) else f"{most[what]:g}" for what in worst)
        rows.append([name, where, context, *told, f"{free:.0%}"])
        print(" | ".join(rows[-1]), flush=True)
    count = f"{len(given.only)} recipes, three pictures each"
    same = identity()
    bars = [
        Bar(
            what=f"largest step across borders of tiles less the largest elsewhere in the picture, in levels ({count})",
            needed="at most 0",
            measured=worst["beyond"],
            spread="",
            holds=worst["beyond"] <= 0,
        ),
        Bar(
            what="distance of tiles to the picture in one piece, in levels",
            needed=f"at most {ROUNDING:g}",
            measured=worst["apart"],
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
    titles = ["recipe", "model", "context, of what is looked at", "step at borders beyond others", "to the whole", "far away"]
    titles.append("values between black and white, at least")
    says = f"Tiles of {SIDE} px; all differences in levels of 255."
    results.write("seams", bars, table={"titles": titles, "rows": rows, "says": says})


if __name__ == "__main__":
    main()
