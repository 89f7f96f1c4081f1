"""Every preset against what a person would do without a network: ten or three minutes of training, bsds/valid, its own metric and time.

    python bench/presets.py [--only denoise holes ...] [--minutes 0.2]

Trained on bsds/train; scored on whole pictures of bsds/valid, spoilt once, by the last averaged weights; those that the chain left as
they are do not count.  Where something is missing, only what was missing is scored.  Differences are paired picture by picture, with a
bootstrap over pictures; less is nearer for distances.
Beside the baselines that a preset must beat, other filters are shown; how strong a filter is was chosen on pictures of bsds/train that
were spoilt alike.  Times are of one 481 x 321 picture on this machine.  The pictures of the pages are free ones, the built-in photographs
that are held out.  What is measured is written at once, beside what was measured before of other presets, each with its date and commit;
with --minutes nothing is written.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property, partial
from typing import Any

import cv2
import numpy as np
from PIL import Image
from skimage import feature, restoration

import results  # bench is a folder of scripts, not a package
import trainings
from results import Bar
from sfumato.core import builtin
from sfumato.core.levels import TOP, Levels, to_levels, to_unit
from sfumato.core.seed import Seed
from sfumato.data import photographs
from sfumato.data.items import Item, Items
from sfumato.metrics import pictures as metrics
from sfumato.metrics import score
from sfumato.show.sheets import sheet
from sfumato.spoil import grammar
from sfumato.spoil.chain import Chain
from sfumato.spoil.resample import resize
from sfumato.tasks import catalogue as recipes
from sfumato.tasks.parts import pairs, restorer, scoring, sources
from sfumato.tasks.parts.pairs import HeldOut

RUNS = results.ROOT / "build" / "presets"
PAGES = results.ROOT / "docs" / "presets"
SIDE = 240  # px of each picture on a preset's page
TUNED_ON = 10  # pictures of bsds/train, by which a filter's strength is chosen
Repair = Callable[[Levels, Levels], Levels]  # the spoilt picture, and which px are missing (H, W) bool, where some are
Triple = tuple[Levels, Levels, Levels]  # the spoilt picture, the good one, and which px are missing


def bicubic(spoilt: Levels, gone: Levels) -> Levels:
    """Twice as large."""
    return resize(spoilt, 2 * spoilt.shape[0], 2 * spoilt.shape[1], "bicubic")


def bicubic_2(spoilt: Levels, gone: Levels) -> Levels:
    """Twice as large as MATLAB does it, which is what shrank."""
    return resize(spoilt, 2 * spoilt.shape[0], 2 * spoilt.shape[1], "matlab-bicubic")


def bicubic_4(spoilt: Levels, gone: Levels) -> Levels:
    """Four times."""
    return resize(spoilt, 4 * spoilt.shape[0], 4 * spoilt.shape[1], "matlab-bicubic")


def lines(spoilt: Levels, gone: Levels) -> Levels:
    """What drew the target, on what came: who knows the step needs no network."""
    return grammar.parse(recipes.read("drawing", []).spoil.target)(spoilt, np.random.default_rng(0))


class Graded:
    """A filter that can be more or less strong."""

    def __init__(self, act: Callable[..., Levels], *strengths: tuple[float, ...]):
        self.act, self.strengths, self.__name__ = act, strengths, act.__name__

    def fitted(self, known: Sequence[Triple]) -> tuple[Repair, tuple[float, ...]]:
        """The strength that repairs these pictures best by PSNR, and the filter with it."""
        psnr = metrics.metric("psnr_rgb")

        def gained(strength: tuple[float, ...]) -> float:
            return statistics.mean(psnr(to_unit(self.act(spoilt, *strength)), to_unit(good)) for spoilt, good, _ in known)

        best = max(self.strengths, key=gained)
        return lambda spoilt, gone: self.act(spoilt, *best), best


NOISES = ((0.5, 0), (1, 0), (1.5, 0), (2, 0), (0, 2), (0, 5), (0, 10), (0, 20), (0, 40))  # times the noise, and levels more


def noise(spoilt: Levels, times: float, more: float) -> float:
    """Levels to smooth by: so many times the deviation that scikit-image estimates, or the same in every picture."""
    estimated = float(restoration.estimate_sigma(spoilt, channel_axis=2, average_sigmas=True)) if times else 0.0
    return max(times * estimated + more, 0.1)


def median(spoilt: Levels, side: float) -> Levels:
    """Of side x side px."""
    return np.asarray(cv2.medianBlur(spoilt, int(side)))


def non_local(spoilt: Levels, times: float, more: float) -> Levels:
    """Non-local means as OpenCV has it for colour."""
    strength = noise(spoilt, times, more)
    return np.asarray(cv2.fastNlMeansDenoisingColored(spoilt, None, strength, strength, 7, 21))


def as_it_is(spoilt: Levels, gone: Levels) -> Levels:
    """Nothing is done: many a filter is worse than that."""
    return spoilt


def unsharp(spoilt: Levels, amount: float, radius: float) -> Levels:
    """What a blur of so many px takes away, added again so many times."""
    unit = to_unit(spoilt)
    return to_levels(unit + amount * (unit - cv2.GaussianBlur(unit, (0, 0), radius)))


def white(spoilt: Levels, gone: Levels) -> Levels:
    """A sheet without a line."""
    return np.full_like(spoilt, TOP)


def mean_colour(spoilt: Levels, gone: Levels) -> Levels:
    """What is missing, in the mean colour of the rest."""
    filled = spoilt.copy()
    filled[gone] = spoilt[~gone].mean(0).round().astype(np.uint8)
    return filled


def biharmonic(spoilt: Levels, gone: Levels) -> Levels:
    """scikit-image's, as smooth as it can be."""
    return to_levels(np.asarray(restoration.inpaint_biharmonic(spoilt, gone, channel_axis=2, split_into_regions=True), np.float32))


def bilateral(spoilt: Levels, times: float, more: float) -> Levels:
    """OpenCV's, over 9 px."""
    return np.asarray(cv2.bilateralFilter(spoilt, 9, noise(spoilt, times, more), 3))


def total_variation(spoilt: Levels, times: float, more: float) -> Levels:
    """scikit-image's."""
    weight = noise(spoilt, times, more) / TOP
    return to_levels(np.asarray(restoration.denoise_tv_chambolle(to_unit(spoilt), weight, channel_axis=2), np.float32))


def telea(spoilt: Levels, gone: Levels) -> Levels:
    """OpenCV's inpainting from the border inwards."""
    return np.asarray(cv2.inpaint(spoilt, gone.astype(np.uint8), 3, cv2.INPAINT_TELEA))


def on_white(lines: Levels) -> Levels:
    """Black where something is, white elsewhere."""
    return np.repeat(np.where(lines, 0, TOP).astype(np.uint8)[..., None], 3, axis=2)


def canny(spoilt: Levels, gone: Levels) -> Levels:
    """Black lines on white."""
    return on_white(feature.canny(cv2.cvtColor(spoilt, cv2.COLOR_RGB2GRAY) / TOP, sigma=1.0))


def difference_of_gaussians(spoilt: Levels, gone: Levels) -> Levels:
    """Black where the picture is darker than around, by a hundredth and more."""
    light = cv2.cvtColor(spoilt, cv2.COLOR_RGB2GRAY).astype(np.float32) / TOP
    return on_white(cv2.GaussianBlur(light, (0, 0), 1.0) - cv2.GaussianBlur(light, (0, 0), 1.6) < -0.01)


@cache
def colour_of_all() -> Levels:
    """The mean of all training pictures' pixels.  uint8 (3,)"""
    items = training_pictures()
    return np.mean([items[index].levels(3).mean((0, 1)) for index in range(len(items))], 0).round().astype(np.uint8)


def mean_picture(spoilt: Levels, gone: Levels) -> Levels:
    """The mean colour of all training pictures everywhere: what is best where nothing is seen."""
    return np.broadcast_to(colour_of_all(), spoilt.shape)


def training_pictures() -> Items:
    """Those of bsds/train."""
    return sources.gather(recipes.read("restore", ['data.folders=["known:bsds"]']).data, Seed(0))[0]


class PatchFill:
    """Every 8 x 8 px are those of the training picture whose spoilt patch of 16 x 16 px around is the nearest (of a sample of 40,000)."""

    __name__ = "patch_fill"
    inner, outer, most = 8, 16, 40_000

    def __init__(self, spoil: str):
        self.spoil = spoil

    @cached_property
    def known(self) -> tuple[Any, Levels]:
        """Spoilt patches (N, 16 * 16 * 3) and the inner parts of the good ones (N, 8, 8, 3)."""
        items = training_pictures()
        held = HeldOut.of(pairs.examples(items, grammar.parse(self.spoil), None, seed=Seed(1)))
        margin, rng = (self.outer - self.inner) // 2, np.random.default_rng(0)
        keys, values = [], []
        for spoilt, good in zip(held.inputs, held.targets, strict=True):
            for top, left in rng.integers(0, np.array(good.shape[:2]) - self.outer, (self.most // len(items), 2)):
                keys.append(spoilt[top : top + self.outer, left : left + self.outer].ravel())
                inner = (slice(top + margin, top + margin + self.inner), slice(left + margin, left + margin + self.inner))
                values.append(good[inner])
        return np.asarray(keys, np.float32), np.stack(values)

    def __call__(self, spoilt: Levels, gone: Levels) -> Levels:
        """uint8 (H, W, 3) -> the same"""
        keys, values = self.known
        margin, (height, width) = (self.outer - self.inner) // 2, spoilt.shape[:2]
        rows, columns = (-(-side // self.inner) for side in (height, width))
        more = ((margin, margin + rows * self.inner - height), (margin, margin + columns * self.inner - width), (0, 0))
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(spoilt, more, mode="reflect"), (self.outer, self.outer), axis=(0, 1))
        asked = windows[:: self.inner, :: self.inner].transpose(0, 1, 3, 4, 2).reshape(rows * columns, -1).astype(np.float32)
        apart = np.square(keys).sum(1)[None] - 2 * asked @ keys.T
        filled = values[apart.argmin(1)].reshape(rows, columns, self.inner, self.inner, 3).swapaxes(1, 2)
        return filled.reshape(rows * self.inner, columns * self.inner, 3)[:height, :width]


@dataclass(frozen=True)
class Preset:
    """A recipe, what it must beat, how long it learns, how it is scored, and what stands beside for whoever must choose.

    eyes : the classifier by which `feature` is taken: another one than it has learnt by.
    scored : the damage that it is scored on, where that is only a part of what it has learnt to undo.
    count : pictures of bsds/valid that it is scored on, of a hundred; biharmonic inpainting takes seconds each.
    """

    recipe: str
    baselines: tuple[Repair | Graded, ...]
    minutes: float = 3.0
    metric: str = "psnr_rgb"
    eyes: str = "tiny-features"
    inside: bool = False  # only what the chain changed is scored
    scored: str = ""
    count: int = 100
    others: tuple[Repair | Graded, ...] = ()


MEDIAN, NON_LOCAL = Graded(median, (3,), (5,)), Graded(non_local, *NOISES)
SMOOTH = (MEDIAN, Graded(bilateral, *NOISES), Graded(total_variation, *NOISES))
SHARP = (Graded(unsharp, (0.5, 1), (1, 1), (2, 1), (0.5, 2), (1, 2), (2, 2)), as_it_is)
MARKS = (MEDIAN, as_it_is)

PRESETS = {
    "enlarge": Preset("enlarge", (bicubic,)),
    "superres-x2": Preset("superres-x2", (bicubic_2,), metric="psnr_y_crop2"),
    "superres-x4": Preset("superres-x4", (bicubic_4,), metric="psnr_y_crop4"),
    "johnson-x4": Preset("johnson-x4", (bicubic_4,), metric="feature", eyes=str(results.weights("squeezenet1_1"))),
    "jpeg": Preset("jpeg", (NON_LOCAL, as_it_is), 10, others=SMOOTH),
    "jpeg-grey": Preset("jpeg-grey", (NON_LOCAL, as_it_is), others=SMOOTH),
    "denoise": Preset("denoise", (NON_LOCAL, as_it_is), 10, others=SMOOTH),
    "old-photographs": Preset("old-photographs", MARKS, 10, others=(NON_LOCAL,)),
    "text": Preset("text", MARKS),
    "watermark": Preset("watermark", MARKS),
    "scratches": Preset("scratches", MARKS),
    "sharpen": Preset("sharpen", SHARP),
    "deblur": Preset("deblur", SHARP),
    "general": Preset("general", (NON_LOCAL, as_it_is), others=SMOOTH),
    "all-in-one": Preset("all-in-one", (NON_LOCAL, as_it_is), others=SMOOTH),
    "colourise": Preset("colourise", (as_it_is,), metric="ciede2000"),
    "holes": Preset("holes", (biharmonic,), 10, inside=True, scored="hole 8..24", count=40, others=(telea, mean_colour)),
    "large-holes": Preset("holes", (mean_colour,), 10, inside=True, scored="hole 40..64 density=20", others=(telea,)),
    "border": Preset("border", (mean_colour, telea), inside=True, scored="border 12..32"),
    "drawing": Preset("drawing", (canny, difference_of_gaussians, white), others=(lines,)),
    "edges-to-picture": Preset("edges-to-picture", (mean_picture, PatchFill("edges")), metric="feature"),
    "drawing-to-painting": Preset("drawing-to-painting", (mean_picture, PatchFill("posterise | edges")), metric="feature"),
}


def triples(items: Items, chain: Chain, target: Chain | None, *, inside: bool, side: int = pairs.WHOLE) -> list[Triple]:
    """Pictures (or their middles of `side` px), spoilt once; a chain of maybes may leave one as it is, and nothing is to be told of that.

    What is missing is told where that is asked: of a black picture that is spoilt alike, all that is not black.
    """
    held = HeldOut.of(pairs.examples(items, chain, target, seed=Seed(0), side=side))
    gone = _missing(items, chain, side) if inside else [np.zeros(good.shape[:2], bool) for good in held.targets]
    found = list(zip(held.inputs, held.targets, gone, strict=True))
    if inside:
        assert not any((one != good).any(2)[~where].any() for one, good, where in found), "something was changed that is not missing"
    return [(one, good, where) for one, good, where in found if one.shape != good.shape or (one != good).any()]


def _missing(items: Items, chain: Chain, side: int) -> list[Levels]:
    """Which px of each picture are: bool (H, W)."""
    black = Items(tuple(Item(item.name, make=partial(np.zeros, (*item.size(), 3), np.uint8)) for item in items))
    return [mark.any(2) for mark in HeldOut.of(pairs.examples(black, chain, None, seed=Seed(0), side=side)).inputs]


def judged(preset: Preset, seen: dict[str, scoring.Seen]) -> Callable[[Levels, Levels, Levels], float]:
    """Of a repaired picture, the good one, and what was missing."""
    if preset.inside:
        return lambda made, good, gone: metrics.psnr_inside(to_unit(made), to_unit(good), gone)
    measure = seen[preset.metric].metric if preset.metric in seen else metrics.metric(preset.metric)
    return lambda made, good, gone: measure(to_unit(made), to_unit(good))


@cache
def seen_by(eyes: str) -> dict[str, scoring.Seen]:
    """What a classifier's eyes make of pictures, by metric."""
    return scoring.through(eyes)


def compare(name: str, preset: Preset, minutes: float, *, draws: bool) -> dict[str, Any]:
    """Train, repair, and set beside the others: a bar for each baseline, a row for each way, and how a person does the same."""
    seen = seen_by(preset.eyes) if preset.metric == "feature" else {}
    changes = ('data.folders=["known:bsds"]', f"train.minutes={minutes}", "train.epochs=off", "train.seed=1")
    run = trainings.finished(RUNS / f"{preset.recipe}-{minutes:g}m", preset.recipe, *changes)
    model = restorer.load(run / "last.safetensors", device="cpu")
    recipe = recipes.read(preset.recipe, [])
    chain = grammar.parse(preset.scored or recipe.spoil.chain)
    target = grammar.parse(recipe.spoil.target) if recipe.spoil.target else None
    items = sources.held_out("known:bsds")[: preset.count]
    graded = [way for way in (*preset.baselines, *preset.others) if isinstance(way, Graded)]
    known = triples(training_pictures()[:TUNED_ON], chain, target, inside=False) if graded else []
    fitted = {way.__name__: way.fitted(known) for way in graded}
    ways: dict[str, Repair] = {"ours": lambda picture, _: np.asarray(model.restore(picture))}
    ways |= {way.__name__: way for way in (*preset.baselines, *preset.others) if not isinstance(way, Graded)}
    ways |= {way: act for way, (act, _) in fitted.items()}
    measure = judged(preset, seen)
    values, spent = ({way: [] for way in ways} for _ in range(2))
    for came, good, gone in triples(items, chain, target, inside=preset.inside):
        for way, act in ways.items():
            begun = time.perf_counter()
            made = act(came, gone)
            spent[way].append(time.perf_counter() - begun)
            values[way].append(measure(made, good, gone))
    if draws:
        free = triples(photographs.held_out(), chain, target, inside=False, side=SIDE)
        draw(name, [(came, np.asarray(model.restore(came)), good) for came, good, _ in free])
    bars = [_ahead(name, preset, minutes, values["ours"], values[way.__name__], way.__name__, seen) for way in preset.baselines]
    scored, rows = preset.metric + " inside" * preset.inside, []
    for way in ways:
        mean, milliseconds = statistics.mean(values[way]), 1000 * statistics.median(spent[way])
        strength = ", ".join(f"{value:g}" for value in fitted[way][1]) if way in fitted else ""
        told = f"{way} ({strength})" if strength else way
        rows.append([name if way == "ours" else "", told, scored, f"{mean:.3f}", f"{milliseconds:.0f}"])
    return {
        "recipe": preset.recipe,
        "toml": builtin.recipes()[preset.recipe].path.read_text(encoding="utf-8"),
        "command": f"sfumato train {preset.recipe} photos/ --minutes {minutes:g}",
        "measured": f"python bench/presets.py --only {name}",
        **results.when_and_where(),
        "bars": [asdict(bar) for bar in bars],
        "rows": rows,
    }


def draw(name: str, shown: Sequence[tuple[Levels, Levels, Levels]]) -> None:
    """Some pictures as they came, repaired, and as they were: docs/presets/NAME.jpg."""
    rows: list[list[Levels | None]] = []
    for spoilt, made, good in shown:
        factor = good.shape[0] // spoilt.shape[0]
        rows.append([spoilt.repeat(factor, 0).repeat(factor, 1), made, good])
    picture = Image.fromarray(sheet(rows, columns=("as it came", "repaired", "as it was"), scale=1))
    PAGES.mkdir(parents=True, exist_ok=True)
    picture.save(PAGES / f"{name}.jpg", quality=80)


def _ahead(
    name: str, preset: Preset, minutes: float, ours: list[float], other: list[float], way: str, seen: dict[str, scoring.Seen]
) -> Bar:
    protocol = seen[preset.metric].protocol if preset.metric in seen else metrics.protocol(preset.metric)
    gain = score.gain(other, ours, protocol=metrics.PROTOCOLS["psnr_inside"] if preset.inside else protocol, seed=0)
    assert gain.low is not None and gain.high is not None
    what = f"{len(ours)} pictures, " + (f"{preset.scored}, " if preset.scored else "") + ("px that were missing, " if preset.inside else "")
    means = f"{statistics.mean(ours):.3f}, {statistics.mean(other):.3f}"
    return Bar(
        what=f"{name}, {minutes:g} minutes, {what}{preset.metric}: ahead of {way} ({means})",
        needed="above 0, and its interval too",
        measured=round(gain.mean, 3),
        spread=[round(gain.low, 3), round(gain.high, 3)],
        holds=gain.low > 0,
    )


def write(found: dict[str, dict[str, Any]]) -> None:
    """All that is known of presets, in their order."""
    known = [found[name] for name in PRESETS if name in found]
    says = "Whole pictures of bsds/valid, 481 x 321 px, as a person would choose between a network and a filter. Each was measured by "
    says += "itself, with the date and commit on its page in docs/presets."
    table = {"titles": TITLES, "rows": [row for one in known for row in one["rows"]], "says": says}
    results.write("presets", [Bar(**bar) for one in known for bar in one["bars"]], table=table, presets=found)


TITLES = ["preset", "way", "metric", "mean", "ms a picture"]


def main() -> None:
    """Print and write bench/results/presets.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", nargs="+", default=list(PRESETS), choices=list(PRESETS))
    options.add_argument("--minutes", type=float, help="of each, instead of its own: a try, of which nothing is written")
    given = options.parse_args()
    path = results.RESULTS / "presets.json"
    found = json.loads(path.read_text(encoding="utf-8")).get("presets", {}) if path.is_file() else {}
    for name in given.only:
        found[name] = compare(name, PRESETS[name], given.minutes or PRESETS[name].minutes, draws=not given.minutes)
        if given.minutes:
            results.say([Bar(**bar) for bar in found[name]["bars"]])
        else:
            write(found)


if __name__ == "__main__":
    main()
