"""Order and content of batches follow from (seed, epoch, index) alone."""

from dataclasses import dataclass
from itertools import islice

import pytest
import torch

from sfumato.core.errors import Refusal
from sfumato.core.seed import Seed
from sfumato.data.batches import Batches
from tests.train.conftest import Darkened


def batches(workers=0, batch=5, context="fork"):
    return Batches(source=Darkened(), batch=batch, seed=Seed(3), workers=workers, context=context)


def test_an_epoch_shows_every_item_at_most_once_and_epochs_differ():
    stream = list(islice(batches().stream(0, 0), 8))
    first, second = ([index for batch in part for index in batch.items] for part in (stream[:4], stream[4:]))
    assert len(set(first)) == len(first) == 20
    assert first != second


@pytest.mark.parametrize(("workers", "context"), [(1, "fork"), (3, "fork"), (1, "spawn")])
def test_workers_change_nothing(workers, context):
    alone = list(islice(batches().stream(0, 0), 9))
    helped = list(islice(batches(workers, context=context).stream(0, 0), 9))
    for one, other in zip(alone, helped, strict=True):
        assert one.items == other.items
        assert torch.equal(one.input, other.input) and torch.equal(one.target, other.target)


def test_a_stream_from_a_position_is_the_rest_of_the_stream():
    whole = list(islice(batches().stream(0, 0), 12))
    rest = list(islice(batches().stream(1, 2), 6))
    assert [batch.items for batch in whole[6:]] == [batch.items for batch in rest]


def test_an_item_does_not_depend_on_the_batch_it_is_in():
    by_five = {
        index: picture for batch in islice(batches().stream(0, 0), 4) for index, picture in zip(batch.items, batch.input, strict=True)
    }
    by_three = {
        index: picture
        for batch in islice(batches(batch=3).stream(0, 0), 8)
        for index, picture in zip(batch.items, batch.input, strict=True)
    }
    assert all(torch.equal(by_five[index], by_three[index]) for index in by_five.keys() & by_three.keys())


def test_a_batch_larger_than_the_data_becomes_the_data():
    assert batches(batch=1000).batch == 24


@dataclass(frozen=True)
class Gone(Darkened):
    """Of which nothing is left."""

    def pair(self, epoch, index):
        raise Refusal("None of the pictures can be decoded.")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_refusal_comes_from_a_worker_in_its_own_words(workers):
    stream = Batches(source=Gone(), batch=2, seed=Seed(3), workers=workers).stream(0, 0)
    with pytest.raises(Refusal) as refusal:
        next(stream)
    assert str(refusal.value) == "None of the pictures can be decoded."
