"""Published networks: their tensors by name, their pictures named as their cards say, and a place to be cut at."""

import dataclasses
import os
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from sfumato.core.errors import Refusal
from sfumato.core.levels import batch_to_unit
from sfumato.data.reading.read import read_levels
from sfumato.nets.classify_arguments import VGG16, ResNet, SqueezeNet
from sfumato.nets.surgery import pyramid
from sfumato.nets.surgery.borrow import open_classifier
from tests.nets.classifiers import PUBLISHED, make, pictures, wake

WEIGHTS = Path(os.environ.get("SFUMATO_DATA", ""), "weights")
PHOTOGRAPHS = Path(os.environ.get("SFUMATO_UNPACKED", ""), "bsds")
real = pytest.mark.skipif(
    not os.environ.get("SFUMATO_DATA") or not (WEIGHTS.is_dir() and PHOTOGRAPHS.is_dir()), reason="SFUMATO_DATA names no data"
)
SEEN = {  # what the cards of the two files say of three photographs: the name of the likeliest class
    "train/100075": "brown bear",
    "train/113044": "sorrel",
    "train/45077": "brain coral",
}


@pytest.mark.parametrize("spec", PUBLISHED, ids=str)
def test_every_parameter_of_a_published_network_learns(spec):
    network = wake(make(spec)).train()
    nn.functional.cross_entropy(network(pictures(4, side=64)), torch.arange(4)).backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()] == []


@pytest.mark.parametrize("spec", PUBLISHED, ids=str)
def test_its_pyramid_holds_what_its_layers_give(spec):
    network = wake(make(spec)).eval()
    names = pyramid.names(network)
    seen = pyramid.cut(network, names[-1])(pictures(2, side=64))
    x = network.normalise(pictures(2, side=64))
    inside = {}
    for index, layer in enumerate(network.features):
        x = layer(x.clone())
        inside[f"features.{index}"] = x.clone()
    assert [feature.shape for feature in seen] == [inside[name].shape for name in names]
    assert all(torch.equal(feature, inside[name]) for feature, name in zip(seen, names, strict=True))


def test_where_the_grid_of_vgg_is_about_to_change_is_before_each_pool():
    network = make(VGG16(classes=5))
    grids = pyramid.last_of_each_grid(pyramid.describe(network, 3, 256))
    assert [level.name for level in grids] == ["features.3", "features.8", "features.15", "features.22", "features.29"]
    assert [level.channels for level in grids] == [64, 128, 256, 512, 512]


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_convolutions_of_vgg_are_called_as_in_torchvision(norm):
    places = {"none": (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28), "batch": (0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40)}
    network = make(VGG16(classes=5, norm=norm))
    assert tuple(index for index, layer in enumerate(network.features) if isinstance(layer, nn.Conv2d)) == places[norm]


@pytest.mark.parametrize("spec", [spec for spec in PUBLISHED if spec.kind != "mobilenet"], ids=str)
def test_weights_are_told_by_their_names_and_come_back(spec, tmp_path):
    kept = wake(make(dataclasses.replace(spec, classes=1000))).eval()
    save_file(kept.state_dict(), tmp_path / "kept.safetensors")
    found, network = open_classifier(str(tmp_path / "kept.safetensors"))
    state = network.state_dict()
    assert found.kind == spec.kind
    assert all(torch.equal(state[name], tensor) for name, tensor in kept.state_dict().items() if name.startswith("features."))


def test_a_file_of_another_network_is_refused_naming_the_first_tensor_that_differs(tmp_path):
    save_file(make(VGG16(classes=5)).state_dict(), tmp_path / "vgg.safetensors")
    with pytest.raises(Refusal, match=r"features\.0\.weight.*\(64, 3, 3, 3\)|features\.3\.squeeze1x1\.weight"):
        make(SqueezeNet(classes=5, pretrained_file=str(tmp_path / "vgg.safetensors")))


@pytest.mark.parametrize("source", ["no-such-classifier", "nowhere/kept.safetensors"])
def test_a_classifier_that_is_not_there_is_refused_with_where_it_was_looked_for(source):
    with pytest.raises(Refusal, match=source):
        open_classifier(source)


def test_tensors_of_nobody_known_are_refused(tmp_path):
    save_file({"weight": torch.zeros(3)}, tmp_path / "some.safetensors")
    with pytest.raises(Refusal, match="no network that is known by its names"):
        open_classifier(str(tmp_path / "some.safetensors"))


def test_a_model_file_of_ours_is_opened_with_what_it_is_made_from():
    path = Path(__file__).parents[2] / "models" / "fashion-evaluator.safetensors"
    spec, network = open_classifier(str(path))
    assert isinstance(spec, ResNet) and network(torch.rand(1, 1, 28, 28)).shape == (1, 10)


@real
@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v1_025"])
def test_published_weights_name_photographs_as_their_card_says(name):
    _, network = open_classifier(str(WEIGHTS / f"{name}.safetensors"))
    classes = (WEIGHTS / "imagenet-classes.txt").read_text().splitlines()
    for photograph, expected in SEEN.items():
        picture = Image.fromarray(read_levels(PHOTOGRAPHS / f"{photograph}.jpg", 3))
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        square = picture.resize((224, 224), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
        with torch.no_grad():
            logits = network(batch_to_unit(torch.frombuffer(bytearray(square.tobytes()), dtype=torch.uint8).view(1, 224, 224, 3)))
        assert expected in classes[int(logits.argmax())]
