"""The page of a run: right for a finished, a young and a broken one, and alone in the world."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sfumato.core.errors import Refusal
from sfumato.core.levels import Levels, to_levels, to_unit
from sfumato.metrics.pictures import PROTOCOLS, psnr_rgb
from sfumato.metrics.score import gain, over_pictures
from sfumato.report.page import write_report

BEFORE, AFTER = [24.0, 26.0, 28.0, 25.0, 23.0], [29.0, 31.5, 32.0, 30.0, 28.5]


def scores(before: list[float] = BEFORE, after: list[float] = AFTER) -> dict[str, Any]:
    protocol = PROTOCOLS["psnr_rgb"]
    means = {"input": before, "median": [value + 0.5 for value in before], "restored": after}
    return {
        "protocols": {"psnr_rgb": protocol},
        "rows": [{"name": way, "psnr_rgb": over_pictures(values, protocol=protocol, seed=1).row()} for way, values in means.items()],
        "gains": {"psnr_rgb": gain(before, after, protocol=protocol, seed=1).row()},
        "pictures": [
            {"name": f"face {number}.png", "input": {"psnr_rgb": old}, "restored": {"psnr_rgb": new}}
            for number, (old, new) in enumerate(zip(before, after, strict=True))
        ],
    }


@pytest.fixture
def young(tmp_path: Path, portrait: Levels, rng: np.random.Generator) -> Path:
    """A run that was killed at step 200, in the middle of a line."""
    run = tmp_path / "run <1>"
    (run / "previews").mkdir(parents=True)
    noise = rng.normal(0, 0.1, portrait.shape).astype(np.float32)
    stages = {"target": 0, "input": 1, "0000000": 1, "0000100": 0.5, "0000200": 0.2}
    for name, share in stages.items():
        Image.fromarray(to_levels(to_unit(portrait) + share * noise)).save(run / "previews" / f"{name}-00.png")
    lines = [{"kind": "step", "step": step, "loss": 5 / step, "rate": 1e-3, "seconds": step / 2} for step in range(10, 201, 10)]
    lines += [{"kind": "valid", "step": step, "scores": {"psnr_rgb": 20 + step / 100}} for step in (0, 100, 200)]
    (run / "stats.jsonl").write_text("\n".join(map(json.dumps, lines)) + '\n{"kind": "st')
    (run / "recipe.toml").write_text('task = "restore"\n\n[spoil]\nchain = "noise 25 | jpeg 30"\n')
    (run / "plan.txt").write_text("after_update   SkipNonFinite\n")
    facts = {"name": "faces & <b>flags</b>", "task": "restore", "status": "running", "parameters": 451_203, "versions": {"torch": "2.13.0"}}
    (run / "run.json").write_text(json.dumps(facts))
    return run


@pytest.fixture
def done(young: Path) -> Path:
    """The same run, finished and scored."""
    note(young, status="done", minutes=3.0, steps=200, peak_memory=1_500_000_000, difference="[train]\nminutes = 3.0")
    (young / "scores.json").write_text(json.dumps(scores()))
    return young


def note(run: Path, **facts: Any) -> None:
    (run / "run.json").write_text(json.dumps({**json.loads((run / "run.json").read_text()), **facts}))


class Reader(HTMLParser):
    """Text, tags and addresses of a page; every tag must be closed."""

    VOID = ("meta", "img", "input", "br", "link")

    def __init__(self, page: Path):
        super().__init__()
        self.words, self.tags, self.addresses, self.open, self.within = "", [], [], [], ""
        self.feed(page.read_text(encoding="utf-8"))
        self.words = re.sub(r"\s+", " ", self.words)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "action", "data")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words += f" {data} "


def read(run: Path) -> Reader:
    return Reader(write_report(run))


def test_the_page_is_written_into_the_run_folder(done):
    assert write_report(done) == done / "report.html"


def test_the_page_fetches_nothing(done):
    page = write_report(done).read_text()
    assert all(address.startswith("data:image/") for address in read(done).addresses) and not re.search(r"https?://|url\(|@import", page)


def test_the_page_is_well_formed(done):
    assert read(done).open == []


def test_names_from_strangers_are_text_and_never_markup(done):
    reader = read(done)
    assert "faces & <b>flags</b>" in reader.words and "<b>flags" not in write_report(done).read_text()


def test_a_gain_is_told_in_one_sentence_with_the_best_filter(done):
    told = "Better than what came in: +5.00 dB PSNR on 5 held-out pictures (25.20 to 30.20 dB)"
    assert f"{told}, and +4.50 against the best plain one, median filter." in read(done).words


def test_a_gain_that_a_plain_filter_gives_too_is_told_with_it(done):
    (done / "scores.json").write_text(json.dumps(scores(BEFORE, [value + 0.25 for value in BEFORE])))
    assert "but a plain median filter does as well or better (+0.25)" in read(done).words


def test_a_loss_is_told_as_a_loss(done):
    (done / "scores.json").write_text(json.dumps(scores(AFTER, BEFORE)))
    assert "Worse than what came in: −5.00 dB PSNR" in read(done).words


def test_a_gain_whose_interval_holds_zero_is_not_called_one(done):
    (done / "scores.json").write_text(json.dumps(scores(BEFORE, [23.0, 28.0, 27.0, 26.5, 22.5])))
    assert "No clear gain" in read(done).words


def test_a_gain_on_two_pictures_says_that_two_are_few(done):
    (done / "scores.json").write_text(json.dumps(scores(BEFORE[:2], AFTER[:2])))
    assert "So few pictures say little" in read(done).words


def test_scores_without_gains_are_subtracted(done):
    (done / "scores.json").write_text(json.dumps({name: value for name, value in scores().items() if name != "gains"}))
    assert "Better than what came in: +5.00 dB PSNR on 5" in read(done).words


def test_one_picture_has_no_interval(done):
    (done / "scores.json").write_text(json.dumps(scores(BEFORE[:1], AFTER[:1])))
    assert "interval over pictures" not in read(done).words


@pytest.mark.parametrize("what", ["25.20", "24.", "+5.00", "face 3.png", "median filter", PROTOCOLS["psnr_rgb"]])
def test_the_table_has_means_gains_pictures_and_protocol(done, what):
    assert what in read(done).words


@pytest.mark.parametrize(
    "what", ["finished", "200 steps in 3 min", "0.45 M", "1.5 GB", "torch", "2.13.0", "noise 25 | jpeg 30", "SkipNonFinite"]
)
def test_the_page_tells_time_memory_size_versions_chain_and_plan(done, what):
    assert what in read(done).words


def test_the_recipe_is_there_in_short_and_whole(done):
    assert "[train] minutes = 3.0" in read(done).words and '[spoil] chain = "noise 25 | jpeg 30"' in read(done).words


def test_a_young_run_says_that_it_is_not_finished_and_how_to_go_on(young):
    words = read(young).words
    assert "200 steps in 1.7 min so far" in words and f"sfumato resume {young}" in words and "There are no scores" in words


def test_a_run_that_was_resumed_and_killed_tells_how_far_it_came(young):
    """Its facts are of the stop before."""
    note(young, status="running", steps=50, minutes=0.4)
    assert "200 steps in 1.7 min so far" in read(young).words


def test_a_line_that_a_kill_cut_short_is_counted(young):
    assert "lines of stats.jsonl that could not be read 1" in read(young).words


def test_updates_that_were_left_out_are_counted(young):
    assert "updates left out" not in read(young).words
    with (young / "stats.jsonl").open("r+") as file:
        rest = file.read()
        file.seek(0)
        file.write('{"kind": "skipped", "step": 3, "player": "network", "parts": [], "items": [1]}\n' * 2 + rest)
    assert "updates left out, for their gradient was no number 2" in read(young).words


def test_a_run_that_failed_says_why(young):
    note(young, status="stopped: the loss was not finite at step 77", steps=277)
    assert "277 steps in 1.7 min, then: the loss was not finite at step 77" in read(young).words


def test_a_finished_run_without_held_out_pictures_says_so(young):
    note(young, status="done")
    assert "no picture was held out" in read(young).words


def test_a_folder_with_nothing_but_a_recipe_has_a_page(tmp_path):
    (tmp_path / "recipe.toml").write_text('task = "restore"\n')
    assert "not finished" in read(tmp_path).words


def test_a_folder_without_a_recipe_is_refused(tmp_path):
    with pytest.raises(Refusal, match=r"not a run folder: it has no recipe\.toml"):
        write_report(tmp_path)


def test_damaged_scores_are_refused_by_name(done):
    (done / "scores.json").write_text("{")
    with pytest.raises(Refusal, match=r"scores\.json is damaged"):
        write_report(done)


def test_every_slider_can_be_reached_and_is_named(done):
    sliders = [attributes for tag, attributes in read(done).tags if tag == "input"]
    assert [(slider["type"], slider["aria-label"].startswith("face 0.png")) for slider in sliders] == [("range", True)]


def test_every_picture_says_what_it_shows(done):
    assert all(attributes.get("alt") for tag, attributes in read(done).tags if tag == "img")


def test_the_slider_shows_the_last_repair_with_its_own_score(young, portrait):
    shown = np.asarray(Image.open(young / "previews/0000200-00.png"))
    assert f"repaired, step 200 {psnr_rgb(to_unit(shown), to_unit(portrait)):.2f} dB" in read(young).words


def test_there_is_a_curve_for_the_loss_each_score_and_the_rate(young):
    drawn = [attributes["aria-label"] for tag, attributes in read(young).tags if tag == "svg" and "aria-label" in attributes]
    assert drawn == ["Loss over steps", "PSNR of held-out pictures over steps", "Learning rate over steps"]


def test_a_loss_that_was_not_finite_for_a_while_still_has_a_curve(young):
    with (young / "stats.jsonl").open("a") as file:
        file.write('\n{"kind": "step", "step": 210, "loss": NaN, "rate": 0.001}\n')
    assert "Loss over steps" in write_report(young).read_text()


def test_a_run_with_many_steps_has_a_page_of_modest_size(done):
    lines = [{"kind": "step", "step": step, "loss": 1 / step, "rate": 1e-3, "seconds": step} for step in range(1, 50_000)]
    (done / "stats.jsonl").write_text("\n".join(map(json.dumps, lines)))
    previews = sum(path.stat().st_size for path in (done / "previews").iterdir())
    assert write_report(done).stat().st_size < 2 * previews + 100_000


def test_large_previews_are_made_smaller_files(young, rng):
    for name in ("input", "target", "0000200"):
        Image.fromarray(rng.integers(0, 256, (600, 600, 3), np.uint8)).save(young / f"previews/{name}-01.png")
    assert "data:image/jpeg" in {address.partition(";")[0] for address in read(young).addresses}


def test_a_game_is_drawn_and_what_went_wrong_in_it_is_said(young):
    stands = [
        {"kind": "game", "step": step, "distance": 0.5 - step / 1000, "drift": 0.01, "accuracy": 0.8, "faults": faults}
        for step, faults in ((100, []), (200, ["Colours drift: 9.0% more red than in the good pictures."]))
    ]
    lines = (young / "stats.jsonl").read_text().rpartition("\n")[0]
    (young / "stats.jsonl").write_text("\n".join([lines, *map(json.dumps, stands)]) + "\n")
    said = read(young).words
    assert "Critic: share told rightly" in said and "Drift of colours" in said and "by which the best snapshot is chosen" in said
    assert "fault at step 200" in said and "9.0% more red" in said and "fault at step 100" not in said


def test_which_part_of_a_loss_pulls_how_strongly_is_drawn(young):
    shares = [{"kind": "shares", "step": step, "shares": {"l1": 0.9 - step / 1000, "colour": 0.1 + step / 1000}} for step in (0, 100)]
    lines = (young / "stats.jsonl").read_text().rpartition("\n")[0]
    (young / "stats.jsonl").write_text("\n".join([lines, *map(json.dumps, shares)]) + "\n")
    said = read(young).words
    assert "Share of l1 in the gradient last 80 %" in said and "Share of colour in the gradient last 20 %" in said


def test_of_a_distance_less_is_a_gain_everywhere_on_the_page(done):
    protocol = "A distance; less is nearer."
    ways = {"input": [0.30, 0.40], "restored": [0.20, 0.10]}
    told = {
        "protocols": {"abs_rel": protocol},
        "rows": [{"name": way, "abs_rel": over_pictures(values, protocol=protocol, seed=1).row()} for way, values in ways.items()],
        "gains": {"abs_rel": gain(*ways.values(), protocol=protocol, seed=1).row()},
        "pictures": [{"name": f"{n}", **{way: {"abs_rel": values[n]} for way, values in ways.items()}} for n in (0, 1)],
    }
    (done / "scores.json").write_text(json.dumps(told))
    said = read(done).words
    assert "+20.00" in said and "+10.00" in said and "+30.00" in said and "\N{MINUS SIGN}" not in said


def test_scores_stand_in_the_order_in_which_a_reader_looks_for_them() -> None:
    from sfumato.report import words

    assert words.in_order(["drift", "own", "ssim_rgb", "psnr_rgb"]) == ["psnr_rgb", "ssim_rgb", "drift", "own"]
