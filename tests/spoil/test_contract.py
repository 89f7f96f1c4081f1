"""What every step of the catalogue promises."""

import numpy as np
import pytest

from sfumato.spoil import catalogue, grammar
from sfumato.spoil.chain import Chain
from sfumato.spoil.parts import arguments

NAMES = sorted(catalogue.STEPS)
VARIANTS = [  # what the defaults leave out
    "scale 3 filter=aliased-nearest,aliased-bilinear,aliased-bicubic up=nearest,lanczos",
    "shrink 3 filter=area,lanczos",
    "pixelate 1..40",
    "blur 3 kind=box,motion,defocus",
    "blur 12.5",
    "noise 40 kind=poisson,speckle,salt",
    "noise 40 kind=gaussian,poisson,speckle,salt grain=grey",
    "jpeg 1..100 subsampling=444,422",
    "jpeg 30 shift=0..15",
    "text density=3000 kind=words,medical opacity=0.2..0.9",
    'text density=3000 says="one","two \\"quoted\\"" font="DejaVuSerif.ttf" size=3',
    'text density=3000 says="","two\nlines"',
    'watermark 1 density=20000 says="two\nlines",""',
    "logo density=2000",
    "dust 0.5..30 density=5000 hairs=1.0",
    "folds density=10 width=20",
    "stains density=500 size=2..500",
    "fade 0.0",
    "cast 0.4 hue=warm,cold",
    "grey 0.5",
    "edges 0.5",
    "hole 16..48 kind=free density=600 fill=noise,any",
    "hole 4..200 kind=centre",
    "border 1..300 side=all fill=noise",
    "erase 3..90 density=1000 spread=1.0",
]
SIZES = [(1, 1), (7, 3), (130, 1), (1, 67), (33, 47)]


def chain_of(text: str) -> Chain:
    return grammar.parse(text, catalogue.STEPS)


@pytest.mark.parametrize("text", NAMES + VARIANTS)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_step_gives_eight_bits_of_the_same_shape_at_any_size(text, channels, portrait, rng):
    chain = chain_of(text)
    for height, width in SIZES:
        picture = np.resize(portrait, (height, width, channels))
        spoilt = chain(picture, rng)
        expected = tuple(max(1, side // chain.enlarges) for side in (height, width))
        assert (spoilt.dtype, spoilt.shape) == (np.uint8, (*expected, channels))


@pytest.mark.parametrize("text", NAMES + VARIANTS)
def test_every_step_repeats_itself_for_an_equal_generator(text, portrait):
    chain = chain_of(text)
    first, second = (chain(portrait, np.random.default_rng(3)) for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize("text", NAMES + VARIANTS)
def test_no_step_writes_to_its_input_or_needs_to(text, portrait, rng):
    picture = portrait.copy()
    picture.setflags(write=False)
    for step in chain_of(text).steps:
        spoilt = step(picture, rng)
        assert (picture == portrait).all() and spoilt.ndim == 3


@pytest.mark.parametrize("text", NAMES + VARIANTS)
def test_equal_pixels_in_another_layout_give_equal_pixels(text, portrait):
    chain = chain_of(text)
    mirrored = np.asfortranarray(portrait[:, ::-1])
    plain = chain(np.ascontiguousarray(mirrored), np.random.default_rng(3))
    assert (plain == chain(mirrored, np.random.default_rng(3))).all()


@pytest.mark.parametrize("name", NAMES)
def test_every_step_changes_a_photograph(name, portrait, rng):
    results = [chain_of(name)(portrait, rng) for _ in range(8)]
    assert any(result.shape != portrait.shape or (result != portrait).any() for result in results)


@pytest.mark.parametrize("name", NAMES)
def test_every_step_says_what_each_of_its_arguments_means(name):
    step = catalogue.STEPS[name].load()
    meanings = catalogue.meaning(step.__doc__)
    assert set(meanings) == {argument.name for argument in arguments.arguments(step)}


@pytest.mark.parametrize("text", NAMES + VARIANTS)
def test_every_step_reads_back_from_its_own_text(text):
    chain = chain_of(text)
    assert chain_of(str(chain)) == chain


@pytest.mark.parametrize("name", NAMES)
def test_every_step_with_its_defaults_written_out_is_the_bare_step(name):
    row = next(row for row in catalogue.table(catalogue.STEPS) if row.name == name)
    assert chain_of(row.usage) == chain_of(name)


LOCAL = [name for name in NAMES if name != "webp"]  # whose blocks are guessed from those before, without end
WIDER = ["scale 2", "scale 3 filter=lanczos up=bicubic", "shrink 2", "blur 2 kind=box,motion,defocus", "jpeg 30", "jpeg subsampling=444"]
WIDER += ["jpeg 30 shift=0..15", "jpeg 40 subsampling=444 shift=3", "shrink 2 | jpeg 30", "blur 1 | shrink 3 | jpeg 40 subsampling=444"]


@pytest.mark.parametrize("text", LOCAL + WIDER)
def test_no_pixel_looks_further_than_the_reach(text, portrait):
    chain = chain_of(text)
    changed = portrait.copy()
    changed[60, 60] = 255 - changed[60, 60]
    before, after = (chain(picture, np.random.default_rng(5)) for picture in (portrait, changed))
    struck = np.argwhere((before != after).any(2)) * chain.enlarges
    furthest = np.abs(struck - 60).max(initial=0)
    assert furthest <= chain.reach + chain.enlarges - 1


MIXED = ["scale 2 | jpeg 30 | blur 1", "repeat(2, blur 0.5 | jpeg 30)", "shuffle(blur 1 | jpeg 30)"]


@pytest.mark.parametrize("text", LOCAL + WIDER + MIXED)
def test_nothing_outside_the_context_changes_what_is_inside(text, portrait):
    chain = chain_of(text)
    low, high = chain.context(48, 72)
    inside = np.zeros(portrait.shape[:2], bool)
    inside[max(low, 0) : high, max(low, 0) : high] = True
    elsewhere = np.where(inside[..., None], portrait, 255 - portrait)
    one, other = (chain(picture, np.random.default_rng(5)) for picture in (portrait, elsewhere))
    part = slice(48 // chain.enlarges, 72 // chain.enlarges)
    np.testing.assert_array_equal(one[part, part], other[part, part])
