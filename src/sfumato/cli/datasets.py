"""Verbs of `sfumato data`: list, get, check, show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfumato.cli.verb import Json, Overwrite, complain, free, option, show, show_json, show_table
from sfumato.core import progress
from sfumato.core.errors import PARTLY, unknown

if TYPE_CHECKING:
    from sfumato.data.labelled import Labelled

Known = Annotated[str, typer.Argument(metavar="NAME|FOLDER", help="A known data set (see list), or a folder of folder/class/picture.")]


def list_sets(as_json: Json = False) -> None:
    """List the data sets that are known by name, and where they lie on this machine.

    \b
    Examples:
      sfumato data list
      sfumato data list --json
    """
    from sfumato.data.known import catalogue

    found = {name: catalogue.where(name) for name in catalogue.SETS}
    if as_json:
        show_json([_facts(name, found[name]) for name in found])
        return
    rows = [[name, str(found[name] or "not here"), catalogue.SETS[name].says] for name in found]
    show_table(["data set", "where", "what it is"], rows)


def _facts(name: str, place: Path | None) -> dict[str, Any]:
    from sfumato.data.known import catalogue

    known = catalogue.SETS[name]
    return {
        "name": name,
        "says": known.says,
        "licence": known.licence,
        "classes": known.classes,
        "parts": list(known.parts),
        "where": place,
        "sources": [source.url for source in known.sources],
    }


def get(
    name: Annotated[str, typer.Argument(help="A known data set (sfumato data list), or weights of timm.")],
    into: Annotated[
        Path | None, option("--to", shape="FOLDER", says="Folder, named by SFUMATO_DATA then.", default="the cache folder")
    ] = None,
) -> None:
    """Fetch a data set from where it is published, check its sums and unpack it; goes on where it broke off.

    So are weights of timm's models, for features, borrowed bodies and critics: as timm: and a full name there.

    \b
    Examples:
      sfumato data get mnist
      sfumato data get tiny-imagenet --to data/
      sfumato data get timm:resnet34.a1_in1k --to weights/
    """
    from sfumato.data.known import catalogue
    from sfumato.data.known.get import get, get_weights

    if name.startswith("timm:"):
        progress.say(f"terms of {name}: those that its page at the hub names")
        path = get_weights(name.removeprefix("timm:"), into)
        progress.say(f"use: --set network.encoder_from={name}:{path}, or likewise feature.network")
        show(str(path))
        return
    progress.say(f"terms of {name}: {catalogue.entry(name).licence}")
    show(str(get(name, into)))


def check(name: Known, as_json: Json = False) -> None:
    """Read every picture of a data set, and its sums where a SHA256SUMS stands beside it; damaged pictures are named.

    Of test sets with published scores (set5, set14, bsds) each picture must be the published one.

    \b
    Examples:
      sfumato data check mnist
      sfumato data check photos/by-kind --json
    """
    from sfumato.data.known import examine

    parts = _parts(name)
    sums = examine.check_sums(name)
    found = [(part, labelled, examine.damaged(labelled)) for part, labelled in parts]
    published = 0 if any(bad for *_, bad in found) else examine.check_published(name)
    if as_json:
        facts = [{"part": part, "pictures": len(one), "classes": len(one.classes), "damaged": bad} for part, one, bad in found]
        show_json({"name": name, "sums": sums, "published": published, "parts": facts})
    else:
        for part, labelled, bad in found:
            show(f"{part}: {labelled.describe()}")
            show("\n".join([f"damaged: {len(bad)}", *(f"  {one}" for one in bad)]))
        if published:
            show(f"published: all {published} pictures that scores are taken on")
        show(f"sums: {f'{sums} file(s) as SHA256SUMS says' if sums else 'none stand beside it'}")
    if count := sum(len(bad) for _, _, bad in found):
        raise typer.Exit(complain(f"{count} picture(s) of {name} cannot be read; training leaves them out.", PARTLY))


def look(
    name: Known,
    part: Annotated[str, option("--part", says="train, valid or test.")] = "train",
    out: Annotated[Path | None, option("--out", "-o", shape="FILE.png", says="Write a contact sheet there.", default="no sheet")] = None,
    count: Annotated[int, typer.Option("--count", min=1, max=400, metavar="N", help="Pictures on the sheet.")] = 24,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Say how many pictures of each class there are, and write a sheet of some of them.

    \b
    Examples:
      sfumato data show flowers-64
      sfumato data show tiny-imagenet-20 --part valid --out sheet.png
      sfumato data show photos/by-kind --out sheet.png --count 48
    """
    if out is not None:
        free(out, overwrite=overwrite)
    labelled = _part(name, part)
    counts = dict(zip(labelled.classes, labelled.counts().tolist()))
    if as_json:
        show_json({"name": name, "part": part, "pictures": len(labelled), "counts": counts})
    else:
        show(labelled.describe())
        show_table(["class", "pictures"], [[one, str(number)] for one, number in counts.items()])
    if out is not None:
        from sfumato.use import photograph

        photograph.write(photograph.Photograph(pixels=labelled.show(count, columns=6)), out)
        progress.say(f"sheet: {out}")


def _part(name: str, part: str) -> Labelled:
    from sfumato.data.known import catalogue

    if part not in catalogue.ALL:
        raise unknown("part of a data set", part, catalogue.ALL)
    return catalogue.open_any(name, part=part)


def _parts(name: str) -> list[tuple[str, Labelled]]:
    """All that are here."""
    from sfumato.data.known import catalogue

    return [(part, catalogue.open_any(name, part=part)) for part in catalogue.parts_of(name)]
