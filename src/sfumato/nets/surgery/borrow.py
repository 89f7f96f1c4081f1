"""A classifier by where it comes from, for the sake of its features: a model file of ours, published weights, or timm's shelf.

    open_classifier("tiny-features")                       models/tiny-features.safetensors, here or beside the package
    open_classifier("runs/flowers/last.safetensors")       any model file of the task `classify`
    open_classifier("weights/squeezenet1_1.safetensors")   SqueezeNet 1.1, VGG16, MobileNet v1: told by the names of their tensors
    open_classifier("timm:resnet34:resnet34.safetensors")  any model of timm (extra `encoders`), its weights from a file, or fresh
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.nets import catalogue, load, tensor_file
from sfumato.nets.classify import borrowed
from sfumato.nets.classify_arguments import VGG16, MobileNet, SqueezeNet, Timm

SHELVES = (Path("models"), Path(__file__).parents[4] / "models")  # where a bare name is looked for: here, and in a checkout of ours
OWN = ("tiny-features", "fashion-evaluator")  # classifiers of ours that recipes name, but the package does not hold
CLASSES = 1000  # of the set that published networks were trained on


def open_classifier(source: str) -> tuple[Any, nn.Module]:
    """What a classifier is made from, and the classifier, in evaluation mode on the CPU; see the module's text.

    Refuses what is not there, and what is no classifier.
    """
    if source.startswith("timm:"):
        _, name, *file = source.split(":", 2)
        mean, spread = borrowed.statistics(name)
        return _published(Timm(name=name, classes=CLASSES, mean=mean, spread=spread, pretrained_file=file[0] if file else ""))
    path = _found(source)
    file_ = tensor_file.look(path)
    if "sfumato" in file_.notes:
        model = load.read(path, task="classify")
        return catalogue.specification(str(model.header.network["kind"]), model.header.network), model.network
    return _published(_told_by_names(path, set(file_.places)))


def called(source: str) -> str:
    """A classifier's name in protocols: no two that see otherwise have the same."""
    *timm, path = source.split(":", 2) if source.startswith("timm:") else (source,)
    found = Path(path) if timm else _found(path)
    return f"{':'.join([*timm, Path(path).name])} ({files.digest_of(found)[:8]})" if found.is_file() else source


def licence(source: str) -> str:
    """Under whose terms a classifier's weights stand, as far as their file says; `source` as in the module's text."""
    return f"that of timm's {source.split(':')[1]}" if source.startswith("timm:") else licence_of(_found(source))


def licence_of(path: Path) -> str:
    """The same of a file: a model of ours, of whatever task, or weights of somebody else's."""
    try:
        ours = "sfumato" in tensor_file.look(path).notes
    except Refusal:  # torch's own format
        ours = False
    return load.read_header(path).licence if ours else "that of these published weights"


def lender(spec: Any) -> tuple[Any, nn.Module] | None:
    """What `encoder_from` of a network's spec names, as `open_classifier` gives it; None where it names nothing.  Refuses a grey one."""
    source = getattr(spec, "encoder_from", "")
    if not source:
        return None
    found = open_classifier(source)
    if getattr(found[1], "channels", 3) != 3:
        raise Refusal(f"network.encoder_from = {source!r} sees pictures of one channel, but what is repaired has three.")
    return found


def _found(source: str) -> Path:
    bare = Path(source).name == source and not source.endswith(".safetensors")
    for path in [shelf / f"{source}.safetensors" for shelf in SHELVES] if bare else [Path(source)]:
        if path.is_file():
            return path
    looked = f" (looked for in {', '.join(str(shelf) for shelf in SHELVES)})" if bare else ""
    made = f" It is in the repository's folder {SHELVES[0]}: put it there, or make it (sfumato train {source})." if source in OWN else ""
    raise Refusal(
        f"There is no classifier {source!r}{looked}.{made} Give a model of the task classify (sfumato train classify PICTURES makes one), "
        "a safetensors file of published weights, or timm:NAME:FILE."
    )


def _told_by_names(path: Path, names: set[str]) -> Any:
    """Which published network a file's tensors belong to."""
    if "features.3.squeeze1x1.weight" in names:
        return SqueezeNet(classes=CLASSES, pretrained_file=str(path))
    if "blocks.4.1.conv_pw.weight" in names and "conv_stem.weight" in names:
        return MobileNet(classes=CLASSES, pretrained_file=str(path))
    if {"features.0.weight", "features.28.weight"} <= names and "features.1.running_mean" not in names:
        return VGG16(classes=CLASSES, pretrained_file=str(path))
    if {"features.0.weight", "features.1.running_mean", "features.40.weight"} <= names:
        return VGG16(classes=CLASSES, norm="batch", pretrained_file=str(path))
    raise Refusal(
        f"{path} holds tensors of no network that is known by its names (SqueezeNet 1.1, VGG16, MobileNet v1), "
        "and no note of ours. A model of timm is given as timm:NAME:FILE."
    )


def _published(spec: Any) -> tuple[Any, nn.Module]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # of a head that has no weights in the file
        network = catalogue.build(spec)
    return catalogue.bare(spec), network.eval()
