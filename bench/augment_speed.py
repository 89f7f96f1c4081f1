"""Augmentation of whole batches against the same draws through Pillow, picture by picture, and against kornia.

    python bench/augment_speed.py [--pairs 7] [--batch 128] [--device cpu]

Runs in the peers' environment.  Batches of uint8 (B, 64, 64, 3) become augmented float32 batches (B, 3, 64, 64) in 0..1, two ways: a
chain (pad-crop 4 | flip | affine | lighting | erase) and TrivialAugment.  Ours works its parameters out from a table of uniforms within the
time; Pillow is given them ready: a loop over the pictures with one affine transform for all that moves, as ours does it too, a lookup
table, Pillow's enhancements and paste, and one stack at the end.  Pillow's result must be ours, but for noise and rounding.
kornia draws by itself, from the same ranges, a draw a picture; its TrivialAugment takes one operation for a whole batch, so it is also
called picture by picture.  Torch has as many threads on all sides; Pillow's loop runs in one, as such loops do.
Freed memory is kept for the next batch on all sides.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from sfumato.core.system import memory, threads

threads.wait_shortly()  # before torch is loaded, as the command line does

import torch  # noqa: E402
from PIL import Image, ImageEnhance, ImageOps  # noqa: E402

import results  # noqa: E402  # bench is a folder of scripts, not a package
from results import Bar  # noqa: E402
from sfumato.core.levels import TOP, batch_to_unit  # noqa: E402
from sfumato.core.seed import Seed  # noqa: E402
from sfumato.data.augment import trivial  # noqa: E402
from sfumato.data.augment.catalogue import parse  # noqa: E402
from sfumato.data.augment.moving import joined  # noqa: E402
from sfumato.data.augment.patches import hit, rectangles  # noqa: E402
from sfumato.data.augment.transform import Chain, drawn, table, whole  # noqa: E402

SIDE, ROUNDS = 64, 16
NEEDED, BESIDE = 2.0, 1.0
MEAN, SPREAD = (0.48, 0.45, 0.40), (0.28, 0.27, 0.28)
CHAIN = "pad-crop 4 | flip | affine 10 0.1 0.1 0.05 | lighting 0.1 0.2 | erase 0.5 0.02..0.2"
PILLOW, KORNIA, ALONE = "Pillow one by one", "kornia", "kornia picture by picture"


def pictures(batch: int) -> torch.Tensor:
    """Pieces of photographs.  -> uint8 (B, SIDE, SIDE, 3)"""
    from skimage import data

    sources = [data.astronaut(), data.coffee(), data.rocket()]
    rng = np.random.default_rng(1)
    found = []
    for number in range(batch):
        source = sources[number % len(sources)]
        top, left = (int(rng.integers(0, length - 2 * SIDE)) for length in source.shape[:2])
        found.append(source[top : top + 2 * SIDE : 2, left : left + 2 * SIDE : 2])
    return torch.from_numpy(np.stack(found))


def together(made: list[Image.Image]) -> torch.Tensor:
    """What a loader does with them.  -> float32 (B, 3, SIDE, SIDE)"""
    return batch_to_unit(torch.from_numpy(np.stack([np.asarray(picture) for picture in made])))


# -- The same draws through Pillow -------------------------------------------------------------------------------------


def chain_by_pillow(chain: Chain, u: torch.Tensor) -> Callable[[np.ndarray], torch.Tensor]:
    """The loop for a table of draws, whose parameters are worked out beforehand."""
    crop, flip, affine, lighting, erase = chain.transforms
    ends = np.cumsum([0, *(step.draws for step in chain.transforms)])
    parts = [drawn(u[:, start:end]) for start, end in pairwise(ends)]
    moves = joined([step.maps(part, SIDE, SIDE) for step, part in zip((crop, flip, affine), parts, strict=False)])
    maps = moves.flatten(1).tolist()
    gains, offsets = (part.tolist() for part in lighting.line(parts[3]))
    found = rectangles(parts[4][:, 4:8], hit(parts[4], erase.chance, 1, 0), erase.share, SIDE, SIDE)
    boxes = {picture: box for picture, *box in zip(*(part.tolist() for part in vars(found).values()), strict=True)}
    rng, every_level = np.random.default_rng(2), np.arange(TOP + 1) / TOP
    mean, spread = np.float32(MEAN), np.float32(SPREAD)

    def loop(levels: np.ndarray) -> torch.Tensor:
        made = []
        for number, pixels in enumerate(levels):
            one = Image.fromarray(pixels).transform((SIDE, SIDE), Image.Transform.AFFINE, maps[number], Image.Resampling.BILINEAR)
            line = ((every_level * gains[number] + offsets[number]).clip(0, 1) * TOP + 0.5).astype(np.uint8)
            one = one.point(line.tolist() * 3)
            if number in boxes:
                top, left, tall, wide = boxes[number]
                noise = rng.standard_normal((tall, wide, 3), dtype=np.float32) * spread + mean
                one.paste(Image.fromarray((noise.clip(0, 1) * TOP).astype(np.uint8)), (left, top))
            made.append(one)
        return together(made)

    return loop


def trivial_by_pillow(u: torch.Tensor) -> Callable[[np.ndarray], torch.Tensor]:
    """The loop for a table of draws, whose parameters are worked out beforehand."""
    rows = drawn(u)
    which = whole(rows[:, 0], len(trivial.NAMES)).numpy()
    strength = whole(rows[:, 1], trivial.STRENGTHS).double().numpy() / (trivial.STRENGTHS - 1)
    signed = np.where(rows[:, 2].numpy() < 0.5, -strength, strength)
    moves = (which - 1).clip(0, len(trivial.GEOMETRIC) - 1)  # of what moves nothing, none is asked for
    maps = trivial.maps(moves, signed, trivial.WIDE, SIDE, SIDE).flatten(1).tolist()
    names = [trivial.NAMES[number] for number in which]
    amounts = trivial.amounts(which, strength, signed, trivial.WIDE).tolist()
    acts: dict[str, Callable[[Image.Image, float], Image.Image]] = {
        "identity": lambda one, _: one,
        "brightness": lambda one, amount: ImageEnhance.Brightness(one).enhance(amount),
        "colour": lambda one, amount: ImageEnhance.Color(one).enhance(amount),
        "contrast": lambda one, amount: ImageEnhance.Contrast(one).enhance(amount),
        "sharpness": lambda one, amount: ImageEnhance.Sharpness(one).enhance(amount),
        "posterize": lambda one, amount: ImageOps.posterize(one, int(amount)),
        "solarize": lambda one, amount: ImageOps.solarize(one, amount * TOP),
        "autocontrast": lambda one, _: ImageOps.autocontrast(one),
        "equalize": lambda one, _: ImageOps.equalize(one),
    }

    def loop(levels: np.ndarray) -> torch.Tensor:
        made = []
        for number, pixels in enumerate(levels):
            picture = Image.fromarray(pixels)
            if names[number] in acts:
                made.append(acts[names[number]](picture, amounts[number]))
            else:
                made.append(picture.transform((SIDE, SIDE), Image.Transform.AFFINE, maps[number], Image.Resampling.NEAREST))
        return together(made)

    return loop


# -- kornia ------------------------------------------------------------------------------------------------------------


def by_kornia(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """kornia's own steps of the same ranges, with a draw a picture."""
    from kornia import augmentation

    if name == "TrivialAugment":
        return augmentation.auto.TrivialAugment()  # type: ignore[no-any-return]
    steps = [
        augmentation.RandomCrop((SIDE, SIDE), padding=4, p=1.0),
        augmentation.RandomHorizontalFlip(0.5),
        augmentation.RandomAffine(10.0, translate=(0.05, 0.05), scale=(0.9, 1.1), shear=6.0, p=1.0),
        augmentation.RandomBrightness((0.9, 1.1), p=1.0),
        augmentation.RandomContrast((0.8, 1.25), p=1.0),
        augmentation.RandomErasing(scale=(0.02, 0.2), ratio=(0.25, 4.0), p=0.5),
    ]
    return augmentation.AugmentationSequential(*steps)  # type: ignore[no-any-return]


# -- Measuring ---------------------------------------------------------------------------------------------------------


def rate(act: Callable[[], Any], batch: int, device: torch.device) -> float:
    """Pictures a second, over a few rounds."""
    begun = time.perf_counter()
    for _ in range(ROUNDS):
        act()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return ROUNDS * batch / (time.perf_counter() - begun)


def bars_of(name: str, pairs: int, batch: int, device: torch.device) -> tuple[list[Bar], dict[str, Any]]:
    """Ours against Pillow, and against kornia where it is installed."""
    levels = pictures(batch)
    chain = parse(CHAIN if name == "chain" else "trivial", mean=MEAN, spread=SPREAD)
    u = table(Seed(3), "augment", 0, range(batch), chain.draws)
    arrays, there = levels.numpy(), levels.to(device)
    pillow = chain_by_pillow(chain, u) if name == "chain" else trivial_by_pillow(u)
    check_alike(chain(batch_to_unit(levels), u), pillow(arrays), name)
    sides: dict[str, Callable[[], Any]] = {PILLOW: lambda: pillow(arrays)}
    if importlib.util.find_spec("kornia"):
        peer = by_kornia(name)
        sides[KORNIA] = lambda: peer(batch_to_unit(there))
        if name != "chain":
            sides[ALONE] = lambda: [peer(one[None]) for one in batch_to_unit(there)]
    bars, rows = [], {}
    for other, act in sides.items():

        def ours() -> float:
            return rate(lambda: chain(batch_to_unit(there), u), batch, device)

        def theirs(act: Callable[[], Any] = act) -> float:
            return rate(act, batch, device)

        ours(), theirs()  # warm
        middle, ratios, raw = results.paired(ours, theirs, pairs)
        needed = NEEDED if other == PILLOW else BESIDE
        unlike = name != "chain" and other == KORNIA
        bars.append(
            Bar(
                what=f"{name}, {batch} pictures of {SIDE} px on {device.type}: pictures a second over those of {other}",
                needed="(one operation for the whole batch: not the same work)" if unlike else f"at least {needed:g}x",
                measured=round(middle, 3),
                spread=[round(ratios[0], 3), round(ratios[-1], 3)],
                holds="for comparison" if unlike else middle >= needed,
            )
        )
        rows[other] = [{"ours": round(one), "theirs": round(another)} for one, another in raw]
    return bars, rows


def check_alike(ours: torch.Tensor, theirs: torch.Tensor, name: str) -> None:
    """End here where the two sides do not do the same, but for noise, rounding and the rim of what was moved."""
    same = ((ours - theirs).abs().amax(dim=1) < 2.5 / TOP).float().mean().item()
    if same < 0.85:
        sys.exit(f"{name}: only {same:.0%} of the pixels agree with Pillow's, so the two sides do not do the same.")


def main() -> None:
    """Interleaved; prints and writes bench/results/augment_speed.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pairs", type=int, default=results.PAIRS)
    options.add_argument("--batch", type=int, default=128)
    options.add_argument("--threads", type=int, default=2, help="of torch, on all sides")
    options.add_argument("--device", default="cpu", help="where ours and kornia's run; Pillow's side is always the CPU")
    given = options.parse_args()
    results.in_peers()
    torch.set_num_threads(given.threads)
    memory.keep_freed()
    device = torch.device(given.device)
    bars, raw = [], {}
    for name in ("chain", "TrivialAugment"):
        found, raw[name] = bars_of(name, given.pairs, given.batch, device)
        bars += found
    results.write("augment_speed" if device.type == "cpu" else f"augment_speed_{device.type}", bars, pictures_a_second=raw)


if __name__ == "__main__":
    main()
