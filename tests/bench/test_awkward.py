"""The matrix of awkward files, which the documentation shows: nothing is lost, and what is refused is refused by name."""

from pathlib import Path

RESULTS = Path(__file__).parent.parent.parent / "docs" / "results.md"


def test_awkward_files_keep_what_they_must_and_the_documentation_shows_them(bench):
    import awkward

    rows, wrong = awkward.matrix()
    assert wrong == [] and len(rows) >= 20
    assert [row[0] for row in rows if f"| {row[0]} |" not in RESULTS.read_text(encoding="utf-8")] == []
