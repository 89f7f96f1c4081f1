"""Models of timm as classifiers of ours (`make peers`)."""

import copy
import dataclasses
import json
from importlib.util import find_spec

import pytest
import torch
from torch import nn

from sfumato.core.errors import Refusal
from sfumato.nets import catalogue, load
from sfumato.nets.classify_arguments import Timm
from sfumato.nets.surgery.copying import copy_weights
from sfumato.nets.surgery.groups import freeze, rates
from sfumato.nets.surgery.pyramid import cut, describe, names
from sfumato.nets.surgery.summary import summary
from tests.nets.classifiers import make, pictures, wake
from tests.nets.test_classifiers import header

peers = pytest.mark.peers
SPEC = Timm(name="resnet18", classes=5, mean=(0.5,) * 3, spread=(0.25,) * 3)
MADE = [
    SPEC,
    Timm(name="mobilenetv3_small_050", classes=5),
    Timm(name="convnext_atto", classes=5),
    Timm(name="vit_tiny_patch16_224", classes=5),
]


def side(spec: Timm) -> int:
    return 224 if spec.name.startswith("vit") else 64


@pytest.mark.skipif(find_spec("timm") is not None, reason="timm is there")
def test_without_timm_the_refusal_says_how_to_get_it():
    with pytest.raises(Refusal, match=r"pip install 'sfumato\[encoders\]'"):
        catalogue.build(SPEC)


@pytest.mark.parametrize("name", ["hf-hub:timm/resnet18", "local-dir:/tmp", "../resnet18", "https://example.org/a"])
def test_an_address_is_no_name_of_a_model(name):
    with pytest.raises(Refusal, match="name"):
        catalogue.specification("timm", {"name": name, "classes": 5})


@peers
@pytest.mark.parametrize("spec", MADE, ids=lambda spec: spec.name)
def test_a_borrowed_model_is_a_classifier_whose_every_parameter_learns(spec):
    network = wake(make(spec)).train()
    logits = network(pictures(4, side=side(spec)))
    nn.functional.cross_entropy(logits, torch.arange(4)).backward()
    assert logits.shape == (4, 5)
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()] == []


@peers
def test_a_borrowed_model_takes_grey_pictures():
    assert make(Timm(name="resnet18", classes=5), channels=1).eval()(pictures(channels=1, side=32)).shape == (4, 5)


@peers
@pytest.mark.parametrize("spec", MADE, ids=lambda spec: spec.name)
def test_its_pyramid_is_that_of_timms_own_features_only(spec):
    import timm

    network = wake(make(spec)).eval()
    extra = {"img_size": 224} if side(spec) == 224 else {}
    theirs = timm.create_model(spec.name, features_only=True, pretrained=False, **extra).eval()
    inner = getattr(theirs, "model", theirs)  # wrapped, or taken apart with dots as underscores
    known = {name.replace(".", "_"): tensor for name, tensor in network.model.state_dict().items()}
    inner.load_state_dict({name: known[name.replace(".", "_")] for name in inner.state_dict()})
    encoder, batch = cut(network, names(network)[-1]).eval(), pictures(2, side=side(spec))
    with torch.no_grad():
        found, expected = encoder(batch), theirs(network.normalise(batch))
    assert [level.channels for level in describe(network, 3, side(spec))][-len(expected) :] == theirs.feature_info.channels()
    assert all(torch.equal(one, other) for one, other in zip(found[-len(expected) :], expected))


@peers
def test_a_shorter_encoder_gives_the_first_features_and_holds_less():
    network = wake(make(SPEC)).eval()
    whole, short = cut(network, "layer4"), cut(network, "layer2")
    with torch.no_grad():
        assert all(torch.equal(one, other) for one, other in zip(short(pictures(side=64)), whole(pictures(side=64)), strict=False))
    assert len(short(pictures(side=64))) == 3 and len(short.state_dict()) < len(whole.state_dict())


@peers
def test_levels_are_described_with_their_strides():
    assert [(level.channels, level.stride) for level in describe(make(SPEC), 3, 64)] == [(64, 2), (64, 4), (128, 8), (256, 16), (512, 32)]


@peers
def test_a_model_file_gives_a_borrowed_model_back_and_does_not_look_for_the_weights_it_began_with(tmp_path):
    network = wake(make(SPEC)).eval()
    spec = dataclasses.replace(SPEC, pretrained_file=str(tmp_path / "gone.safetensors"))
    load.write(tmp_path / "model.safetensors", network.state_dict(), header(spec))
    with torch.no_grad():
        back = load.read(tmp_path / "model.safetensors", task="classify").network
        assert torch.equal(back(pictures(side=64)), network(pictures(side=64)))


@peers
@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_weights_from_a_file_are_those_in_it_and_a_head_of_other_classes_is_new(ending, tmp_path):
    import timm
    from safetensors.torch import save_file

    kept, path = timm.create_model("resnet18", pretrained=False).state_dict(), tmp_path / f"kept.{ending}"
    save_file(kept, path) if ending == "safetensors" else torch.save(kept, path)
    network = make(dataclasses.replace(SPEC, pretrained_file=str(path)))
    state = network.model.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in kept.items() if not name.startswith("fc"))
    assert state["fc.weight"].shape == (5, 512)


@peers
@pytest.mark.parametrize("content", [None, b"", b"not weights"])
def test_a_file_without_weights_is_refused_by_name(content, tmp_path):
    path = tmp_path / "kept.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Refusal, match=r"kept\.safetensors"):
        make(dataclasses.replace(SPEC, pretrained_file=str(path)))


@peers
def test_an_unknown_model_is_refused_with_the_nearest():
    with pytest.raises(Refusal, match="Did you mean 'resnet18'"):
        make(Timm(name="resnet81", classes=5))


@peers
@pytest.mark.parametrize("spec", MADE, ids=lambda spec: spec.name)
def test_it_is_frozen_grouped_counted_and_copied_like_ours(spec):
    network = wake(make(spec))
    assert {one for group in rates(network, 0.1, 2.0) for one in group["params"]} == {*network.parameters()}
    table = summary(network, (3, side(spec), side(spec)))
    assert table.parameters == sum(parameter.numel() for parameter in network.parameters()) and table.multiply_adds > 1e6
    twin = make(spec)
    copy_weights(network, twin)
    assert all(torch.equal(one, other) for one, other in zip(network.state_dict().values(), twin.state_dict().values()))
    freeze([network.model])
    before = copy.deepcopy(network.state_dict())
    network.train()(pictures(2, side=side(spec)))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@peers
def test_what_a_recipe_says_of_it_reads_back():
    assert catalogue.specification("timm", json.loads(json.dumps(dataclasses.asdict(SPEC)))) == SPEC
