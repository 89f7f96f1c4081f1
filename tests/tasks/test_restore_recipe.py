"""Recipes of the task `restore` that are written rightly and ask for what no machine can do."""

import json

import pytest

from sfumato.core import recipe
from sfumato.core.errors import Refusal
from sfumato.tasks.restore_recipe import Restore


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["network.widths=[1000000000]"], "network.widths"),
        (["network.widths=[8,8]"], "network.blocks needs 2"),
        (["network.widths=[8]", "network.blocks=[1]", "network.blocks_up=[]", "network.cross=true"], "network.cross"),
        (["network.kind=residual", "network.blocks=1000000"], "at least 1 and at most 256"),
        (["train.batch=1000000000000"], "train.batch"),
        (["train.batch=60000", "data.crop=1024"], "pixels at once"),
        (["train.workers=1000000000"], "train.workers"),
        (["train.steps=-1"], '"off" or a whole number at least 0'),
        (["train.state_steps=0"], "train.state_steps"),
        (["train.valid_every=0"], "train.valid_every"),
        (["train.average=0"], "train.average"),
        (["optimiser.clip=-1"], "optimiser.clip"),
        (["data.crop=1000000000"], "data.crop"),
        (["data.margin=1000000000"], "data.margin"),
        (["data.folders=[]"], "data.folders"),
        (["data.leaves=1000000000000"], "data.leaves"),
        (["data.crops_per_picture=1000000000000"], "data.crops_per_picture"),
        (["augment.pad=1000000000"], "augment.pad"),
        (["previews.side=1000000000"], "previews.side"),
        (["name=../../elsewhere"], "name"),
        (["name="], "name"),
        (["start_from=a\0b"], "start_from"),
    ],
)
def test_what_no_machine_can_do_is_refused_when_the_recipe_is_read(changes, words):
    with pytest.raises(Refusal) as refusal:
        recipe.read(Restore, {}, changes)
    assert words in str(refusal.value)


@pytest.mark.parametrize("folders", [["a"], ["a", "a", "b"]])
def test_what_people_ask_for_is_not(folders):
    changes = [f"data.folders={json.dumps(folders)}", "network.widths=[48,96,192,384]", "network.blocks=[2,2,4,8]"]
    changes.append("network.blocks_up=[2,2,2]")
    large = ["train.batch=512", "data.crop=256", "data.leaves=20000", "train.steps=10000000", "name=Großmutters Fotos (1950-1960)"]
    assert recipe.read(Restore, {}, [*changes, *large]).data.folders == tuple(folders)
