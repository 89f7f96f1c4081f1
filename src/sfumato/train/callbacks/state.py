"""The state of a run as one safetensors file: tensors under numbers, everything else as JSON in its header.  Never a pickle."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.core.progress import say
from sfumato.train.callback import Callback
from sfumato.train.learner import Learner
from sfumato.train.run import Run

KEPT = 2  # states: should the newest be damaged, the one before it is there
_TENSOR = "__tensor__"


def write(path: Path, state: dict[str, Any]) -> None:
    """Write a tree of dicts, lists, tensors and JSON values at once, or not at all."""
    tensors: dict[str, Tensor] = {}
    tree = _pack(state, tensors)
    files.write_bytes(path, save(tensors, metadata={"tree": json.dumps(tree)}))


def read(path: Path) -> dict[str, Any]:
    """The tree that `write` was given; its tensors are in the machine's own memory, for whoever takes them up has room for them already."""
    try:
        with safe_open(path, framework="pt") as file:
            tree = json.loads(file.metadata()["tree"])
            state = _unpack(tree, file)
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise Refusal(f"The state {path} is damaged ({error}).") from error
    return state  # type: ignore[no-any-return]


def newest(run: Run) -> dict[str, Any] | None:
    """The newest state that can be read; nothing where none was saved yet."""
    found = sorted(run.states.glob("*.safetensors"), reverse=True) if run.states.is_dir() else []
    found = [path for path in found if re.fullmatch(r"\d+\.safetensors", path.name)]
    for path in found:
        try:
            return read(path)
        except Refusal as damaged:
            say(f"{damaged} The one before it is taken.")
    if found:
        raise Refusal(f"No state in {run.states} can be read. Start again with another --out.")
    return None


def _pack(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        name = f"{len(tensors):05d}"
        tensors[name] = value.detach().clone(memory_format=torch.contiguous_format)
        return {_TENSOR: name}
    if isinstance(value, dict):
        return {str(key): _pack(inner, tensors) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_pack(inner, tensors) for inner in value]
    return value


def _unpack(value: Any, file: Any) -> Any:
    if isinstance(value, dict):
        if _TENSOR in value:
            return file.get_tensor(value[_TENSOR])
        return {key: _unpack(inner, file) for key, inner in value.items()}
    if isinstance(value, list):
        return [_unpack(inner, file) for inner in value]
    return value


class SaveState(Callback):
    """Write the whole state every so many steps or seconds, after the last step, and when the run is interrupted."""

    def __init__(self, run: Run, *, steps: int | None, seconds: float):
        self.run, self.steps, self.seconds = run, steps, seconds
        self.saved_at = 0  # step of the newest state
        self.saved_when = time.monotonic()
        self.complete = True  # between steps: what is in memory is one whole state

    def before_fit(self, learner: Learner) -> None:
        """The clock starts."""
        self.saved_when = time.monotonic()
        self.saved_at = learner.begins_at

    def before_batch(self, learner: Learner) -> None:
        """From here on weights and counters may disagree."""
        self.complete = False

    def after_batch(self, learner: Learner) -> None:
        """Save where it is due."""
        if learner.phase != "train" or learner.position % learner.accumulate:
            return
        self.complete = True
        if self.steps is not None:
            due = learner.step % self.steps == 0
        else:
            due = time.monotonic() - self.saved_when >= self.seconds
        if due:
            self.save(learner)

    def after_phase(self, learner: Learner) -> None:
        """What comes after the last step (validation, scores) may be killed too, and nothing is trained again for it."""
        if learner.phase == "train" and learner.progress >= 1 and learner.step != self.saved_at:
            self.save(learner)

    def on_stop(self, learner: Learner) -> None:
        """Interrupted between two steps: nothing is lost.  In the middle of one: the last state stays."""
        if learner.stopping and self.complete and learner.step != self.saved_at:
            self.save(learner)

    def save(self, learner: Learner) -> None:
        """Write a new state, then remove all but the newest two."""
        write(self.run.states / f"{learner.step:08d}.safetensors", learner.state())
        self.saved_at, self.saved_when = learner.step, time.monotonic()
        for old in sorted(self.run.states.glob("*.safetensors"))[:-KEPT]:
            old.unlink(missing_ok=True)
