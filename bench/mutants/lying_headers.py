"""Model files whose headers lie: JSON that is none or too much of it, and words about network, contract and task that are not true."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import Any

from mutants.good_models import EXTREMES, ODD, Draw, parts_of_one, pick

LITERALS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 4000, "9" * 5000, "0.1", "1e-400", "-1", "true", "null", '"1"', "[]")


def deep(rng: Draw, right: bool) -> bytes:
    """Brackets in brackets, in the table, in the note or in a field of it."""
    parts = parts_of_one(rng)
    depth = int(pick(rng, [100, 900, 5000, 100_000, 400_000]))
    nested = pick(rng, ["[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth, "[" * depth])
    choice = int(rng.integers(4))
    if choice == 0:
        return parts.with_text(nested)
    if choice == 1:
        return parts.with_text(json.dumps({"__metadata__": {"sfumato": nested}, **parts.table}))
    field = pick(rng, ["network", "card", "recipe", "scores", "contract", "data"])
    note = json.dumps(parts.note).replace(json.dumps(parts.note[field]), nested, 1)
    if choice == 2:
        return parts.with_text(json.dumps({"__metadata__": {"sfumato": note}, **parts.table}))
    return parts.with_text(json.dumps({"__metadata__": {"sfumato": note, "x": 1}, **parts.table}).replace('"x": 1', f'"x": {nested}'))


def wide(rng: Draw, right: bool) -> bytes:
    """Small things without end, which take far more memory than their text."""
    parts = parts_of_one(rng)
    piece = pick(rng, ["[],", "{},", '{"":0},', "[[]],", "0,", '"",', "1e9,", "1234567,", '"ab",', "null,"])
    room = int(pick(rng, [900_000, 7_900_000]))
    text = f"[{piece * (room // len(piece))}0]"
    choice = int(rng.integers(3))
    if choice == 0:
        return parts.with_text(json.dumps({"x": 1, **parts.table}).replace('"x": 1', f'"x": {text}'))
    if choice == 1:
        return parts.with_text(json.dumps({"__metadata__": {"sfumato": json.dumps({**parts.note, "card": {}})}}).replace("{}", text))
    keys = ", ".join(f'\\"{number}\\": 1' for number in range(room // 14))
    note = json.dumps(json.dumps({**parts.note, pick(rng, ["versions", "network", "contract", "card"]): {}}))
    return parts.with_text('{"__metadata__": {"sfumato": ' + note.replace("{}", "{" + keys + "}") + "}}")


def literals(rng: Draw, right: bool) -> bytes:
    """A number somewhere becomes one that JSON, Python or no one knows."""
    parts = parts_of_one(rng)
    if right:
        parts.note["sha256"] = sha256(parts.data).hexdigest()
    note, table = json.dumps(parts.note), json.dumps(parts.table)
    literal = pick(rng, LITERALS)
    if rng.random() < 0.7:
        note = _with_number(rng, note, literal)
    else:
        table = _with_number(rng, table, literal)
    return parts.with_text('{"__metadata__": {"sfumato": ' + json.dumps(note) + "}, " + table[1:])


def _with_number(rng: Draw, text: str, literal: str) -> str:
    places = [found.span() for found in re.finditer(r"(?<=[\[ ])-?\d+(\.\d+)?(?=[,\]}])", text)]
    low, high = places[int(rng.integers(len(places)))]
    return text[:low] + literal + text[high:]


def twice(rng: Draw, right: bool) -> bytes:
    """Keys that stand there twice, and say two things."""
    parts = parts_of_one(rng)
    if right:
        parts.note["sha256"] = sha256(parts.data).hexdigest()
    note, table = json.dumps(parts.note), json.dumps(parts.table)
    choice = int(rng.integers(4))
    if choice == 0:
        note = note[:-1] + ', "network": {"kind": "residual"}}'
    elif choice == 1:
        note = note.replace('"channels": 3', '"channels": 3, "channels": 1')
    elif choice == 2:
        name = pick(rng, sorted(parts.table))
        table = table[:-1] + f", {json.dumps(name)}: {json.dumps(parts.table[name])}}}"
    else:
        table = table[:-1] + ', "__metadata__": {"sfumato": "{}"}}'
    return parts.with_text('{"__metadata__": {"sfumato": ' + json.dumps(note) + "}, " + table[1:])


def encoded(rng: Draw, right: bool) -> bytes:
    """The header in another encoding, with a mark before it, or with bytes that are no text."""
    parts = parts_of_one(rng)
    text = json.dumps({"__metadata__": {"sfumato": json.dumps(parts.note)}, **parts.table})
    coded = [
        text.encode("utf-16"),
        text.encode("utf-32-le"),
        b"\xef\xbb\xbf" + text.encode(),
        text.encode() + b"\xff",
        b"\0" + text.encode(),
    ]
    return parts.with_text(pick(rng, [*coded, text.encode() + b" " * 1000, text.encode() + b"{}"]))


# -- What the file says of itself ---------------------------------------------------------------------------------------


def gigantic(rng: Draw, right: bool) -> bytes:
    """Networks that no machine holds; the tensors are those of a small one, or promise what the network asks for."""
    parts = parts_of_one(rng)
    width, count = int(pick(rng, [4096, 10**5, 10**9, 2**62])), int(pick(rng, [64, 256, 10**4, 10**6, 10**9]))
    parts.note["network"] = pick(
        rng,
        [
            {"kind": "unet", "widths": [width, width, width], "blocks": [2, 2, 2], "blocks_up": [2, 2]},
            {"kind": "unet", "widths": [8, 8, 8], "blocks": [count, count, count], "blocks_up": [count, count]},
            {"kind": "unet", "widths": [4] * min(count, 100_000), "blocks": [1] * min(count, 100_000), "blocks_up": []},
            {"kind": "unet", "widths": [4096] * 8, "blocks": [32] * 8, "blocks_up": [32] * 7},
            {"kind": "residual", "width": width, "blocks": 6},
            {"kind": "residual", "width": 8, "blocks": count},
            {"kind": "residual", "width": 4096, "blocks": 256},
            {"kind": "residual", "width": 8, "blocks": 2, "enlarges": count},
        ],
    )
    if rng.random() < 0.3:
        for entry in parts.table.values():
            entry["shape"] = [width, width, 3, 3]
    return parts.file(right=right)


def kinds(rng: Draw, right: bool) -> bytes:
    parts = parts_of_one(rng)
    names = [
        "",
        "unets",
        "UNET",
        "os:system",
        "os.system",
        "sfumato.nets.unet:build",
        "unet:build",
        "../unet",
        "__class__",
        "kind",
        "x" * 500_000,
    ]
    parts.note["network"]["kind"] = pick(rng, [*names, "builtins:exec", "torch.hub:load", *ODD])
    return parts.file(right=right)


def arguments(rng: Draw, right: bool) -> bytes:
    """Arguments of other types and values, unknown ones, ones of another kind."""
    parts = parts_of_one(rng)
    network = parts.note["network"]
    choice = int(rng.integers(4))
    if choice == 0:
        network[pick(rng, ["x", "wdith", "", "__init__", "device", "x" * 10_000])] = pick(rng, ODD)
    elif choice == 1:
        del network[pick(rng, sorted(network))]
    elif choice == 2:
        network[pick(rng, sorted(network))] = pick(rng, [*ODD, *EXTREMES, [pick(rng, EXTREMES)] * int(rng.integers(1, 5))])
    else:
        network["kind"] = {"unet": "residual", "residual": "unet"}[network["kind"]]
    return parts.file(right=right)


def contract(rng: Draw, right: bool) -> bytes:
    """Promises out of range, or that the network does not keep."""
    parts = parts_of_one(rng)
    contract = parts.note["contract"]
    name = pick(rng, sorted(contract))
    choice = int(rng.integers(6))
    if choice < 3:
        contract[name] = pick(rng, EXTREMES)
    elif choice == 3:
        contract[name] = pick(rng, ODD)
    elif choice == 4:
        contract.update(
            pick(rng, [{"reach": 4096}, {"reach": 500, "effective": 500}, {"tiles": False}, {"stride": 4096}, {"channels": 64}])
        )
    else:
        contract[pick(rng, ["x", "reaches", "self", ""])] = pick(rng, ODD)
    return parts.file(right=right)


def fields(rng: Draw, right: bool) -> bytes:
    """Fields of other types, missing ones, unknown ones."""
    parts = parts_of_one(rng)
    name = pick(rng, sorted(parts.note))
    choice = int(rng.integers(4))
    if choice < 2:
        parts.note[name] = pick(rng, [*ODD, *EXTREMES])
        return parts.file(right=right and name != "sha256")
    if choice == 2:
        del parts.note[name]
    else:
        parts.note[pick(rng, ["x", "self", "__dict__", ""])] = pick(rng, ODD)
    return parts.file(right=False)


def notes(rng: Draw, right: bool) -> bytes:
    """The metadata of other types: none, lists, numbers, JSON that is no table."""
    parts = parts_of_one(rng)
    note = pick(rng, ["", "null", "[]", "3", '"x"', "{}", "NaN", '{"version": 1}', None, 3, [], {}, [json.dumps(parts.note)]])
    metadata: Any = pick(rng, [{"sfumato": note}, note, [], {"sfumato": json.dumps(parts.note), "sfumat": 3}, {}])
    return parts.with_text(json.dumps({"__metadata__": metadata, **parts.table}))


def long_texts(rng: Draw, right: bool) -> bytes:
    """Texts without end, and texts that move a terminal's cursor."""
    parts = parts_of_one(rng)
    length = int(pick(rng, [10_000, 900_000, 1_100_000]))
    text = pick(rng, ["x", "\n", "\x1b[31m", "\u202e", "\U0001f5bc", "\0", "{", "\\"])
    field = pick(rng, ["task", "licence", "sha256", "card", "versions", "recipe"])
    parts.note[field] = text * (length // len(text.encode())) if isinstance(parts.note[field], str) else {text * 100: text * 1000}
    return parts.file(right=False)


def tasks(rng: Draw, right: bool) -> bytes:
    parts = parts_of_one(rng)
    parts.note["task"] = pick(rng, ["classify", "", "Restore", "os:system", "restore ", "x" * 100_000])
    return parts.file(right=right)


def versions(rng: Draw, right: bool) -> bytes:
    parts = parts_of_one(rng)
    parts.note["version"] = pick(rng, [2, 99, 0, -1, 10**30, *ODD])
    parts.note["versions"] = pick(rng, [parts.note["versions"], {"sfumato": "9.9.9"}, {"sfumato": "x" * 10_000}, {"sfumato": 3}, 3, None])
    return parts.file(right=right)


def harmless(rng: Draw, right: bool) -> bytes:
    """Nothing is wrong with it, but for a checksum that may be: what a trial that always refuses would miss."""
    parts = parts_of_one(rng)
    if not right:
        parts.note["sha256"] = pick(rng, ["", "0" * 64, parts.note["sha256"].upper(), parts.note["sha256"]])
    return parts.file(right=right)
