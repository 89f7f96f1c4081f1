"""The restorer that comes along, from a finished run of `train general`: half precision, with its card in the header and beside it.

    python bench/ship_weights.py RUN           then bench/general_weights.py, then this again: the card takes its gains from that result
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import results
from sfumato.core import files
from sfumato.nets import load as model_files
from sfumato.tasks.parts.restorer import shipped

LICENCE = "MIT, as the code; trained on generated pictures and photographs of scikit-image that are free to use"
CARD = """\
# The restorer that comes along

`restore.safetensors`: {parameters:,} parameters in half precision, {kilobytes} kB. Licence: {licence}.

Trained by `sfumato train general` for {minutes:.0f} minutes on two cores ({steps} steps), on dead-leaves pictures that sfumato generates
and on the photographs that come with scikit-image (data/photographs.py names them and their licences). It has seen no other picture.

Made for: pictures that are a little too small, blurred, noisy or compressed, or several of these:

    {chain}

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
    run = options.parse_args().run
    model = model_files.read(run / "last.safetensors")
    facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
    result = results.RESULTS / "general_weights.json"
    bars = json.loads(result.read_text(encoding="utf-8"))["bars"] if result.is_file() else []
    card: dict[str, Any] = {**model.header.card, "minutes": facts["minutes"], "gains": {bar["what"]: bar["measured"] for bar in bars}}
    header = dataclasses.replace(model.header, card=card, licence=LICENCE)
    model_files.write(shipped(), model.network.state_dict(), header, half=True)
    text = CARD.format(
        parameters=sum(tensor.numel() for tensor in model.network.state_dict().values()),
        kilobytes=shipped().stat().st_size // 1000,
        licence=LICENCE,
        minutes=facts["minutes"],
        steps=facts["steps"],
        chain=card["spoil"],
        rows="\n".join(f"| {bar['what']} | {bar['measured']} | {bar['spread']} |" for bar in bars),
    )
    files.write_text(shipped().with_suffix(".md"), text)


if __name__ == "__main__":
    main()
