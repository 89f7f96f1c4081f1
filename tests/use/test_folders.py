"""One function over a tree of pictures."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from sfumato.core import files
from sfumato.core.errors import Refusal
from sfumato.use import folders, workers
from sfumato.use.manifest import NAME, Manifest
from sfumato.use.workers import Stages
from tests.data.shut import too_deep


@dataclass(frozen=True)
class Turn:
    """Writes the bytes of the input backwards, after a small text; fails, dies or dawdles over files of certain names."""

    head: str = ""
    seconds: float = 0

    def __call__(self, source: Path, target: Path) -> dict[str, int]:
        if source.stem.startswith("bad"):
            raise Refusal("it is bad")
        if source.stem.startswith("deadly"):
            os._exit(9)
        time.sleep(self.seconds)
        data = source.read_bytes()
        target.write_bytes(self.head.encode() + data[::-1])
        return {"bytes": len(data)}


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are started afresh find `Turn` by this file's module name, tests.use.test_folders."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Four files called pictures in three folders, and one text."""
    root = tmp_path / "in"
    for name in ("one.png", "two.jpg", "deep/three.png", "deep/er/four ü 图.png", "notes.txt"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"bytes of {name}".encode())
    return root


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def over(tree: Path, out: Path, action: Turn = Turn(), **changes: object) -> folders.Summary:
    return folders.over(tree, out, action, **{"options": "turn", "quiet": True, **changes})  # type: ignore[arg-type]


def written(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file() and path.name != NAME}


def times(out: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in out.rglob("*.*g")}


def test_a_tree_is_mirrored(tree, out):
    over(tree, out)
    names = ["deep/er/four ü 图.png", "deep/three.png", "one.png", "two.jpg"]
    assert written(out) == {name: f"bytes of {name}".encode()[::-1] for name in names}


def test_the_summary_counts_what_was_done_and_what_was_no_picture(tree, out):
    summary = over(tree, out)
    assert (summary.done, summary.skipped, summary.failed, summary.ignored, summary.exit_code) == (4, 0, (), 1, 0)


def test_the_summary_keeps_what_the_action_said(tree, out):
    assert over(tree, out).results["one.png"] == {"bytes": len("bytes of one.png")}


def test_outputs_take_the_suffix_that_was_asked_for(tree, out):
    over(tree, out, suffix=".webp")
    assert sorted(written(out)) == ["deep/er/four ü 图.webp", "deep/three.webp", "one.webp", "two.webp"]


def test_processes_write_what_one_process_writes(tree, out, tmp_path):
    over(tree, out)
    over(tree, tmp_path / "other", jobs=2)
    assert written(tmp_path / "other") == written(out)


def test_a_second_run_touches_nothing(tree, out):
    over(tree, out)
    before = times(out)
    summary = over(tree, out)
    assert (summary.skipped, summary.done, times(out)) == (4, 0, before)


def test_a_second_run_still_knows_what_the_action_said(tree, out):
    assert over(tree, out).results == over(tree, out).results


def test_other_options_do_all_again(tree, out):
    over(tree, out)
    assert over(tree, out, Turn("new"), options="turn new").done == 4


def test_a_changed_picture_is_done_again_even_when_its_size_stays(tree, out):
    over(tree, out)
    (tree / "one.png").write_bytes(b"BYTES of one.png")
    assert (over(tree, out).done, (out / "one.png").read_bytes()) == (1, b"gnp.eno fo SETYB")


def test_a_picture_that_was_only_touched_is_skipped(tree, out):
    over(tree, out)
    os.utime(tree / "one.png", (1, 1))
    assert over(tree, out).skipped == 4


def test_an_output_that_was_deleted_or_cut_short_is_made_again(tree, out):
    over(tree, out)
    (out / "one.png").unlink()
    (out / "two.jpg").write_bytes(b"")
    assert over(tree, out).done == 2


def test_a_file_that_no_run_recorded_is_never_overwritten(tree, out):
    out.mkdir()
    (out / "one.png").write_bytes(b"a person's own")
    summary = over(tree, out)
    assert ((out / "one.png").read_bytes(), summary.done, summary.exit_code) == (b"a person's own", 3, 3)


def test_an_output_that_was_changed_by_hand_is_kept_and_named(tree, out):
    over(tree, out)
    (out / "one.png").write_bytes(b"retouched, and longer than before")
    (tree / "new.png").write_bytes(b"new")
    for action, options, done, skipped in ((Turn(), "turn", 1, 3), (Turn("other "), "turn otherwise", 4, 0)):
        summary = over(tree, out, action, options=options)
        assert summary.failed == ((tree / "one.png", f"{out / 'one.png'}: {folders.ALREADY}"),) and "--overwrite" in folders.ALREADY
        assert (summary.done, summary.skipped, summary.exit_code) == (done, skipped, 3)
        assert (out / "one.png").read_bytes() == b"retouched, and longer than before"
    assert over(tree, out, existing="replace").done == 5 and over(tree, out).skipped == 5


def test_what_was_made_before_a_run_that_failed_is_still_known(tree, out):
    (tree / "p.png").write_bytes(b"whole")
    over(tree, out)
    (tree / "p.png").write_bytes(b"stops")
    assert over(tree, out, STAGES, options="otherwise").exit_code == 130  # within p.png, which it had begun
    (out / "p.png").write_bytes(b"retouched, and longer than before")
    assert over(tree, out, options="otherwise").failed == ((tree / "p.png", f"{out / 'p.png'}: {folders.ALREADY}"),)


def test_what_was_made_of_another_picture_of_that_name_is_kept_while_that_one_is_there(tree, out, tmp_path):
    over(tree, out)
    other = tmp_path / "other"
    shutil.copytree(tree, other)
    assert over(other, out).skipped == 4  # the same bytes
    (other / "one.png").write_bytes(b"another")
    before = (out / "one.png").read_bytes()
    summary = over(other, out)
    assert (len(summary.failed), summary.skipped) == (1, 3) and "made of this picture" in summary.failed[0][1]
    assert (out / "one.png").read_bytes() == before
    shutil.rmtree(tree)  # the folder was renamed, and its pictures have changed since
    assert over(other, out).done == 1 and (out / "one.png").read_bytes() != before


def test_replace_overwrites_whatever_stands_there(tree, out):
    out.mkdir()
    (out / "one.png").write_bytes(b"old")
    assert over(tree, out, existing="replace").done == 4


def backwards(data: bytes) -> bytes:
    if data == b"breaks":
        raise Refusal("it cannot be turned")
    if data == b"stops":
        raise KeyboardInterrupt
    return data[::-1]


def keep(data: bytes, target: Path) -> None:
    target.write_bytes(data)


STAGES = Stages(Path.read_bytes, backwards, keep)


def test_reading_ahead_and_writing_behind_makes_the_same_tree(tree, out, tmp_path):
    over(tree, out, STAGES, threads=2)
    over(tree, tmp_path / "plain", STAGES)
    assert written(out) == written(tmp_path / "plain") and len(written(out)) == 4


def test_reading_ahead_a_bad_file_stops_no_other(tree, out):
    (tree / "b.png").write_bytes(b"breaks")
    summary = over(tree, out, STAGES, threads=2)
    assert (summary.done, summary.failed) == (4, ((tree / "b.png", "it cannot be turned"),))


def no_room(data: bytes, target: Path) -> None:
    if data == b"breaks":
        raise Refusal(f"{target.name} has no room for it")


@pytest.mark.parametrize("threads", [0, 2])
def test_what_could_not_be_written_is_refused_before_it_is_worked_on(tree, out, threads):
    (tree / "b.png").write_bytes(b"breaks")
    summary = over(tree, out, replace(STAGES, check=no_room), threads=threads, suffix=".webp")
    assert (summary.done, summary.failed) == (4, ((tree / "b.png", "b.webp has no room for it"),))


def test_reading_ahead_ctrl_c_keeps_what_is_done(tree, out):
    (tree / "p.png").write_bytes(b"stops")
    summary = over(tree, out, STAGES, threads=1)
    assert (summary.interrupted, summary.done, summary.left) == (True, len(written(out)), 5 - len(written(out)))


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_bad_file_stops_no_other(tree, out, jobs):
    (tree / "bad.png").write_bytes(b"")
    summary = over(tree, out, jobs=jobs)
    assert (summary.done, summary.failed, summary.exit_code) == (4, ((tree / "bad.png", "it is bad"),), 3)


@pytest.mark.skipif(sys.platform != "linux", reason="paths may be of other lengths there")
def test_a_folder_that_cannot_be_looked_into_has_failed(tree, out):
    deep = too_deep(tree)
    planned, done = over(tree, out, dry_run=True), over(tree, out)
    assert planned.failed == done.failed == ((deep, "it cannot be looked into: File name too long"),)
    assert (len(planned.planned), planned.exit_code, done.done, done.exit_code) == (4, 3, 4, 3)


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root may look everywhere, and Windows has other rights")
def test_a_folder_that_may_not_be_looked_into_has_failed(tree, out):
    shut = tree / "1998"
    shut.mkdir(mode=0)
    try:
        summary = over(tree, out)
    finally:
        shut.chmod(0o755)
    assert (summary.done, summary.failed) == (4, ((shut, "it cannot be looked into: Permission denied"),))


def test_a_failed_file_leaves_no_output_and_is_tried_again(tree, out):
    (tree / "bad.png").write_bytes(b"")
    over(tree, out)
    assert (len(over(tree, out).failed), (out / "bad.png").exists()) == (1, False)


def test_nothing_but_bad_files_is_status_two(tree, out):
    bad = tree.parent / "bad"
    bad.mkdir()
    (bad / "bad.png").write_bytes(b"")
    assert over(bad, out).exit_code == 2


def test_a_file_that_kills_its_process_is_named_and_all_others_are_done(tree, out):
    (tree / "deadly.png").write_bytes(b"")
    summary = over(tree, out, jobs=2)
    assert (summary.done, [path.name for path, _ in summary.failed]) == (4, ["deadly.png"])


def test_the_last_words_name_every_failed_file_with_its_reason(tree, out):
    (tree / "bad.png").write_bytes(b"")
    sentence = over(tree, out).sentence()
    assert sentence == f"4 files done, 1 failed, in {out}. 1 other file left alone.\n  {tree / 'bad.png'}: it is bad"


def test_an_action_that_writes_nothing_has_failed(tree, out):
    assert folders.over(tree, out, lambda source, target: None, options="", quiet=True).exit_code == 2


def test_control_c_keeps_what_is_done(tree, out):
    def stop_at_third(source: Path, target: Path) -> None:
        if len(written(out)) == 2:
            raise KeyboardInterrupt
        target.write_bytes(b"done")

    summary = folders.over(tree, out, stop_at_third, options="turn", quiet=True)
    assert (summary.done, summary.left, summary.exit_code) == (2, 2, 130)


def test_control_c_is_heard_while_files_are_tried_again_one_by_one(tree, out, monkeypatch):
    """All that was under way when a process died."""
    tried = []

    def alone(action: object, job: workers.Job) -> workers.Answer:
        tried.append(job.name)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it went on")

    (tree / "deadly.png").write_bytes(b"")
    monkeypatch.setattr(workers, "_alone", alone)
    summary = over(tree, out, jobs=2)
    assert (summary.exit_code, len(tried)) == (130, 1)


@pytest.mark.parametrize("ways", [{}, {"jobs": 2}, {"threads": 2}], ids=str)
def test_control_c_never_comes_between_an_output_and_its_record(tree, out, monkeypatch, ways):
    record, pressed = Manifest.finish, []

    def interrupted(*given: object) -> None:
        if not pressed:
            pressed.append(True)
            signal.raise_signal(signal.SIGINT)
        record(*given)

    monkeypatch.setattr(Manifest, "finish", interrupted)
    summary = over(tree, out, STAGES if "threads" in ways else Turn(), **ways)
    assert (summary.exit_code, summary.done, finished(out)) == (130, len(written(out)), sorted(written(out)))


def test_after_control_c_the_same_command_does_only_the_rest(tree, out):
    test_control_c_keeps_what_is_done(tree, out)
    summary = over(tree, out)
    assert (summary.skipped, summary.done) == (2, 2)


RUN = """
import sys, pathlib
sys.path[:0] = [{tests!r}, *{path!r}]
from test_folders import Turn, over
if __name__ == "__main__":
    summary = over(pathlib.Path({tree!r}), pathlib.Path({out!r}), Turn(seconds={seconds}), jobs={jobs})
    sys.exit(summary.exit_code)
"""


def start(tree: Path, out: Path, tmp_path: Path, *, jobs: int, seconds: float) -> "subprocess.Popen[bytes]":
    script = tmp_path / "run.py"
    script.write_text(RUN.format(tests=str(Path(__file__).parent), path=sys.path, tree=str(tree), out=str(out), jobs=jobs, seconds=seconds))
    run = subprocess.Popen([sys.executable, str(script)], start_new_session=True)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and len(finished(out)) < 2:
        time.sleep(0.02)
    return run


def finished(out: Path) -> list[str]:
    lines = (out / NAME).read_text().splitlines() if (out / NAME).exists() else []
    return sorted({entry["name"] for entry in map(json.loads, lines) if entry["output"] >= 0})


@pytest.fixture
def many(tmp_path: Path) -> Path:
    root = tmp_path / "many"
    root.mkdir()
    for number in range(30):
        (root / f"{number}.png").write_bytes(f"picture {number}".encode())
    return root


@pytest.mark.parametrize("jobs", [1, 2])
def test_after_a_kill_the_same_command_leaves_what_was_finished_untouched(many, out, tmp_path, jobs):
    run = start(many, out, tmp_path, jobs=jobs, seconds=0.1)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    kept = {out / name: (out / name).stat().st_mtime_ns for name in finished(out)}
    summary = over(many, out)
    assert (2 <= len(kept) < 30, summary.skipped, {path: path.stat().st_mtime_ns for path in kept}) == (True, len(kept), kept)


def test_control_c_reaches_processes_in_a_terminal_and_all_that_was_done_counts(many, out, tmp_path):
    run = start(many, out, tmp_path, jobs=2, seconds=0.1)
    os.killpg(run.pid, signal.SIGINT)
    status = run.wait(timeout=20)
    assert (status, sorted(written(out))) == (130, finished(out))


def test_workers_die_with_a_parent_that_was_killed(many, out, tmp_path):
    run = start(many, out, tmp_path, jobs=2, seconds=0.3)
    children = [int(child) for child in Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()]
    run.kill()
    run.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(alive(child) for child in children):
        time.sleep(0.05)
    assert not any(alive(child) for child in children)


def alive(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


if sys.platform != "linux":  # it looks into /proc
    del test_workers_die_with_a_parent_that_was_killed


@dataclass(frozen=True)
class KilledOnce:
    """Writes the bytes of the input backwards, as our own actions write; the first time its process is killed while it is at one.png."""

    once: Path  # stands there from then on

    def __call__(self, source: Path, target: Path) -> None:
        with files.replacing(target) as aside:
            aside.write_bytes(source.read_bytes()[::-1])
            if source.name == "one.png" and not self.once.exists():
                self.once.touch()
                os.kill(os.getpid(), signal.SIGKILL)


KILLED = """
import sys, pathlib
sys.path[:0] = [{tests!r}, *{path!r}]
from test_folders import KilledOnce, over
over(pathlib.Path({tree!r}), pathlib.Path({out!r}), KilledOnce(pathlib.Path({once!r})))
"""


def killed_within_a_file(tree: Path, out: Path, once: Path) -> None:
    """The run of a whole process, which is no more."""
    script = once.with_name("killed.py")
    script.write_text(KILLED.format(tests=str(Path(__file__).parent), path=sys.path, tree=str(tree), out=str(out), once=str(once)))
    assert subprocess.run([sys.executable, str(script)], timeout=60).returncode == -signal.SIGKILL


def halves(out: Path) -> list[Path]:
    return [path for path in out.rglob("*") if files.is_aside(path)]


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is not known there")
def test_what_a_kill_left_half_written_goes_when_the_same_command_goes_on(tree, out, tmp_path):
    once = tmp_path / "once"
    killed_within_a_file(tree, out, once)
    assert [path.name.startswith(".one.png.") for path in halves(out)] == [True]
    summary = over(tree, out, KilledOnce(once))
    over(tree, tmp_path / "undisturbed", KilledOnce(once))
    assert (summary.exit_code, written(out)) == (0, written(tmp_path / "undisturbed"))


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is not known there")
def test_what_a_kill_left_half_written_of_a_file_that_was_named_goes_as_well(tree, out, tmp_path):
    once = tmp_path / "once"
    killed_within_a_file(tree / "one.png", out / "result.png", once)
    assert len(halves(out)) == 1
    over(tree / "one.png", out / "result.png", KilledOnce(once))
    assert written(out) == {"result.png": b"gnp.eno fo setyb"}


def test_what_a_person_or_a_process_that_lives_has_there_stays(tree, out, tmp_path):
    killed_within_a_file(tree, out, tmp_path / "once")
    kept = [out / ".one.png", out / "one.png.part", out / ".one.png.part.png", out / "deep" / "notes.part"]
    for path in kept:
        path.write_text("a person's own")
    with files.replacing(out / "one.png") as aside:
        aside.write_bytes(b"of a process that lives")
        over(tree, out, KilledOnce(tmp_path / "once"))
        assert halves(out) == [aside] and all(path.read_text() == "a person's own" for path in kept)


def test_a_worker_that_is_killed_while_it_writes_leaves_nothing_half_written(tree, out, tmp_path):
    summary = over(tree, out, KilledOnce(tmp_path / "once"), jobs=2)
    assert (summary.done, halves(out), (tmp_path / "once").exists()) == (4, [], True)


def test_a_dry_run_writes_nothing_and_says_what_the_run_would_do(tree, out):
    fresh = over(tree, out, dry_run=True)
    assert not out.exists() and {target for _, target in fresh.planned} == {out / name for name in written(tree) if name != "notes.txt"}
    over(tree, out)
    (tree / "new.png").write_bytes(b"new")
    (tree / "deep" / "foreign.png").write_bytes(b"theirs")
    (out / "deep" / "foreign.png").write_bytes(b"mine")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    summary = over(tree, out, dry_run=True)
    assert (summary.planned, summary.skipped, summary.exit_code) == (((tree / "new.png", out / "new.png"),), 4, 3)
    said = f"Nothing was written: 1 file to do, 4 skipped (done before), 1 failed, in {out}."
    assert summary.sentence().startswith(said) and folders.ALREADY in summary.sentence()
    assert {path: path.stat().st_mtime_ns for path in before} == before and not (out / "new.png").exists()
    one = over(tree / "one.png", out.parent / "single.png", dry_run=True)
    assert one.planned == ((tree / "one.png", out.parent / "single.png"),) and not (out.parent / "single.png").exists()


def test_a_manifest_with_a_torn_last_line_loses_only_that_line(tree, out):
    over(tree, out)
    record = out / NAME
    record.write_text(record.read_text()[:-20])
    assert over(tree, out).skipped == 3


def make(record: Manifest, source: Path, data: bytes = b"made") -> None:
    record.begin(source.name, source)
    (record.folder / source.name).write_bytes(data)
    record.finish(source.name, None)


def test_two_runs_at_once_lose_nothing_of_each_others_record(tree, out):
    with Manifest(out, "turn") as one, Manifest(out, "turn") as two:
        make(one, tree / "one.png")
        make(two, tree / "two.jpg")
    known = Manifest(out, "turn")
    assert [known.state(name, tree / name) for name in ("one.png", "two.jpg")] == ["same", "same"]
    assert sorted(path.name for path in out.iterdir()) == [NAME, "one.png", "two.jpg"]


def test_what_another_run_noted_last_of_an_output_is_not_overruled(tree, out):
    with Manifest(out, "turn") as one:
        make(one, tree / "one.png")
        with Manifest(out, "turn") as two:
            make(two, tree / "one.png", b"made otherwise")
    assert Manifest(out, "turn").state("one.png", tree / "one.png") == "same"


def test_a_record_is_kept_where_no_lock_can_be_had(tree, out, tmp_path, monkeypatch):
    (tmp_path / "letter.txt").write_text("dear")
    monkeypatch.setenv("SFUMATO_CACHE", str(tmp_path / "letter.txt"))  # no folder can be there
    assert (over(tree, out).done, over(tree, out).skipped) == (4, 4)


def test_when_the_record_cannot_be_kept_work_stops_and_what_is_done_stays_known(many, out, sizes_limited):
    sizes_limited(4000)  # bytes: room for about ten pictures in the record
    summary = over(many, out)
    assert (summary.exit_code, f"{NAME} could not be written" in summary.stopped) == (3, True)
    assert 2 < summary.done == len(written(out)) == 30 - summary.left < 29


def test_when_the_record_can_be_kept_again_the_same_command_does_the_rest(many, out, sizes_limited):
    sizes_limited(4000)
    first = over(many, out)
    sizes_limited(1_000_000)
    second = over(many, out)
    assert (second.exit_code, len(written(out)), second.skipped >= first.done - 1) == (0, 30, True)


@dataclass(frozen=True)
class FullAfter:
    """Writes to a disk on which there is no more room after so many files."""

    count: int

    def __call__(self, source: Path, target: Path) -> None:
        full = len(list(target.parent.glob("*.png"))) >= self.count
        files.append(Path("/dev/full") if full else target, source.read_bytes())


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /dev/full")
@pytest.mark.parametrize("jobs", [1, 2])
def test_once_the_disk_is_full_no_further_picture_is_begun(many, out, jobs):
    summary = over(many, out, FullAfter(5), jobs=jobs)
    assert (summary.exit_code, summary.stopped, summary.done >= 5, summary.left > 15) == (3, folders.FULL, True, True)
    assert "The disk is full. When that is put right, the same command goes on from here." in summary.sentence()


def test_a_tree_that_is_refused_after_others_were_done_hides_nothing(tree, out):
    first, second = folders.in_turn([(tree, out), (tree, tree / "inside")], lambda source, out: over(source, out))
    assert (first.done, second.failed[0][0], "lies inside the input" in second.failed[0][1]) == (4, tree, True)


def test_after_control_c_no_further_tree_is_begun(tree, out):
    (tree / "p.png").write_bytes(b"stops")
    summaries = folders.in_turn([(tree, out), (tree, out / "other")], lambda source, out: over(source, out, STAGES, threads=1))
    assert [summary.exit_code for summary in summaries] == [130]


def beside(tree: Path, *names: str) -> list[tuple[Path, Path]]:
    return [(tree / name, tree / f"{Path(name).stem}-made.png") for name in names]


def test_of_pictures_named_one_by_one_those_are_skipped_whose_output_stands_there(tree):
    (tree / "one-made.png").write_bytes(b"of an earlier run")
    [summary] = folders.in_turn(beside(tree, "one.png", "two.jpg"), lambda source, out: over(source, out))
    assert (summary.done, summary.skipped, summary.exit_code) == (1, 1, 0)
    assert summary.sentence() == f"1 file done, 1 skipped (there already; --overwrite replaces them), in {tree}."
    assert (tree / "one-made.png").read_bytes() == b"of an earlier run"
    act = partial(over, dry_run=True)
    [planned] = folders.in_turn(beside(tree, "one.png", "two.jpg"), act, dry_run=True)
    assert planned.planned == () and planned.skipped == 2
    [anew] = folders.in_turn(beside(tree, "one.png"), lambda source, out: over(source, out, existing="replace"), existing="replace")
    assert anew.done == 1 and (tree / "one-made.png").read_bytes() == b"gnp.eno fo setyb"


def test_after_control_c_pictures_named_one_by_one_are_told_and_the_same_command_does_the_rest(tree):
    (tree / "p.png").write_bytes(b"stops")
    jobs = beside(tree, "one.png", "p.png", "two.jpg")
    [stopped] = folders.in_turn(jobs, lambda source, out: over(source, out, STAGES))
    assert (stopped.exit_code, stopped.done, stopped.left) == (130, 1, 2)
    assert "Interrupted; the same command goes on from here." in stopped.sentence()
    (tree / "p.png").write_bytes(b"goes on")
    [rest] = folders.in_turn(jobs, lambda source, out: over(source, out, STAGES))
    assert (rest.exit_code, rest.done, rest.skipped) == (0, 2, 1)


def test_a_picture_that_vanishes_after_it_was_found_is_named(tree, out):
    @dataclass(frozen=True)
    class Remove:
        def __call__(self, source: Path, target: Path) -> None:
            (tree / "two.jpg").unlink(missing_ok=True)
            target.write_bytes(source.read_bytes())

    summary = over(tree, out, Remove())
    assert summary.failed == ((tree / "two.jpg", "it cannot be read: No such file or directory"),)


def test_an_output_folder_inside_the_input_is_refused(tree):
    with pytest.raises(Refusal, match="lies inside the input"):
        over(tree, tree / "out")


def test_the_input_folder_as_output_is_refused(tree):
    with pytest.raises(Refusal, match="lies inside the input"):
        over(tree, tree)


def test_an_output_that_would_fall_on_an_input_is_refused(tmp_path):
    (tmp_path / "in/in").mkdir(parents=True)
    for name in ("in/x.png", "in/in/x.png"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(Refusal, match="fall on an input"):
        over(tmp_path / "in", tmp_path)


def test_two_inputs_with_one_output_are_refused_by_name(tree, out):
    shutil.copy(tree / "one.png", tree / "one.jpg")
    with pytest.raises(Refusal, match=r"one\.jpg and .*one\.png would both become"):
        over(tree, out, suffix=".png")


def test_nothing_is_written_when_the_request_is_refused(tree, out):
    shutil.copy(tree / "one.png", tree / "one.jpg")
    with pytest.raises(Refusal):
        over(tree, out, suffix=".png")
    assert not out.exists()


def test_an_input_that_is_not_there_is_refused(tree, out):
    with pytest.raises(Refusal, match="There is no file or folder"):
        over(tree / "nowhere", out)


def test_one_picture_goes_into_a_folder_with_its_record(tree, out):
    over(tree / "one.png", out)
    assert over(tree / "one.png", out).skipped == 1


def test_one_picture_goes_to_the_file_that_was_named(tree, out):
    summary = over(tree / "one.png", out / "result.png")
    assert (summary.exit_code, sorted(path.name for path in out.iterdir())) == (0, ["result.png"])


def test_one_bad_picture_is_status_two(tree, out):
    (tree / "bad.png").write_bytes(b"")
    assert over(tree / "bad.png", out / "result.png").exit_code == 2


def test_one_picture_is_not_written_over_itself(tree):
    with pytest.raises(Refusal, match="the input itself"):
        over(tree / "one.png", tree / "one.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such thing here")
def test_a_pipe_is_named_and_not_waited_for(tree, out):
    os.mkfifo(tree / "pipe.png")
    summary = over(tree, out)
    assert summary.failed and "it is a pipe or a device" in summary.failed[0][1] and summary.done == 4


def test_what_replaces_says_how_to_go_on(tree, out):
    (tree / "p.png").write_bytes(b"stops")
    stopped = over(tree, out, STAGES, threads=1, existing="replace")
    assert "the same command does all once more" in stopped.sentence()


def test_what_is_not_reached_of_several_files_is_counted(tree, out):
    (tree / "p.png").write_bytes(b"stops")
    for name in ("q.png", "r.png"):
        shutil.copy(tree / "one.png", tree / name)
    jobs = [(tree / name, out) for name in ("one.png", "p.png", "q.png")] + [(tree / "r.png", out / "other.png")]
    [summary] = folders.in_turn(jobs, lambda source, out: over(source, out, STAGES, threads=1))
    assert (summary.exit_code, summary.done, summary.left) == (130, 1, 3)


def test_a_name_as_long_as_a_disk_allows_can_be_written(tmp_path):
    path = tmp_path / ("\u5716" * 83 + ".txt")
    files.write_text(path, "whole")
    assert path.read_text() == "whole" and [each.name for each in tmp_path.iterdir()] == [path.name]
