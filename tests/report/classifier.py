"""A classifier's run folder as a training leaves it, from plausible answers: for tests of the page, and to look at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage import data as pictures
from torch import nn

from sfumato.core.files import write_bytes
from sfumato.core.levels import Levels
from sfumato.metrics import classes
from sfumato.show import classes as drawn
from sfumato.show import layers, plots
from sfumato.show.sheets import sheet

DIGITS = [str(digit) for digit in range(10)]


def answers(count: int, names: int, seed: int = 3, skill: float = 5.5) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and labels of a network that takes neighbouring classes for one another."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, names, count)
    near = (np.arange(names)[None] - labels[:, None]) % names <= 1
    logits = rng.normal(0, 1.1, (count, names)) + 0.45 * skill * near
    logits[np.arange(count), labels] += 0.55 * skill
    return torch.tensor(logits).softmax(dim=1).numpy(), labels


def write_run(folder: Path, *, count: int = 10_000, names: list[str] = DIGITS, skill: float = 5.5, instruments: bool = True) -> Path:
    """A finished run of a classifier."""
    (folder / "instruments").mkdir(parents=True)
    probabilities, labels = answers(count, len(names), skill=skill)
    (folder / "scores.json").write_text(json.dumps(classes.judged(probabilities, labels, names, seed=42)))
    (folder / "recipe.toml").write_text('task = "classify"\n\n[data]\nset = "mnist"\n\n[train]\nepochs = 12\n')
    (folder / "plan.txt").write_text("after_update   SkipNonFinite, WeightAverage, Stats\n")
    facts = {"name": "mnist-resnet", "task": "classify", "status": "done", "parameters": 41_132, "minutes": 4.2, "steps": 5600}
    facts |= {"peak_memory": 912_000_000, "device": "cpu", "versions": {"torch": "2.13.0"}, "difference": "[train]\nepochs = 12"}
    (folder / "run.json").write_text(json.dumps(facts))
    (folder / "stats.jsonl").write_text("\n".join(map(json.dumps, _rows())) + "\n")
    if instruments:
        _draw(folder / "instruments", probabilities, labels, names)
    return folder


def _rows() -> list[dict[str, Any]]:
    rng = np.random.default_rng(1)
    rows: list[dict[str, Any]] = []
    for step in range(10, 5601, 10):
        share = step / 5600
        rate, loss = 0.01 * np.sin(np.pi * min(1, share + 0.1)), 2.3 * np.exp(-6 * share) + 0.02 + 0.01 * rng.random()
        rows.append(
            {"kind": "step", "step": step, "seconds": step * 0.045, "loss": loss, "rate": rate, "momentum": 0.95 - 0.1 * rate * 100}
        )
    accuracies = [0.1, 0.93, 0.97, 0.984, 0.989, 0.991, 0.993, 0.9945, 0.9951]
    for index, accuracy in enumerate(accuracies):
        scores = {"accuracy": accuracy, "cross_entropy": 3.1 * (1 - accuracy)}
        rows.append({"kind": "valid", "step": 700 * index, "seconds": 31.0 * index, "scores": scores})
    return rows


def _draw(folder: Path, probabilities: np.ndarray, labels: np.ndarray, names: list[str]) -> None:
    """Every picture that a run may leave."""
    seen = probabilities.argmax(axis=1)
    matrix = classes.confusion(seen, labels, len(names))
    error, bins = classes.calibration(probabilities, labels)
    write_bytes(folder / "confusion.png", drawn.confusion(matrix, names))
    write_bytes(folder / "calibration.png", drawn.reliability(bins, error))
    write_bytes(folder / "classes.png", drawn.bars(names, classes.per_class(matrix).f1.tolist(), what="F1"))
    worst = np.argsort(probabilities[np.arange(len(labels)), labels])[:18]
    crops = _crops(18)
    told = [(names[labels[index]], names[seen[index]], float(probabilities[index].max())) for index in worst]
    _png(folder / "top-losses.png", drawn.top_losses(crops, *map(list, zip(*told, strict=True))))  # type: ignore[arg-type]
    _png(folder / "batch.png", sheet([crops[:6], crops[6:12]]))
    _inside(folder)


def _inside(folder: Path) -> None:
    """Real statistics of a small network whose weights grow, so that the pictures have a course."""
    generator = torch.Generator().manual_seed(0)
    steps, widths, names = list(range(0, 5600, 56)), 5, [f"stages.{index}.act" for index in range(5)]
    values, counts = np.zeros((len(steps), widths, 3), np.float32), np.zeros((len(steps), widths, 40), np.float32)
    for record in range(len(steps)):
        x = torch.randn(16, 24, 12, 12, generator=generator)
        for index in range(widths):
            weight = torch.randn(24, 24, 3, 3, generator=generator) * (0.085 + 0.02 * np.tanh(record / 20))
            x = nn.functional.conv2d(x, weight, padding=1).relu()
            values[record, index] = x.mean(), x.std(), (x < 0.01).float().mean()
            counts[record, index] = torch.histc(x.clamp(max=10), 40, 0, 10)
    means, spreads, dead = np.moveaxis(values, -1, 0)
    picture = layers.activations(names, steps, means=means, spreads=spreads, dead=dead, counts=counts, reach=10.0)
    write_bytes(folder / "activations.png", picture)
    norms = 0.3 * np.exp(-np.arange(5) / 3)[None] * (0.2 + np.exp(-np.arange(len(steps)) / 30))[:, None]
    write_bytes(folder / "gradients.png", layers.gradients(names, steps, norms.astype(np.float32)))
    places = np.linspace(-1, 1, 21)
    bowl = 0.03 + 1.8 * places[:, None] ** 2 + 2.6 * places[None] ** 2 + 0.4 * np.sin(5 * places)[:, None] ** 2
    write_bytes(folder / "surface.png", plots.surface(places.tolist(), bowl))
    lines = ["layer          output            parameters   multiply-adds", "stem           (16, 28, 28)             144         112 896"]
    (folder / "summary.txt").write_text(
        "\n".join([*lines, *(f"stages.{index}       (32, 14, 14)           4 608         903 168" for index in range(4))])
    )


def _crops(count: int) -> list[Levels]:
    """Pieces of a photograph, 28 px."""
    photograph = pictures.astronaut()[::4, ::4]
    return [
        np.ascontiguousarray(photograph[row : row + 28, column : column + 28]) for row in (0, 30, 60, 90) for column in range(0, 100, 20)
    ][:count]


def _png(path: Path, picture: Levels) -> None:
    Image.fromarray(picture).save(path)
