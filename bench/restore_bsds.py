"""Fifteen minutes of `train restore` on bsds/train against fastai's own recipe: gains in and outside text on bsds/valid, set14 and set5.

python bench/restore_bsds.py train [--minutes 15] [--out build/bench/ours]       ours, by the command line
PEERS-PYTHON bench/fastai_restore.py [--minutes 15] [--out build/bench/fastai]    theirs: repaired pictures, see there
python bench/restore_bsds.py score [--ours build/bench/ours] [--fastai build/bench/fastai]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

import reference  # bench is a folder of scripts, not a package
import results
from reference import Gains, Pair
from results import Bar
from sfumato.core.levels import Levels
from sfumato.tasks import restore

CHAIN = "scale 2 | jpeg 20..60 | text"
INSIDE = 3.0  # dB
OUTSIDE = {"bsds": 0.3, "set14": 0.3, "set5": 0.6}  # dB
BETTER_INSIDE, BETTER_OUTSIDE = 0.5, 0.3  # dB, than fastai
WORK = results.ROOT / "build" / "bench"


def train(minutes: float, out: Path) -> None:
    """As a person would type it."""
    photographs = results.unpacked() / "bsds" / "train"
    command = [
        sys.executable,
        "-m",
        "sfumato",
        "train",
        "restore",
        str(photographs),
        "--spoil",
        CHAIN,
        "--minutes",
        str(minutes),
        "--out",
        str(out),
    ]
    sys.exit(subprocess.run(command, check=False).returncode)


def score(ours: Path, fastai: Path) -> None:
    """Gains of the last averaged weights of ours and of fastai's repaired pictures, where they are."""
    model = restore.load(ours / "last.safetensors")
    bars: list[Bar] = []
    more: dict[str, object] = {"ours": {"steps": model.header.card.get("steps")}}
    for kind, needed in OUTSIDE.items():
        pairs = reference.load(kind)
        mine = reference.gains(pairs, lambda pair: np.asarray(model.restore(pair.spoilt)))
        bars += [_bar(kind, mine, "inside", INSIDE), _bar(kind, mine, "outside", needed), _bar(kind, mine, "ssim", 0.0)]
        more[kind] = {name: float(np.mean(values)) for name, values in mine.items()}
        bars += _against(kind, pairs, mine, fastai / kind)
    results.write("restore_bsds", bars, **more)


def _bar(kind: str, found: Gains, what: str, needed: float) -> Bar:
    mean = float(np.mean(found[what]))
    unit = "higher SSIM" if what == "ssim" else f"at least +{needed:g} dB"
    where = {"inside": "PSNR gain inside the text", "outside": "PSNR gain outside the text", "ssim": "SSIM gain"}[what]
    return Bar(
        what=f"{kind} ({len(found[what])} pictures): {where}",
        needed=unit,
        measured=round(mean, 4),
        spread=reference.interval(found[what]),
        holds=mean > 0 if what == "ssim" else mean >= needed,
    )


def _against(kind: str, pairs: list[Pair], mine: Gains, folder: Path) -> list[Bar]:
    names = {"inside": BETTER_INSIDE, "outside": BETTER_OUTSIDE}
    if not folder.is_dir():
        why = "not measured: fastai's repaired pictures are not there (bench/fastai_restore.py)"
        return [
            Bar(what=f"{kind}: {name}, better than fastai", needed=f"{needed:g} dB", measured="", spread="", holds=why)
            for name, needed in names.items()
        ]
    theirs = reference.gains(pairs, lambda pair: _read(folder / f"{pair.name}.png"))
    bars = []
    for name, needed in names.items():
        ahead = np.asarray(mine[name]) - np.asarray(theirs[name])
        bars.append(
            Bar(
                what=f"{kind} ({len(ahead)} pictures): {name} the text, ahead of fastai (whose own gain is {np.mean(theirs[name]):.3f} dB)",
                needed=f"at least {needed:g} dB",
                measured=round(float(ahead.mean()), 3),
                spread=reference.interval(ahead.tolist()),
                holds=bool(ahead.mean() >= needed),
            )
        )
    return bars


def _read(path: Path) -> Levels:
    return np.asarray(Image.open(path).convert("RGB"))


def main() -> None:
    """One of the two verbs."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = options.add_subparsers(dest="verb", required=True)
    training = verbs.add_parser("train")
    training.add_argument("--minutes", type=float, default=15)
    training.add_argument("--out", type=Path, default=WORK / "ours")
    scoring = verbs.add_parser("score")
    scoring.add_argument("--ours", type=Path, default=WORK / "ours")
    scoring.add_argument("--fastai", type=Path, default=WORK / "fastai")
    given = options.parse_args()
    if given.verb == "train":
        train(given.minutes, given.out)
    else:
        score(given.ours, given.fastai)


if __name__ == "__main__":
    main()
