"""A table of a network, layer by layer: what comes out, how much is learnt, how much is computed, how far it sees."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

aten = torch.ops.aten
_POOLS = (aten.avg_pool2d, aten.max_pool2d, aten.max_pool2d_with_indices)
_COLUMNS = {"name": 20, "layer": 13, "output": 12, "parameters": 10, "learnt": 6, "mult-adds": 9, "sees": 4}  # signs


@dataclass(frozen=True, kw_only=True)
class Row:
    """One layer, or what a larger part does besides its layers."""

    name: str
    kind: str
    shape: tuple[int, ...]  # of one picture's output
    parameters: int
    trainable: int
    multiply_adds: int  # for one picture
    sees: int | None  # px of the picture an output depends on, a side, norms' statistics aside; None: all of it


@dataclass(frozen=True)
class Table:
    """All layers in the order in which they work."""

    rows: tuple[Row, ...]
    parameters: int
    trainable: int
    multiply_adds: int

    def text(self) -> str:
        """For a terminal of 80 columns."""
        lines = [_line(_COLUMNS)]
        for row in self.rows:
            shape = "x".join(map(str, row.shape))
            sees = "all" if row.sees is None else str(row.sees)
            learnt = _learnt(row.parameters, row.trainable)
            lines.append(_line([row.name, row.kind, shape, f"{row.parameters:,}", learnt, _short(row.multiply_adds), sees]))
        total = f"{self.parameters:,} parameters, {self.trainable:,} of them learnt, {_short(self.multiply_adds)} multiply-adds a picture"
        return "\n".join([*lines, total])


def summary(network: nn.Module, shape: tuple[int, int, int]) -> Table:
    """What a network does to one picture of `shape` (C, H, W): a dry run of a copy, without data and without memory for any."""
    probe = copy.deepcopy(network).to("meta").eval()
    account = _Account()
    account.follow(probe)
    with torch.no_grad():
        picture = torch.empty(1, *shape, device="meta")
        account.see(picture, _Sight(1, 1))
        with account:
            probe(picture)
    rows = account.rows(probe)
    every = list(network.parameters())
    return Table(
        tuple(rows),
        sum(parameter.numel() for parameter in every),
        sum(parameter.numel() for parameter in every if parameter.requires_grad),
        sum(row.multiply_adds for row in rows),
    )


@dataclass(frozen=True)
class _Sight:
    """What a tensor's numbers depend on: px a side (inf: everything), and px from one of them to the next."""

    sees: float
    apart: float


@dataclass
class _Done:
    """What one module has done so far."""

    shape: tuple[int, ...] = ()
    multiply_adds: int = 0
    sees: float = math.inf


@dataclass
class _Account(TorchDispatchMode):
    """Books every operation on the innermost module at work, and follows how far every tensor sees."""

    done: dict[nn.Module, _Done] = field(default_factory=dict)
    working: list[nn.Module] = field(default_factory=list)
    sights: dict[int, tuple[Tensor, _Sight]] = field(default_factory=dict)  # tensors are kept, so that none takes another's number

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def follow(self, network: nn.Module) -> None:
        """Be told when a module begins and ends."""
        for module in network.modules():
            module.register_forward_pre_hook(self._begin)
            module.register_forward_hook(self._end)

    def see(self, tensor: Tensor, sight: _Sight) -> None:
        """Remember how far a tensor sees."""
        self.sights[id(tensor)] = (tensor, sight)

    def rows(self, network: nn.Module) -> list[Row]:
        """Those modules that compute or hold something themselves, in the order in which they began; the others hide in their parts."""
        names = {module: name for name, module in network.named_modules()}
        never = [module for module in names if module not in self.done]
        counted: set[Tensor] = set()
        rows = []
        for module in [*self.done, *never]:
            own = [parameter for parameter in module.parameters(recurse=False) if parameter not in counted]
            counted.update(own)
            done = self.done.get(module, _Done())
            is_layer = module in self.done and not any(True for _ in module.children()) and not isinstance(module, nn.Identity)
            if is_layer or own or done.multiply_adds:
                rows.append(_row(names[module], module, own, done))
        return rows

    def _begin(self, module: nn.Module, inputs: Any) -> None:
        self.done.setdefault(module, _Done())
        self.working.append(module)

    def _end(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self.working.pop()
        given = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
        if given:
            self.done[module].shape = tuple(given[-1].shape[1:])
            self.done[module].sees = self.sights[id(given[-1])][1].sees if id(given[-1]) in self.sights else math.inf

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor) and id(leaf) in self.sights]
        made = func(*args, **(kwargs or {}))
        if self.working:
            self.done[self.working[-1]].multiply_adds += _multiply_adds(func.overloadpacket, args, kwargs or {}, made)
        if given:
            for tensor in tree_leaves(made):
                if isinstance(tensor, Tensor):
                    self.see(tensor, _sight(func.overloadpacket, args, [self.sights[id(one)] for one in given], tensor))
        return made


def _multiply_adds(operation: Any, args: Any, kwargs: Any, made: Any) -> int:
    """Products that are summed up; what is done to every number once (norms, activations, sums) is not counted."""
    if operation == aten.convolution:
        picture, weight, *_, transposed = args[:7]
        grid = picture if transposed else made
        return int(grid.shape[0] * math.prod(grid.shape[2:]) * weight.numel())
    if operation in (aten.mm, aten.bmm, aten.addmm, aten.baddbmm):
        left = args[0 if operation in (aten.mm, aten.bmm) else 1]
        return int(made.numel() * left.shape[-1])
    if operation in flop_registry:  # attention in one piece, and what else the library knows
        return int(flop_registry[operation](*args, **kwargs, out_val=made)) // 2
    return 0


def _sight(operation: Any, args: Any, given: list[tuple[Tensor, _Sight]], made: Tensor) -> _Sight:
    """How far what an operation made sees, from how far its inputs do."""
    wide, first = max(given, key=lambda pair: pair[0].shape[-1] if pair[0].ndim == 4 else 0)
    sees, apart = max(sight.sees for _, sight in given), first.apart
    if operation == aten.convolution:
        _, weight, _, strides, _, dilations, transposed = args[:7]
        size, step, dilation = weight.shape[-1], strides[-1], dilations[-1]
        if transposed:
            return _Sight(sees + (-(-size // step) - 1) * apart, apart / step)
        return _Sight(sees + (size - 1) * dilation * apart, apart * step)
    if operation in _POOLS:
        size = args[1][-1]
        return _Sight(sees + (size - 1) * apart, apart * (args[2][-1] if len(args) > 2 and args[2] else size))
    if operation == aten.pixel_unshuffle:
        return _Sight(sees + (args[1] - 1) * apart, apart * args[1])
    if operation == aten.slice and made.ndim == 4 and args[1] % 4 == 3:
        return _Sight(sees, apart * (args[4] if len(args) > 4 else 1))
    if wide.ndim == 4 and math.prod(wide.shape[-2:]) > 1 and (made.ndim < 4 or math.prod(made.shape[-2:]) == 1):
        return _Sight(math.inf, apart)  # a mean over the grid, or the grid as one row
    if operation in (aten.pixel_shuffle, aten.upsample_nearest2d, aten.upsample_bilinear2d):
        around = apart if operation == aten.upsample_bilinear2d else 0  # it mixes two neighbours
        return _Sight(sees + around, apart * wide.shape[-1] / made.shape[-1])
    return _Sight(sees, apart)


def _row(name: str, module: nn.Module, own: list[nn.Parameter], done: _Done) -> Row:
    return Row(
        name=name,
        kind=type(module).__name__,
        shape=done.shape,
        parameters=sum(parameter.numel() for parameter in own),
        trainable=sum(parameter.numel() for parameter in own if parameter.requires_grad),
        multiply_adds=done.multiply_adds,
        sees=None if math.isinf(done.sees) else round(done.sees),
    )


def _line(cells: Any) -> str:
    """Name, layer and output from the left, numbers from the right; a long name keeps its end."""
    padded = []
    for cell, (title, width) in zip(cells, _COLUMNS.items()):
        short = cell if len(cell) <= width else "…" + cell[1 - width :]
        padded.append(short.ljust(width) if title in ("name", "layer", "output") else short.rjust(width))
    return " ".join(padded).rstrip()


def _learnt(parameters: int, trainable: int) -> str:
    if not parameters:
        return ""
    return "all" if trainable == parameters else "part" if trainable else "none"


def _short(number: int) -> str:
    """Three digits and a unit."""
    unit = 0
    while number >= 999.5 * 1000**unit and unit < 4:
        unit += 1
    return f"{number / 1000**unit:.3g}{['', ' k', ' M', ' G', ' T'][unit]}"
