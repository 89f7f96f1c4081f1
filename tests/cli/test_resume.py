"""What stands in a run folder besides models, and how a run is resumed."""

from collections.abc import Callable
from pathlib import Path

import torch

from sfumato.core import recipe
from sfumato.tasks import restore
from sfumato.tasks.restore_recipe import Restore
from sfumato.train.callbacks import state

TypeIn = Callable[..., tuple[int, str, str]]


def test_a_number_of_workers_below_nought_is_refused(type_in: TypeIn, tmp_path: Path) -> None:
    code, _, err = type_in("resume", tmp_path, "--workers", "-1")
    assert (code, "--workers" in err) == (2, True)


def test_the_help_of_resume_says_that_workers_change_nothing(type_in: TypeIn) -> None:
    assert "does not depend" in type_in("resume", "--help")[1]


def test_models_of_a_run_are_listed_without_its_states_and_what_a_kill_left(type_in: TypeIn, tmp_path: Path) -> None:
    task = restore.build(recipe.read(Restore, {}, ["network.widths=[8,12]", "network.blocks=[1,1]", "network.blocks_up=[1]"]))
    task.save(tmp_path / "run" / "last.safetensors", task.network, {}, 0)
    state.write(tmp_path / "run" / "state" / "00000010.safetensors", {"weight": torch.zeros(3)})
    (tmp_path / "run" / ".last.safetensors.17-0123abcd.part.safetensors").write_bytes(b"half")
    code, out, err = type_in("models", tmp_path)
    assert (code, err, out.count("MB)")) == (0, "", 1)
    (tmp_path / "run" / "foreign.safetensors").write_bytes(b"of another program")
    code, out, err = type_in("models", tmp_path)
    assert (code, out.count("MB)")) == (3, 1) and "foreign.safetensors" in err
