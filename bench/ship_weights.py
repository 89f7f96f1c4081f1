"""The restorer that comes along, from a finished run of `train general`: half precision, with its card in the header and beside it.

    python bench/ship_weights.py RUN [EARLIER ...]

RUN may have started from the weights of an earlier run (--from), which is then named too, so that the card tells the whole story.
Then bench/general_weights.py, then this again: the card takes its gains from that result.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tomllib
from pathlib import Path
from typing import Any

import torch

import results
from sfumato.core import files
from sfumato.core.seed import Seed
from sfumato.data import photographs
from sfumato.nets import load as model_files
from sfumato.spoil import grammar
from sfumato.tasks.parts import pairs, settle
from sfumato.tasks.parts.restorer import shipped

LICENCE = "MIT, as the code; trained on generated pictures and photographs of scikit-image that are free to use"
CARD = """\
# The restorer that comes along

`restore.safetensors`: {parameters:,} parameters in half precision, {kilobytes} kB. Licence: {licence}.

Trained by `sfumato train general` for {minutes:.0f} minutes on two cores ({steps} steps), on dead-leaves pictures that sfumato generates
and on the photographs that come with scikit-image (data/photographs.py names them and their licences). It has seen no other picture.
In these stages, each from the weights of the one before:

{stages}

Made for: pictures that are a little too small, blurred, noisy or compressed, or several of these.

Not made for: text, scratches, holes and other marks (train one: `sfumato train restore PICTURES --spoil "..."`), sizes above three times,
noise above 20 levels, JPEG below quality 15.

| damage (bsds/valid, 100 pictures, PSNR over RGB) | gain in dB | 95 % interval |
|---|---|---|
{rows}
"""


def main() -> None:
    """Write src/sfumato/weights/restore.safetensors and restore.md."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("run", type=Path)
    options.add_argument("earlier", type=Path, nargs="*", help="runs it started from, the last one first")
    given = options.parse_args()
    trained = model_files.read(given.run / "last.safetensors")
    chain = grammar.parse(str(trained.header.recipe["spoil"]["chain"]))
    spoilt = [one for _, one, _ in pairs.examples(photographs.items()[: settle.PHOTOGRAPHS], chain, None, seed=Seed(0), side=settle.SIDE)]
    model = settle.measured(trained, spoilt, torch.device("cpu"))
    result = results.RESULTS / "general_weights.json"
    bars = json.loads(result.read_text(encoding="utf-8"))["bars"] if result.is_file() else []
    stages = [_stage(run) for run in (*reversed(given.earlier), given.run)]
    minutes, steps = (sum(stage[what] for stage in stages) for what in ("minutes", "steps"))
    gains = {bar["what"]: bar["measured"] for bar in bars}
    card = {**model.header.card, "minutes": minutes, "steps": steps, "stages": stages, "gains": gains}
    recipe = {**model.header.recipe, "start_from": "the stage before" if given.earlier else ""}
    header = dataclasses.replace(model.header, card=card, licence=LICENCE, recipe=recipe)
    model_files.write(shipped(), model.network.state_dict(), header, half=True)
    text = CARD.format(
        parameters=sum(tensor.numel() for tensor in model.network.state_dict().values()),
        kilobytes=shipped().stat().st_size // 1000,
        licence=LICENCE,
        minutes=minutes,
        steps=steps,
        stages="\n".join(f"- {stage['minutes']:.0f} minutes, {stage['steps']} steps: `{stage['chain']}`" for stage in stages),
        rows="\n".join(f"| {_cell(bar['what'])} | {bar['measured']} | {bar['spread']} |" for bar in bars),
    )
    files.write_text(shipped().with_suffix(".md"), text)


def _stage(run: Path) -> dict[str, Any]:
    facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
    recipe = tomllib.loads((run / "recipe.toml").read_text(encoding="utf-8"))
    return {"minutes": facts["minutes"], "steps": facts["steps"], "chain": recipe["spoil"]["chain"], "folders": recipe["data"]["folders"]}


def _cell(text: str) -> str:
    """A table's cell in Markdown may hold no bare bar."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
