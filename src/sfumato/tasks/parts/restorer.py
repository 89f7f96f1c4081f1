"""A trained model in use: one picture, one file, or a tree of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sfumato.core.errors import Refusal
from sfumato.core.levels import TOP, Levels, Unit
from sfumato.core.system import devices
from sfumato.data.reading import wide
from sfumato.data.reading.find import FILM_SUFFIXES
from sfumato.data.reading.read import is_grey, to_channels
from sfumato.data.reading.wide import Wide
from sfumato.nets import load as model_files
from sfumato.nets.load import Contract, Header
from sfumato.tasks.parts.cutting import Cutter, made_of
from sfumato.use import animation, blending, enlarge, film, folders, tiles
from sfumato.use.animation import Animation
from sfumato.use.folders import Source, Summary
from sfumato.use.photograph import Photograph
from sfumato.use.workers import Action, Stages

TASK = "restore"


def shipped() -> Path:
    """The restorer that comes with the package."""
    return Path(__file__).parents[2] / "weights" / "restore.safetensors"


@dataclass(frozen=True)
class Restorer:
    """A network with the contract it was saved with, on a device."""

    header: Header
    network: nn.Module
    device: torch.device
    exact: bool = False  # tiles see all that the network can see, and not only what changes an output by a quarter of a level
    enlarge: int = 1  # times that a picture is enlarged first, plainly, for a network of one size that learnt to repair what was
    times: int = 1  # how often what came out is repaired again
    strength: float = 1.0  # how far to go from the picture that came to the repaired one
    keep_colour: bool = False  # colours in the large stay those of the picture that came
    ensemble: bool = False  # the mean of what the network makes of a picture in all eight positions (Timofte et al. 2016)

    def __post_init__(self) -> None:
        if self.enlarge > 1 and self.contract.enlarges > 1:
            raise Refusal(f"This model enlarges {self.contract.enlarges} times by itself: leave --enlarge out, or repeat it with --times.")
        if self.times < 1:
            raise Refusal(f"A picture is repaired at least once, not {self.times} times.")
        if not 0 <= self.strength <= 1:
            raise Refusal(f"The strength of a repair is 0 (none of it) to 1 (all), not {self.strength:g}.")
        if self.keep_colour and self.contract.colours:
            raise Refusal("This model gives colour to grey pictures, so it cannot keep theirs: leave --keep-colour out.")

    @property
    def grows(self) -> int:
        """How many times larger a picture comes out."""
        return int(self.enlarge * self.contract.enlarges**self.times)

    @property
    def _kernel(self) -> str:
        """By which what is only made larger is: as inputs were in training."""
        return self.contract.up or "bicubic"

    @property
    def contract(self) -> Contract:
        """Channels, stride, reach, enlargement."""
        return self.header.contract

    def restore(self, picture: str | Path | Levels | Unit | Photograph) -> Levels | Unit | Photograph | Animation:
        """Repair one picture of any size.

        A path or a Photograph gives a Photograph, the path of an animation an Animation; uint8 or float32 (H, W, 3 or 1) gives
        an array of the same kind, where a network that enlarges e times gives (eH, eW, C), and so does `enlarge`.
        """
        if isinstance(picture, np.ndarray):
            if picture.ndim != 3 or picture.shape[2] not in (1, 3) or picture.dtype not in (np.uint8, np.float32):
                raise Refusal(f"restore takes uint8 or float32 (H, W, 3) or (H, W, 1), not {picture.dtype} {picture.shape}.")
            low, high = (picture.min(), picture.max()) if picture.size and picture.dtype == np.float32 else (0, 1)
            if not (low >= -1 and high <= 2):  # a little beyond 0..1 is what enlarging by a cubic kernel leaves
                hint = f"divide by {TOP}" if np.isfinite([low, high]).all() else "what is no number cannot be repaired"
                raise Refusal(f"Floats stand for black (0) to white (1), but these go from {low:g} to {high:g}: {hint}.")
            return self._pixels(picture)
        return self._photograph(picture) if isinstance(picture, Photograph) else self._each(animation.read(Path(picture)))

    def _photograph(self, photo: Photograph) -> Photograph:
        """Transparency is no picture: it is as large as what is repaired, and otherwise stays."""
        own, alpha = wide.fitting(photo.profile, photo.pixels) if photo.space == "own" else None, photo.alpha
        pixels = self._pixels(photo.pixels, own)
        if alpha is not None and self.grows > 1:
            alpha = self._plainly_as_large(enlarge.enlarge(alpha[..., None], self.enlarge, self._kernel))[..., 0]
        made = replace(photo, pixels=pixels, alpha=alpha)
        if photo.space == "own" and self.contract.colours and self.contract.greys:
            return replace(made, profile=None, space="sRGB", colour_chunks=())  # colours that a network gives are those of sRGB
        return made

    def _each(self, read: Photograph | Animation) -> Photograph | Animation:
        return animation.each(self._photograph, read)

    def restore_file(self, source: Path, target: Path, *, quality: int = 95) -> None:
        """Repair one file; name, profile, EXIF and depth are kept."""
        self._stages(self._photograph, quality=quality, strip=False)(source, target)

    def _stages(self, work: Callable[[Photograph], Photograph], *, quality: int, strip: bool) -> Stages:
        """Read, do `work`, write; refused between the first two where what comes of it could not be written."""
        write, check = partial(animation.write, quality=quality, strip=strip), partial(animation.kind_for, grows=self.grows)
        return Stages(animation.read, partial(animation.each, work), write, check)

    def restore_tree(
        self,
        source: Source,
        out: Path,
        *,
        quality: int = 95,
        strip: bool = False,
        suffix: str | None = None,
        overwrite: bool = False,
        quiet: bool = False,
        dry_run: bool = False,
        work: Callable[[Photograph], Photograph] | None = None,
        does: str = "",
    ) -> Summary:
        """Repair a file, a film or every picture of a folder into a mirrored tree; a bad file stops nothing.

        dry_run : only say what would be done.
        strip : leave out EXIF, XMP, IPTC, GeoTIFF and text.  suffix : of what is made, like ".png"; None keeps each picture's own.
        work : what is done to each instead of a plain repair; `does` tells it from other ways, so that a second run skips what is done.
        """
        action: Action = self._stages(work or self._photograph, quality=quality, strip=strip)
        if is_film := isinstance(source, Path) and source.is_file() and source.suffix.lower() in FILM_SUFFIXES:
            if work is not None:
                raise Refusal(f"{source.name} is a film, and a film cannot be grown: leave --pan out.")
            action = partial(film.repair, work=self._pixels, quality=quality, strip=strip, quiet=quiet)
        return folders.over(
            source,
            out,
            action,
            options=f"restore {self.header.sha256} quality={quality}" + " strip" * strip + self._more + does,
            suffix=None if is_film else suffix,
            existing="replace" if overwrite else "keep",
            threads=0 if self.device.type == "cpu" else min(4, devices.cores()),  # a CPU has no processor to spare for them
            what="restoring",
            quiet=quiet or is_film,  # which tells its own frames
            dry_run=dry_run,
        )

    @property
    def _more(self) -> str:
        """What a second run must know to see that it would do otherwise; nothing where all is as usual."""
        usual = Restorer.__dataclass_fields__
        switches = "".join(f" {name}" for name in ("exact", "ensemble") if getattr(self, name))
        names = ("enlarge", "times", "strength", "keep_colour")
        return switches + "".join(f" {name}={value}" for name in names if (value := getattr(self, name)) != usual[name].default)

    @property
    def _mixes(self) -> bool:
        """Whether what is made is mixed with what came."""
        return self.keep_colour or self.strength < 1

    def _check_room(self, pixels: tiles.Picture) -> None:
        """Refuse what memory has no room for: what goes in at the last time and what comes out, or two that are mixed and their mix."""
        if self.grows == 1:
            return
        free, whole = devices.free_bytes(torch.device("cpu")), pixels.nbytes * self.grows**2
        needed = 3 * whole if self._mixes else whole + whole // self.contract.enlarges**2
        if needed > free:
            height, width = (length * self.grows for length in pixels.shape[:2])
            raise Refusal(
                f"The result would be {width} x {height} px and take {needed / 1e9:.1f} GB, but {free / 1e9:.1f} GB of memory are free. "
                "Enlarge it less (--enlarge, --times), or a part of it."
            )

    def _pixels(self, pixels: tiles.Picture, own: Wide | None = None) -> tiles.Picture:
        """(H, W, 1 or 3) -> the same, larger by `grows`.  own : what its numbers mean, where they are not sRGB."""
        self._check_room(pixels)
        if self.enlarge > 1:
            pixels = enlarge.enlarge(pixels, self.enlarge, self._kernel)
        given = pixels if self._mixes else None  # what is not needed any more is not held while more is made
        for _ in range(self.times):
            pixels = self._repaired(pixels, own)
        if given is None:
            return pixels
        given = self._plainly_as_large(given)  # where the model enlarges, of a picture that is only made larger
        pixels = blending.keep_colour(given, pixels) if self.keep_colour else pixels
        return blending.between(given, pixels, self.strength) if self.strength < 1 else pixels

    def _plainly_as_large(self, pixels: tiles.Picture) -> tiles.Picture:
        """The same picture in the size of its repair."""
        for _ in range(self.times if self.contract.enlarges > 1 else 0):
            pixels = enlarge.enlarge(pixels, self.contract.enlarges, self._kernel)
        return pixels

    def _repaired(self, pixels: tiles.Picture, own: Wide | None) -> tiles.Picture:
        """Once, however grey is stored: it goes in as equal channels and comes back grey, unless the network colours.

        A network that has seen grey alone is shown the luma of what has colours: where it gives colour, those of old prints that were
        scanned in colour are left out, and otherwise the picture's own stay.
        """
        if pixels.shape[2] == 3 == self.contract.channels:
            if self.contract.colours and self.contract.greys:
                pixels = to_channels(pixels, 1)
            elif not self.contract.colours and is_grey(pixels):
                return np.repeat(self._repaired(pixels[..., :1], None) if own is None else self._kept_grey(pixels, own), 3, axis=2)
        grey = pixels.shape[2] == 1 and self.contract.channels == 3 and not self.contract.colours
        luma = pixels.shape[2] == 3 and self.contract.greys and not self.contract.colours
        patchwise = self._as_grey if grey else self._luma_alone if luma else self._patchwise
        if own is not None and pixels.shape[2] == 3:
            patchwise = partial(own.kept, change=patchwise, times=self.contract.enlarges)
        return tiles.restore(pixels, patchwise, self._tiles(*pixels.shape[:2]), enlarges=self.contract.enlarges)

    def _tiles(self, height: int, width: int) -> tiles.Tiles:
        return self._cutter.tiles(height, width)

    @cached_property
    def _cutter(self) -> Cutter:
        return Cutter(self.network, self.contract, self.device, self.exact)

    def _kept_grey(self, pixels: tiles.Picture, own: Wide) -> tiles.Picture:
        """Three equal channels (H, W, 3) -> one of those that come of them."""
        levelled = partial(own.kept, change=lambda patch: np.repeat(self._as_grey(patch), 3, axis=2), times=self.contract.enlarges)
        return tiles.restore(pixels, levelled, self._tiles(*pixels.shape[:2]), enlarges=self.contract.enlarges)[..., 1:2]

    def _luma_alone(self, patch: Unit) -> Unit:
        """(H, W, 3) -> the same, with the luma that the network makes of its luma."""
        plain = enlarge.enlarge(patch, self.contract.enlarges, self._kernel)
        return np.asarray(np.clip(plain + (self._as_grey(to_channels(patch, 1)) - to_channels(plain, 1)), 0, 1), np.float32)

    def _as_grey(self, patch: Unit) -> Unit:
        return np.asarray(self._patchwise(patch).mean(axis=2, keepdims=True), np.float32)

    def _patchwise(self, patch: Unit) -> Unit:
        return made_of(patch, self._forward, self.device, meant=lambda y: y.clamp_(0, 1))

    def _forward(self, x: Tensor) -> Tensor:
        x = x.expand(-1, self.contract.channels, -1, -1)  # of grey, as many channels as the network wants
        made: Tensor = _in_all_positions(self.network, x) if self.ensemble else self.network(x)
        return made


def _in_all_positions(network: nn.Module, x: Tensor) -> Tensor:
    """The mean over the eight ways in which a square can lie, each turned back.  (1, C, H, W) -> (1, C, H, W) of its grid"""
    made = []
    for turns in range(4):
        for flip in (False, True):
            lying = torch.rot90(x.flip(3) if flip else x, turns, (2, 3))
            back = torch.rot90(network(lying).float(), -turns, (2, 3))
            made.append(back.flip(3) if flip else back)
    return torch.stack(made).mean(0)


def load(
    path: str | Path | None = None,
    *,
    device: str = "auto",
    exact: bool = False,
    enlarge: int = 1,
    times: int = 1,
    strength: float = 1.0,
    keep_colour: bool = False,
    ensemble: bool = False,
) -> Restorer:
    """A model file, or the restorer that comes with the package, on a device.  What else may be told: see `Restorer`."""
    header, network, place = model_files.ready(shipped() if path is None else path, TASK, device)
    return Restorer(header, network, place, exact, enlarge, times, strength, keep_colour, ensemble)
