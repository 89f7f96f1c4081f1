"""Several trainings on one page, rung by rung: the same pictures in the same order, and losses in training beside held-out ones."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sfumato.core.errors import Refusal
from sfumato.core.files import write_text
from sfumato.report import embed, words
from sfumato.report.page import environment
from sfumato.report.read import RunFiles, read_run, series

NAME = "ladder.html"
LAST = 20  # lines of stats.jsonl over which the training loss at the end is averaged
SIDE = 144  # px that a picture is shown at, at least
COLUMNS = ("minutes", "steps", "parameters", "training loss", "held-out loss", "gap", "PSNR, dB")


@dataclass(frozen=True)
class Rung:
    """One training: its name and a cell for each of `COLUMNS`."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Pictures:
    """One held-out picture as it came, as each rung repairs it, and as it should be: data addresses."""

    name: str
    addresses: tuple[str, ...]


def write_ladder(folders: Sequence[Path], out: Path) -> Path:
    """Write the page of some run folders, lowest rung first.  Refuses fewer than two, and runs whose held-out pictures differ."""
    if len(folders) < 2:
        raise Refusal(f"A ladder has two rungs or more, but {len(folders)} run folder was named: give several, the lowest first.")
    runs = [read_run(folder) for folder in folders]
    pictures = _pictures(runs)
    text = (
        environment()
        .get_template("ladder.html.jinja")
        .render(
            title=" → ".join(_name(run) for run in runs),
            columns=COLUMNS,
            rungs=[Rung(_name(run), _cells(run)) for run in runs],
            parts=_parts(runs),
            pictures=pictures,
            side=SIDE,
            folders=[str(run.folder) for run in runs],
            written=time.strftime("%Y-%m-%d %H:%M"),
        )
    )
    write_text(out, text)
    return out


def _name(run: RunFiles) -> str:
    return str(run.facts.get("name") or run.folder.name)


def _cells(run: RunFiles) -> tuple[str, ...]:
    facts, (steps, minutes) = run.facts, run.reached
    trained, held = _ends(run, "loss")
    psnr = series(run.validations, "scores", "psnr_rgb")
    return (
        f"{minutes:.1f}",
        words.amount(steps),
        words.amount(facts["parameters"]) if facts.get("parameters") else "",
        _told(trained),
        _told(held),
        _told(None if trained is None or held is None else held - trained),
        words.number(psnr[-1][1], "psnr_rgb") if psnr else "",
    )


def _parts(runs: Sequence[RunFiles]) -> list[tuple[str, list[str]]]:
    """Every part that any rung has: `training / held out (gap)` a rung."""
    names = dict.fromkeys(name for run in runs for row in run.steps[-1:] for name in row.get("parts", {}))
    return [(name, [_both(*_ends(run, "parts", name)) for run in runs]) for name in names]


def _both(trained: float | None, held: float | None) -> str:
    if trained is None or held is None:
        return _told(trained)
    return f"{_told(trained)} / {_told(held)} ({held - trained:+.2g})"


def _ends(run: RunFiles, *path: str) -> tuple[float | None, float | None]:
    """A value at the end: the mean of the last lines in training, and that of the last validation."""
    trained, held = series(run.steps, *path)[-LAST:], series(run.validations, *path)
    return (sum(value for _, value in trained) / len(trained) if trained else None), (held[-1][1] if held else None)


def _told(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _pictures(runs: Sequence[RunFiles]) -> list[Pictures]:
    first = runs[0].previews
    for run in runs[1:]:
        for mine, theirs in zip(first, run.previews):
            for how, one, other in (("hold out other pictures", mine.good, theirs.good), ("spoil otherwise", mine.spoilt, theirs.spoilt)):
                if one and other and one.read_bytes() != other.read_bytes():
                    raise Refusal(
                        f"{runs[0].folder} and {run.folder} {how}, such as {one.name}: a ladder shows the same ones. "
                        "Train both from the same folders, with the same data.split, spoil.chain and previews."
                    )
    count = min(len(run.previews) for run in runs)
    return [_row(runs, index) for index in range(count)]


def _row(runs: Sequence[RunFiles], index: int) -> Pictures:
    first = runs[0].previews[index]
    repaired = [run.previews[index].repaired for run in runs]
    ways = [first.spoilt, *(stages[-1][1] if stages else None for stages in repaired), first.good]
    return Pictures(f"held-out picture {index + 1}", tuple(embed.whole(path) if path else "" for path in ways))
