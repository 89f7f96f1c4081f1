"""Sections that the recipes of several tasks share.  Plain, frozen, strict; importing them needs neither torch nor OpenCV."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from sfumato.core.errors import Refusal

STRICT = ConfigDict(extra="forbid", strict=True)
Count = Annotated[int, Field(ge=0, le=10**9)]
Every = Annotated[int, Field(ge=1, le=10**9)]
Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Data:
    """Which pictures, how they are split, and what a training picture is."""

    folders: tuple[str, ...] = Field(default=("builtin:photographs",), min_length=1)  # builtin:dead-leaves, known:NAME; twice: seen twice
    inputs: str = ""  # real pairs: a folder of spoilt pictures with the names of those in data.folders; then nothing is spoilt here
    split: Literal["hash", "folder", "list", "none"] = "hash"  # how held-out pictures are chosen
    valid: float = Field(default=0.1, ge=0, lt=1)  # share held out by split = "hash", or of a known set's training part: see `choose`
    choose: bool = False  # of a known set hold out a share of the training part, and never look at its own held-out one: to choose a design
    valid_folder: str = "valid"  # the folder held out by split = "folder"
    valid_list: str = ""  # a text file with one relative path a line, held out by split = "list"
    crop: int = Field(default=96, ge=16, le=4096)  # px, side of a training picture
    grows: tuple[Annotated[int, Field(ge=16, le=4096)], ...] = ()  # px, sides of training pictures after it, one after the other,
    grow_after: tuple[Annotated[int, Field(ge=1, le=100_000)], ...] = ()  # from these epochs on: cheap small pictures first
    margin: int = Field(default=0, ge=0, le=4096)  # px spoilt around the crop and then cut off, beyond what the chain looks at
    crops_per_picture: int = Field(default=8, ge=1, le=10_000)  # an epoch draws so many crops from every picture
    cache: Literal["auto", "ram", "disk", "none"] = "auto"  # where decoded pictures are kept
    leaves: int = Field(default=200, ge=1, le=100_000)  # pictures that builtin:dead-leaves makes


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Squares:
    """Which pictures, as squares of one size."""

    known: str = "mnist"  # a known data set: sfumato data list; where something is scored, its own held-out part
    folders: tuple[str, ...] = ()  # instead of it: trees of pictures; where they have labels, one folder a class
    side: Literal["auto"] | Annotated[int, Field(ge=8, le=1024)] = "auto"  # px, of square pictures; auto: as they are
    channels: Literal["auto", "grey", "colour"] = "auto"  # auto: those of the known set; folders are read in colour


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Labelled(Squares):
    """Which labelled pictures, where their labels come from, how they are split."""

    label: Literal["parent", "grandparent"] = "parent"  # which folder above a picture names its class
    split: Literal["hash", "folder", "none"] = "hash"  # of folders: how held-out pictures are chosen
    valid: float = Field(default=0.1, ge=0, lt=1)  # share held out by split = "hash", or of a known set's training part: see `choose`
    valid_folder: str = "valid"  # the folder held out by split = "folder"
    choose: bool = False  # hold out a share of the training part by hash, and never look at the known set's own: for choosing a design
    per_class: int = Field(default=0, ge=0)  # train on so many pictures of each class; 0: on all


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Masked:
    """Which pictures and masks, how they are split, and what a training picture is."""

    known: str = "camvid"  # a known data set with masks; its own held-out part is what is scored
    folders: tuple[str, ...] = ()  # instead of it: folders of pictures,
    masks: str = ""  # one of masks with the same names, whose pixels are numbers (grey or palette) or colours,
    legend: str = ""  # and a text file that says what they mean: number, name and, for colours, r,g,b in each line, with tabs
    void: tuple[str, ...] = ("void", "unlabelled", "unlabeled")  # names in the legend that are no class: not learnt, not scored
    valid: float = Field(default=0.1, gt=0, lt=1)  # share of folders held out by hash, or of a known set's training part: see `choose`
    choose: bool = False  # hold out a share of the training part by hash, and never look at the known set's own: for choosing a design
    part: Literal["valid", "test"] = "valid"  # of a known set, which is scored at the end
    crop: int = Field(default=160, ge=16, le=4096)  # px, side of a training picture
    crops_per_picture: int = Field(default=1, ge=1, le=10_000)  # an epoch draws so many crops from every picture
    cache: Literal["auto", "ram", "disk", "none"] = "auto"  # where decoded pictures are kept

    def __post_init__(self) -> None:
        given = [name for name in ("folders", "masks", "legend") if getattr(self, name)]
        if len(given) not in (0, 3):
            raise Refusal(f"Own pictures need data.folders, data.masks and data.legend, but only {' and '.join(given)} is given.")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Deep:
    """Which pictures and depth maps, how they are split, and what a training picture is."""

    folders: tuple[str, ...] = ()  # folders of pictures; empty: made scenes of leaves, whose depth is known
    depths: str = ""  # a folder of depth maps with the same names: grey with 16-bit numbers (PNG, TIFF), 0 where nobody knows
    unit: float = Field(default=0.001, gt=0)  # metres that one step of a depth map stands for
    leaves: int = Field(default=400, ge=10, le=100_000)  # made scenes, where no folder is given
    valid: float = Field(default=0.1, gt=0, lt=1)  # share held out by hash
    crop: int = Field(default=160, ge=16, le=4096)  # px, side of a training picture
    crops_per_picture: int = Field(default=1, ge=1, le=10_000)  # an epoch draws so many crops from every picture
    cache: Literal["auto", "ram", "disk", "none"] = "auto"  # where decoded pictures are kept

    def __post_init__(self) -> None:
        if bool(self.folders) != bool(self.depths):
            raise Refusal("Own pictures need data.folders and data.depths, but only one of them is given.")


Share = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Light:
    """How light varies in training pictures."""

    brightness: Share = 0.1  # what is added, at most, in either direction, of 0..1
    contrast: Share = 0.2  # 0.2 draws factors from 0.8 to 1/0.8


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Augment:
    """Geometry that strikes input and target alike, and erasing that strikes the input of training pictures only."""

    flip: bool = True  # left to right, every other picture
    quarter_turns: bool = False
    rotate: float = Field(default=0, ge=0, le=45)  # degrees, at most
    zoom: tuple[float, float] = (1.0, 1.0)  # scale of the window that becomes the crop: 2 shrinks by two
    perspective: float = Field(default=0, ge=0, le=0.3)  # share of the side by which corners move, at most
    pad: int = Field(default=0, ge=0, le=4096)  # px of reflection the crop may reach beyond the picture
    erase: float = Field(default=0, ge=0, le=1)  # chance that a patch of the input is replaced by noise


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Loss:
    """The distance between what came back and what was good."""

    kind: Literal["charbonnier", "l1", "mse"] = "charbonnier"
    epsilon: float = Field(default=1e-3, gt=0)  # of charbonnier: where it turns from a square into a line, in units of 0..1
    space: Literal["rgb", "lab"] = "rgb"  # in which it is taken; lab: in CIE Lab over 100, where equal steps look about alike
    weight: float = Field(default=1.0, ge=0)  # of it among other parts
    colour: float = Field(default=0.0, ge=0)  # weight of the colour of large squares: feature and adversarial losses forgive a cast


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Feature:
    """A frozen classifier that judges beside the pixels: what it sees in the repaired picture and in the good one."""

    network: str = ""  # tiny-features, a model of the task classify, a file of published weights, timm:NAME:FILE; empty: none
    taps: tuple[str, ...] = ()  # places in it, fine to coarse; empty: where its grid is about to change
    weights: tuple[Annotated[float, Field(ge=0)], ...] = Field(default=(1.0,), min_length=1)  # of features: one a tap, or one for all
    gram: tuple[Annotated[float, Field(ge=0)], ...] = ()  # of Gram matrices likewise; empty: none
    distance: Literal["mse", "l1"] = "mse"
    enlarge: int = Field(default=1, ge=1, le=8)  # times, for a classifier that was made for larger pictures
    shift: int = Field(default=0, ge=0, le=32)  # px by which it looks elsewhere in each step, at most: no pattern hides between its strides
    shares_every: int = Field(default=100, ge=1)  # steps between two records of each part's share of the gradient


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Game:
    """How a critic and the network that repairs play against each other."""

    loss: Literal["hinge", "logistic", "squares", "relativistic"] = "hinge"
    weight: float = Field(default=0.01, ge=0)  # of what the critic says, among the parts of the loss
    rate: float = Field(default=1e-3, gt=0)  # of the critic: two time scales (Heusel et al. 2017)
    r1: float = Field(default=0.0, ge=0)  # weight of the critic's squared slope at real pictures (Mescheder et al. 2018)
    r1_every: int = Field(default=16, ge=1, le=1000)  # taken at one of so many steps, so many times as strong
    rule: Literal["both", "ratio", "accuracy", "loss"] = "both"  # who plays on a batch
    ratio: int = Field(default=1, ge=1, le=100)  # batches of the critic's for each of the generator's
    low: float = 0.65  # the generator plays until the critic's smoothed accuracy (or loss) is at this limit again,
    high: float = 0.85  # the critic until it is at this one
    least: int = Field(default=1, ge=1)  # batches that each plays in a row, at least
    most: int = Field(default=20, ge=1)  # and at most: nobody is starved
    limit: float = Field(default=0.99, gt=0.5, le=1)  # smoothed accuracy above which the critic does not learn
    warm_pairs: int = Field(default=1000, ge=8)  # repaired pictures that are cached for the critic to learn from before the game
    warm_steps: int = Field(default=200, ge=0)  # that it learns from them; by the rule "accuracy" fewer, if it comes to `high` before
    patience: int = Field(default=4, ge=1)  # looks without a better snapshot, with a fault, or with a critic that won, after which it ends
    judge: str = ""  # the classifier whose held-out features choose the snapshot; empty: that of feature.network, which taught too


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Muon:
    """Orthogonalised momentum for convolutions, AdamW for the rest (Jordan et al. 2024)."""

    kind: Literal["muon"] = "muon"
    rate: float = Field(default=5e-3, gt=0)
    rest_rate: float = Field(default=1e-3, gt=0)  # of biases and norms
    momentum: float = Field(default=0.95, ge=0, lt=1)
    weight_decay: float = Field(default=0, ge=0)
    clip: Literal["off"] | Positive = 1.0  # largest norm of the gradient


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AdamW:
    """AdamW (Loshchilov and Hutter 2019); weight decay spares biases and norms."""

    kind: Literal["adamw"] = "adamw"
    rate: float = Field(default=1e-3, gt=0)
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.99, ge=0, lt=1)
    weight_decay: float = Field(default=1e-4, ge=0)
    clip: Literal["off"] | Positive = 1.0  # largest norm of the gradient


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Schedule:
    """How the rate follows progress, 0..1 of the budget."""

    kind: Literal["one-cycle", "flat-cosine", "cosine", "linear", "constant"] = "one-cycle"
    warm: float = Field(default=0.1, ge=0, le=0.9)  # share of the budget in which the rate rises
    start: float = Field(default=0.04, gt=0, le=1)  # first rate, as a share of the highest
    end: float = Field(default=1e-3, ge=0, le=1)  # last rate, as a share of the highest


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Train:
    """How long, how many at once, on what."""

    minutes: Literal["off"] | Annotated[float, Field(ge=0)] = "off"  # a time budget: the schedule ends on time
    steps: Literal["off"] | Count = "off"
    epochs: Literal["off"] | Count = "off"  # without any of the three: 20 epochs
    batch: int = Field(default=8, ge=1, le=65_536)  # pictures a step, of all processes together
    accumulate: int = Field(default=1, ge=1, le=65_536)  # batches a step
    average: Literal["auto", "off"] | Positive = "auto"  # half-life of the weights' average in steps; auto: a 60th of all done, at most 60
    seed: int = 42
    device: Literal["auto", "cuda", "mps", "cpu"] = "auto"
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    workers: Literal["auto"] | Annotated[int, Field(ge=0, le=256)] = "auto"  # processes that spoil; auto: measured
    tune: bool = True  # choose threads, workers, memory layout, precision and compiling by measuring at the first start
    state_every: float = Field(default=60, gt=0)  # seconds between saved states (a step budget: see state_steps)
    state_steps: Literal["off"] | Every = "off"  # steps between saved states
    overfit: int = Field(default=0, ge=0, le=1000)  # learn so many batches by heart, always the same: a check that learning works at all
    valid_every: Literal["auto"] | Every = "auto"  # epochs between looks at held-out data; auto: about ten looks in all

    def __post_init__(self) -> None:
        if len(given := [f"train.{name}" for name in ("minutes", "steps", "epochs") if getattr(self, name) != "off"]) > 1:
            raise Refusal(f'{" and ".join(given)} are both given, and only one says how long: set the other to "off".')


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Look:
    """What is looked at inside while a network learns; the report shows it."""

    every: Literal["off"] | Every = "off"  # steps between two records of activations and gradients
    track: Literal["off", "tensorboard"] = "off"  # tell it to a tracker too (extras `track` and `multi`), in a folder beside the run's


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FineTune:
    """What of a network that starts from another's weights learns when, and how fast."""

    frozen: float = Field(default=0, ge=0, le=1)  # share of the training in which only the head learns
    gradual: bool = False  # then one stage after the other, from the head down, over as long again; without it all at once
    factor: float = Field(default=1.0, ge=1, le=100)  # by how much each stage learns more slowly than the one after it
    stem: Literal["last", "learns", "stays"] = "last"  # the first stage thaws last, is never frozen, or never thaws


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Previews:
    """Held-out pictures, always the same ones: what is made of them is kept again and again."""

    count: int = Field(default=4, ge=0, le=32)


MOST_PIXELS = 1 << 30  # of a batch; as numbers, with what should come back, they are 24 GB


def check_batch(data: Data, train: Train) -> None:
    """Refuse batches that no machine holds, and sizes that do not say when they come."""
    if len(data.grows) != len(data.grow_after) or sorted(set(data.grow_after)) != list(data.grow_after):
        raise Refusal(
            f"data.grows names {len(data.grows)} size(s) and data.grow_after {len(data.grow_after)} epoch(s), {list(data.grow_after)}: "
            "give as many rising epochs as sizes."
        )
    pixels = train.batch * max(data.crop, *data.grows) ** 2 if data.grows else train.batch * data.crop**2
    if pixels > MOST_PIXELS:
        raise Refusal(
            f"train.batch = {train.batch} pictures of data.crop = {data.crop} px are {pixels:,} pixels at once, "
            f"but at most {MOST_PIXELS:,} are tried: lower one of them, and raise train.accumulate instead."
        )


def check_name(name: str) -> None:
    """Refuse a name that could not be a folder's: run folders are called by it."""
    if not name.strip(". ") or len(name) > 100 or not name.isprintable() or set(name) & set('/\\:<>"|?*'):
        raise Refusal(f"The recipe's name is {name[:60]!r}, but a run folder is called by it: use up to 100 letters, digits, - and _.")
