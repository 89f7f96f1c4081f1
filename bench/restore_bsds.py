"""Fifteen minutes of `train restore` on bsds/train against fastai's own recipe: gains in and outside text on bsds/valid, set14 and set5.

    python bench/restore_bsds.py train [--minutes 15] [--out build/bench/ours]     ours, by the command line
    python bench/fastai_restore.py [--minutes 15] [--out build/bench/fastai]       theirs: repaired pictures, see there
    python bench/restore_bsds.py score [--ours build/bench/ours] [--fastai build/bench/fastai]

`train` goes to the peers' environment where there is one, so that both sides run on the same torch.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import results  # bench is a folder of scripts, not a package
import score_reference
import spoil_reference
from fastai_restore import CHAIN
from results import Bar
from score_reference import Gains

INSIDE = 3.0  # dB
OUTSIDE = {"bsds": 0.3, "set14": 0.3, "set5": 0.6}  # dB
BETTER = {"inside": 0.5, "outside": 0.3}  # dB, than fastai
WORK = results.ROOT / "build" / "bench"


def train(minutes: float, out: Path) -> int:
    """As a person would type it."""
    photographs = results.unpacked() / "bsds" / "train"
    command = [sys.executable, "-m", "sfumato", "train", "restore", str(photographs), "--spoil", CHAIN]
    return subprocess.run([*command, "--minutes", str(minutes), "--out", str(out)], check=False).returncode


def score(ours: Path, fastai: Path) -> None:
    """Gains of the last averaged weights of ours and of fastai's repaired pictures, where they are."""
    repair = score_reference.by_model(ours / "last.safetensors")
    bars: list[Bar] = []
    more: dict[str, Any] = {"ours": _facts(ours), "fastai": _facts(fastai), "reference": {}, "gains": {}}
    for kind, needed in OUTSIDE.items():
        pairs = spoil_reference.load(kind)
        mine = score_reference.gains(pairs, repair)
        bars += [_bar(kind, mine, "inside", INSIDE), _bar(kind, mine, "outside", needed), _bar(kind, mine, "ssim", 0.0)]
        theirs = score_reference.gains(pairs, score_reference.from_folder(fastai / kind)) if (fastai / kind).is_dir() else None
        bars += [_against(kind, name, mine, theirs) for name in BETTER]
        more["reference"][kind] = spoil_reference.digest(kind)
        sides = {"ours": mine, "fastai": theirs or {}}
        more["gains"][kind] = {side: {name: float(np.mean(values)) for name, values in found.items()} for side, found in sides.items()}
    results.write("restore_bsds", bars, **more)


def _bar(kind: str, found: Gains, what: str, needed: float) -> Bar:
    mean = float(np.mean(found[what]))
    where = {"inside": "PSNR gain inside the text", "outside": "PSNR gain outside the text", "ssim": "SSIM gain"}[what]
    return Bar(
        what=f"{kind} ({len(found[what])} pictures): {where}",
        needed="above 0" if what == "ssim" else f"at least +{needed:g} dB",
        measured=round(mean, 4),
        spread=score_reference.interval(found[what]),
        holds=mean > 0 if what == "ssim" else mean >= needed,
    )


def _against(kind: str, name: str, mine: Gains, theirs: Gains | None) -> Bar:
    if theirs is None:
        why = "not measured: fastai's repaired pictures are not there (bench/fastai_restore.py)"
        return Bar(
            what=f"{kind}: {name} the text, ahead of fastai", needed=f"at least {BETTER[name]:g} dB", measured="", spread="", holds=why
        )
    ahead = np.asarray(mine[name]) - np.asarray(theirs[name])
    return Bar(
        what=f"{kind} ({len(ahead)} pictures): {name} the text, ahead of fastai (whose own gain is {np.mean(theirs[name]):+.3f} dB)",
        needed=f"at least {BETTER[name]:g} dB",
        measured=round(float(ahead.mean()), 3),
        spread=score_reference.interval(ahead.tolist()),
        holds=bool(ahead.mean() >= BETTER[name]),
    )


def _facts(run: Path) -> dict[str, Any]:
    """Steps, minutes and versions of one side, so that a reader can see that they are alike."""
    path = run / "run.json"
    facts = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {name: facts[name] for name in ("steps", "minutes", "parameters", "rate", "versions") if name in facts}


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
    if given.verb == "score":
        return score(given.ours, given.fastai)
    if results.peers_python() is not None:
        results.in_peers()
    sys.exit(train(given.minutes, given.out))


if __name__ == "__main__":
    main()
