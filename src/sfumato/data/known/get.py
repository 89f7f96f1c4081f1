"""Bring a known set here: its published files are fetched, checked and unpacked, and appear as one folder or not at all."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.data.known import catalogue
from sfumato.data.known.catalogue import Source
from sfumato.data.known.download import download
from sfumato.data.unpack import KINDS, unpack

HUB = "https://huggingface.co"


def get(name: str, into: Path | None = None) -> Path:
    """Fetch a set into a folder (unless told, that of the cache); the set's own folder in it.

    A fetch that breaks off goes on the next time.  Refuses a set that nobody may fetch without asking, and says how it is got.
    """
    known = catalogue.entry(name)
    place = into or catalogue.kept_in()
    target = place / known.folder
    if catalogue.within(place, known, itself=False) is not None:
        return target
    if not known.sources:
        raise Refusal(f"The data set {name!r} cannot be fetched. {catalogue.how_to_get(name)}")
    waiting = place / ".fetched" / known.folder
    fetched = {source: download(source.url, waiting / source.name, checksum=source.checksum) for source in known.sources}
    with files.making_folder(target) as aside:
        for source, path in fetched.items():
            _add(source, path, aside, known.folder)
    if catalogue.within(place, known, itself=False) is None:
        raise Refusal(f"What was fetched for {name!r} is not what was expected: {', '.join(known.marks)} should be in {target}.")
    shutil.rmtree(waiting, ignore_errors=True)
    return target


def get_weights(name: str, into: Path | None = None) -> Path:
    """Fetch the weights that timm publishes for a model, by its full name: `resnet34.a1_in1k`.  -> a safetensors file

    From the hub that HF_ENDPOINT names, as its own programs have it; unless told, into the cache's folder `weights`.
    """
    if not re.fullmatch(r"\w+\.\w+", name, re.ASCII):
        raise Refusal(f"Weights are fetched by a model's full name at timm, such as resnet34.a1_in1k, not {name!r}.")
    hub = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    return download(f"{hub}/timm/{name}/resolve/main/model.safetensors", (into or catalogue.kept_in() / "weights") / f"{name}.safetensors")


def _add(source: Source, path: Path, folder: Path, called: str) -> None:
    """A fetched file, moved there or unpacked there, without the folder of the set's own name that an archive may hold it in."""
    if not source.name.lower().endswith(KINDS):
        shutil.move(path, folder / path.name)
        return
    inner = unpack(path, folder / ".unpacked")
    whole = inner / called if (inner / called).is_dir() else inner
    for entry in list(whole.iterdir()):
        entry.rename(folder / entry.name)
    shutil.rmtree(inner)
