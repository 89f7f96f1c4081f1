"""The grammar of chains: what it reads, writes, and refuses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfumato.core.errors import Refusal
from sfumato.spoil import catalogue
from sfumato.spoil.chain import Chain, Maybe, Repeat, Shuffle, Step
from sfumato.spoil.compression import Jpeg
from sfumato.spoil.grammar import parse
from sfumato.spoil.marks import Text
from sfumato.spoil.parts import arguments
from sfumato.spoil.resample import Scale


def refusal(text: str) -> str:
    with pytest.raises(Refusal) as caught:
        parse(text)
    return str(caught.value)


def test_the_chain_of_the_front_page_is_read():
    names = [step.name for step in parse("scale 2..4 | blur 0..1.5 | noise 0..12 | jpeg 10..60 | text | hole 16..48").steps]
    assert names == ["scale", "blur", "noise", "jpeg", "text", "hole"]


def test_a_range_of_whole_numbers_stays_whole():
    (step,) = parse("scale 2..4").steps
    assert step.act == Scale(factor=(2, 4)) and all(isinstance(end, int) for end in step.act.factor)


def test_a_range_with_a_fraction_is_one_of_fractions():
    (step,) = parse("scale 2.0..4").steps
    assert str(step) == "scale 2.0..4"


def test_words_numbers_and_quoted_texts_fill_arguments_by_name():
    (step,) = parse('text size=12 colour=white,"#ff0000" says="a | \\"b\\"",007').steps
    assert step == Step("text", Text(size=(12, 12), colour=("white", "#ff0000"), says=('a | "b"', "007")))


def test_brackets_hold_chains():
    assert parse("maybe(0.3, jpeg 20 | shuffle(blur | noise)) | repeat(1..2, jpeg)") == Chain(
        (
            Maybe(0.3, Chain((Step("jpeg", Jpeg(quality=(20, 20))), Shuffle(parse("blur | noise"))))),
            Repeat((1, 2), parse("jpeg")),
        )
    )


def test_line_breaks_and_spaces_do_not_matter():
    assert parse("  scale 2..4|\n\tjpeg   quality = 30 ") == parse("scale 2..4 | jpeg 30")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "A step's name was expected, but the end stands here."),
        ("jpg 20", "at character 1: There is no step called 'jpg'. Did you mean 'jpeg'?"),
        ("scale 2 | jpeg 60..10", "at character 16: The range 60..10 must run from low to high."),
        ("jpeg qualty=10", "There is no argument of jpeg called 'qualty'. Did you mean 'quality'?"),
        ("jpeg 10 quality=20", "jpeg got its 'quality' twice."),
        ("jpeg 10 20", "jpeg takes 1 number(s) without a name; 20 is too much."),
        ("jpeg 0", "The quality of jpeg is 0..0, but must run from low to high within 1..100."),
        ("jpeg subsampling=440", "There is no subsampling of jpeg called '440'. Did you mean '444'?"),
        ("jpeg quality=high", "jpeg's 'quality' takes a number or a range like 2..4, not high."),
        ("text colour=whit", "There is no colour (of text) called 'whit'. Did you mean 'white'?"),
        ("text colour=1..2", "text's 'colour' takes words or quoted texts, not 1..2."),
        ("fade paper=1,1", "fade's 'paper' takes 3 numbers with commas between them, not 1,1."),
        ("shrink 2..4", "shrink's 'factor' takes one whole number, not 2..4."),
        ("shrink 2 | shrink 2", "once at most"),
        ("maybe(0.5, shrink 2)", "cannot hold a shrink"),
        ("jpeg |", "at character 7: A step's name was expected, but the end stands here."),
        ("jpeg ) ", "There is a ')' too much."),
        ("maybe(2, jpeg)", "The chance of maybe(...) is 2..2"),
        ("maybe(0..1, jpeg)", "maybe(...) takes one chance between 0 and 1, not a range."),
        ("maybe(0.5 jpeg)", "',' was expected after the chance of maybe(...), but 'jpeg' stands here."),
        ("repeat(1.5, jpeg)", "repeat(...) takes a whole number of times"),
        ("shuffle(jpeg", "')' was expected to end shuffle(...), but the end stands here."),
        ('text says="ab', "at character 11: This quoted text has no end."),
        ("jpeg 10%", "'%' has no meaning here."),
        ("jpeg quality=", 'A number, a range, a word or a "quoted text" was expected, but the end stands here.'),
        ("blur 1e999", "This number is too long or too large."),
        ("blur " + "9" * 5000, "This number is too long or too large."),
        ("shuffle(" * 50 + "jpeg" + ")" * 50, "Brackets stand more than 20 deep in each other."),
        ("repeat(100, repeat(11, jpeg))", "Of this chain 1100 steps would act on every picture, but at most 1000 may"),
        ("repeat(100, blur 50)", "would depend on others 15100 px away, but at most 4096 are taken."),
        ("hole 20000 density=20000", "The marks of hole would lie 8000000 deep everywhere, but at most 1000 may"),
        ("hole 1e300", "The size of hole is 1e+300..1e+300, but must run from low to high within 1..20000."),
        ('text size=400 says="' + "x" * 5000 + '"', "What text says is too long for letters of 400 px"),
        ("jpeg | " * 5000 + "jpeg", "A chain has at most 20000 characters, but this one has 35004"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(text, part):
    assert part in refusal(text)


def test_a_long_chain_is_shown_only_around_the_mistake():
    assert len(refusal("jpeg 10 | " * 100 + "jpg")) < 300


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60) | st.text(alphabet='jpegtxs m(),|="\\.0123456789e-', max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_chain_or_a_refusal(text):
    try:
        chain = parse(text)
    except Refusal:
        return
    assert parse(str(chain)) == chain


NUMBERS = st.integers(0, 10**6) | st.floats(0, 1e6, allow_subnormal=False)
SPANS = st.tuples(NUMBERS, NUMBERS).map(lambda pair: tuple(sorted(pair)))
VALUES = {
    "range": SPANS,
    "number": NUMBERS,
    "whole": st.integers(0, 20),
    "texts": st.lists(st.text(max_size=8) | st.sampled_from(["any", "white"]), min_size=1, max_size=3).map(tuple),
    "text": st.text(max_size=8),
}


def value_of(argument: arguments.Argument) -> st.SearchStrategy:
    if argument.kind == "numbers":
        return st.tuples(*[st.floats(0, 1)] * argument.count)
    if argument.choices:
        return st.lists(st.sampled_from(argument.choices), min_size=1, max_size=3).map(tuple)
    return VALUES[argument.kind]


@st.composite
def steps(draw: st.DrawFn) -> Step:
    name = draw(st.sampled_from([name for name in catalogue.STEPS if name != "shrink"]))
    act = catalogue.STEPS[name].load()
    given = {a.name: draw(value_of(a)) for a in arguments.arguments(act) if draw(st.booleans())}
    try:
        return Step(name, act(**given))
    except Refusal:  # out of this step's bounds
        return Step(name, act())


def chained(nodes: list) -> Chain:
    try:
        return Chain(tuple(nodes))
    except Refusal:  # all together they would act too often, or look too far
        return Chain((Step("jpeg", Jpeg()),))


def groups(inner: st.SearchStrategy) -> st.SearchStrategy:
    chains = st.lists(inner, min_size=1, max_size=3).map(chained)
    times = st.tuples(st.integers(0, 100), st.integers(0, 100)).map(lambda pair: tuple(sorted(pair)))
    return st.builds(Maybe, st.floats(0, 1), chains) | st.builds(Shuffle, chains) | st.builds(Repeat, times, chains)


@given(st.lists(st.recursive(steps(), groups, max_leaves=5), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_every_chain_reads_back_from_its_own_text(nodes):
    chain = chained(nodes)
    text = str(chain)
    assert parse(text) == chain and str(parse(text)) == text
