"""What another model has learnt, and trainings that begin with it: what they take over, what is odd about it, whose terms go along."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sfumato.core.errors import Refusal
from sfumato.nets import catalogue as networks
from sfumato.nets import load as model_files
from sfumato.nets.arguments import UNet
from sfumato.nets.surgery import borrow

OWN_TERMS = "that of the pictures it was trained on"
LENT = {"encoder", "encoder_from", "enlarges"}  # arguments of a network that follow from what it is given


def terms(recipe: Any) -> str:
    """The licence of what a recipe makes: weights that it began with bring their own."""
    network = getattr(recipe, "network", None)
    places = ((recipe, "start_from"), (network, "pretrained_file"), (getattr(network, "encoder", None), "pretrained_file"))
    files = (getattr(part, key, "") for part, key in places)
    lent = {name: borrow.licence_of(Path(name)) for name in files if name}
    if source := getattr(network, "encoder_from", ""):
        lent[source] = borrow.licence(source)
    return "; ".join([OWN_TERMS, *(f"and of {Path(name).name}, whose weights it began with: {own}" for name, own in lent.items())])


@dataclass(frozen=True)
class Undone:
    """What a model has learnt to undo, by the recipe in its header; empty where it says nothing.

    inputs : the folder of real pairs, which no chain has spoilt.
    steps_file : Python with ways to spoil, which is run only if a person names it too: it was the model's maker who wrote the name.
    """

    inputs: str
    steps_file: str
    chain: str
    target: str

    @classmethod
    def by(cls, recipe: dict[str, Any]) -> Undone:
        """Read from a model's header, which may hold anything."""
        data, spoil = (table if isinstance(table := recipe.get(name), dict) else {} for name in ("data", "spoil"))
        return cls(str(data.get("inputs") or ""), *(str(spoil.get(name) or "") for name in ("steps_file", "chain", "target")))

    def check_repeatable(self, model: Path, *, chain_given: bool, steps_given: bool, pairs: str) -> None:
        """Refuse where pictures cannot be spoilt as those were that the model learnt from, and nobody says how else.

        pairs : the option that takes real pairs, and what it takes.
        """
        if self.inputs and not chain_given:
            raise Refusal(f"{model} has learnt from real pairs: give {pairs}, or --spoil.")
        if self.steps_file and not steps_given and (self.target or not chain_given):
            raise Refusal(
                f"{model} was trained with ways to spoil from the file {self.steps_file!r}, which is Python and would be run. "
                "If you trust it, give --steps-file; or give --spoil."
            )
        if not self.chain and not chain_given:
            raise Refusal(f"{model} does not say how its pictures were spoilt: give --spoil.")


def own_spoil(model: Path, *, steps_given: bool) -> dict[str, str]:
    """The chains that a model has learnt to undo, by their keys in the table `spoil`; refused where it does not bring them.

    None of a model that repairs nothing: that a network cannot begin with it is said where it would.
    """
    header = model_files.read_header(model)
    if header.task != "restore":
        return {}
    undone = Undone.by(header.recipe)
    undone.check_repeatable(model, chain_given=False, steps_given=steps_given, pairs="--pairs with both folders")
    return {"chain": undone.chain, "target": undone.target}


def unheeded(asked: Any, start_from: str) -> list[str]:
    """A line of the plan where a recipe asks for another network than the file it begins with holds: the file's is taken."""
    held = model_files.read_header(Path(start_from)).network
    kept = networks.specification(str(held.get("kind")), held)
    one, other = ({name: value for name, value in asdict(spec).items() if name not in LENT} for spec in (asked, kept))
    if asked == UNet() or one == other:
        return []
    return [f"warning        the network is the {kept.kind!r} that {start_from} holds; what the recipe says of one is not heeded"]


def game(start_from: str, spoil: str, beta1: float, plain: tuple[str, ...]) -> list[str]:
    """Lines of the plan where a game begins oddly.  plain : chains that spoil nothing, of real pairs."""
    lines = []
    if beta1:
        lines += [f"warning        optimiser.beta1 = {beta1:g}: with a memory of past directions the two chase each other; set it to 0.0"]
    if not start_from:
        return [*lines, "warning        the game begins with a network that has learnt nothing: train one first, and give --from"]
    before = str(model_files.read_header(Path(start_from)).card.get("spoil", ""))
    if before in ("", spoil, *plain) or spoil in plain:
        return lines
    return [*lines, f"warning        the model has learnt to undo {before!r}, but is to learn {spoil!r}: give --spoil, if that is wrong"]
