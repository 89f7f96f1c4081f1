"""A classifier for later work to measure with, from a finished run: half precision, with its card in the header and beside it, in models/.

    python bench/ship_classifier.py RUN NAME --licence "..."

The scores on the card are those of the file that is written, taken once more from it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import results
from sfumato.core import files
from sfumato.core.seed import Seed
from sfumato.data.known import catalogue
from sfumato.nets import load as model_files
from sfumato.tasks import classify

MODELS = results.ROOT / "models"
MOST = 6e6  # bytes
CARD = """\
# {name}

`{name}.safetensors`: {parameters:,} parameters in half precision, {kilobytes:.0f} kB. Terms of what it learnt from: {licence}.

Trained by `sfumato train {recipe}` for {minutes:.0f} minutes ({steps:,} steps, batches of {batch}, seed {seed}) on the training part of
`{known}`, {pictures:,} pictures of {classes} classes, {side} x {side} px, {channels} channel(s). It takes pictures in 0..1 and brings its
own normalisation; the header holds the whole recipe. The scored part chose nothing: these are the last averaged weights.

| score (part '{part}' of {known}, {n:,} pictures) | value | 95 % interval |
|---|---|---|
{rows}
"""


def main() -> None:
    """Write models/NAME.safetensors and models/NAME.md."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("run", type=Path)
    options.add_argument("name")
    options.add_argument("--licence", required=True, help="terms of the pictures it learnt from")
    given = options.parse_args()
    model = model_files.read(given.run / "last.safetensors")
    facts = json.loads((given.run / "run.json").read_text(encoding="utf-8"))
    path = MODELS / f"{given.name}.safetensors"
    known = str(model.header.data["known"])
    card = {**model.header.card, "minutes": facts["minutes"]}
    header = dataclasses.replace(model.header, card=card, licence=given.licence, scores={})
    files.make_folder(MODELS)
    model_files.write(path, model.network.state_dict(), header, half=True)
    if path.stat().st_size > MOST:
        raise SystemExit(f"{path} has {path.stat().st_size / 1e6:.1f} MB, but at most {MOST / 1e6:g} MB are committed.")
    part = catalogue.held_out_part(known)
    found = classify.evaluate(classify.load(path), catalogue.open_set(known, part=part), seed=Seed(0))
    [row] = found["rows"]
    scores = {name: {**row[name], "what": f"part {part!r} of {known}: {found['protocols'][name]}"} for name in found["protocols"]}
    model_files.write(path, model.network.state_dict(), dataclasses.replace(header, scores=scores), half=True)
    recipe = model.header.recipe
    text = CARD.format(
        name=given.name,
        parameters=sum(parameter.numel() for parameter in model.network.parameters()),
        kilobytes=path.stat().st_size / 1000,
        licence=given.licence,
        recipe=recipe["name"],
        minutes=facts["minutes"],
        steps=facts["steps"],
        batch=recipe["train"]["batch"],
        seed=recipe["train"]["seed"],
        known=known,
        pictures=model.header.data["pictures"],
        classes=len(card["classes"]),
        side=model.header.network["side"],
        channels=model.header.contract.channels,
        part=part,
        n=row["accuracy"]["n"],
        rows="\n".join(f"| {name} | {row[name]['mean']:.4f} | {_interval(row[name])} |" for name in found["protocols"]),
    )
    files.write_text(path.with_suffix(".md"), text)
    print(text)


def _interval(score: dict[str, float | None]) -> str:
    return "" if score["low"] is None else f"{score['low']:.4f}..{score['high']:.4f}"


if __name__ == "__main__":
    main()
