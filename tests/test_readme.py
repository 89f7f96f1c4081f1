"""The README's commands, typed in a folder with a few photographs, with trainings of a few steps."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image

from sfumato.cli import main
from sfumato.data.known import catalogue

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SECTIONS = re.split(r"^## ", README, flags=re.MULTILINE)
TINY = {
    "restore": "network.kind=residual network.width=8 network.blocks=1 data.crop=32 train.batch=2 train.tune=false previews.side=64"
    " previews.count=1",
    "classify": "network.widths=[4] network.blocks=[1] train.batch=2 train.tune=false",
    "mnist-cnn": "train.tune=false",
    "restore-sharp": "data.crop=32 train.batch=2 train.tune=false previews.side=64 previews.count=1 game.warm_steps=3 game.warm_pairs=8",
    "segment": "network.width=8 network.encoder.widths=[8,8] network.encoder.blocks=[1,1] network.encoder.stem_stride=1 data.crop=32"
    " train.batch=2 train.tune=false previews.count=1",
    "depth": "network.width=8 network.encoder.widths=[8,8] network.encoder.blocks=[1,1] network.encoder.stem_stride=1 data.crop=32"
    " train.batch=2 train.tune=false previews.count=1",
    "generate": "network.width=4 train.batch=2 train.tune=false",
}


def blocks(kind: str, text: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Every line of every shell block as words; what repairs comes last, for it needs a model that was learnt."""
    learnt_first = sorted(SECTIONS, key=lambda section: section.startswith("Repair"))
    lines = [line for section in learnt_first for block in blocks("sh", section) for line in block.splitlines()]
    return [tiny(shlex.split(line, comments=True)[1:]) for line in lines]


def tiny(words: list[str]) -> list[str]:
    """The same command, with its training cut short."""
    if words[0] not in ("train", "plan", "find-lr"):
        return words
    short = [word for before, word in zip(["", *words], words) if "--minutes" not in (before, word)]
    short = [word.replace("train.minutes=30", "train.steps=3").replace("train.epochs=30", "train.epochs=off") for word in short]
    budget = ["--steps", "3"] if words[0] == "train" else []
    return [*short, *budget, *(word for change in TINY.get(words[1], TINY["restore"]).split() for word in ("--set", change))]


def has_data(words: list[str]) -> bool:
    """Whether what a command needs is there: known data sets are not part of the package."""
    return "mnist-cnn" not in words or catalogue.find("mnist") is not None


@pytest.fixture
def folder(photograph_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the README is followed: `photos/` (one folder a kind) with `masks/` and `depths/`, `photos-new/` and `photo.jpg` are there."""
    place = tmp_path / "place"
    shutil.copytree(photograph_folder, place / "photos")
    shutil.copy(next((place / "photos").rglob("*.jpg")), place / "photo.jpg")
    shutil.copytree(place / "photos" / "left", place / "photos-new")
    for path in (place / "photos").rglob("*.*"):
        light = Image.open(path).convert("L")
        for kind, scale in (("masks", lambda level: level // 128), ("depths", lambda level: 255 - level // 2)):
            made = place / kind / path.relative_to(place / "photos").with_suffix(".png")
            made.parent.mkdir(parents=True, exist_ok=True)
            light.point(scale).save(made)
    (place / "legend.txt").write_text("0\tdark\n1\tlight\n")
    monkeypatch.chdir(place)
    return place


def test_what_the_readme_shows_can_be_typed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = {}
    for words in filter(has_data, commands()):
        with pytest.raises(SystemExit) as end:
            main.app(words)
        said = capsys.readouterr()
        if end.value.code:
            failed[" ".join(words)] = said.err
    assert failed == {}
    [python] = blocks("python", README)
    found: dict[str, object] = {}
    exec(python, found)  # what stands in the README is ours
    assert found["repaired"].pixels.ndim == 3  # type: ignore[attr-defined]


def test_the_readme_names_every_verb() -> None:
    names = {command.name for command in main.app.registered_commands} | {group.name for group in main.app.registered_groups}
    assert {name for name in names if f"sfumato {name}" not in README} == set()


def test_every_file_the_readme_points_at_is_there() -> None:
    assert [link for link in re.findall(r"\]\(([^)#:]+)\)", README) if not (ROOT / link).exists()] == []


def test_the_readmes_pip_commands_are_those_of_make() -> None:
    assert "-c constraints.txt -e '.[dev,demo]'" in (ROOT / "Makefile").read_text() and '-c constraints.txt -e ".[dev,demo]"' in README
