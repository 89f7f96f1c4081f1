"""What a person looks at before a classifier learns: a batch as the network sees it, and one picture drawn many times."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from sfumato.core import files
from sfumato.core.levels import Levels, batch_to_levels
from sfumato.data.batches import Batch, Source, finished
from sfumato.show.sheets import gallery, save_png
from sfumato.train.callback import Callback
from sfumato.train.callbacks.change import Change
from sfumato.train.learner import Learner
from sfumato.train.run import Run

SHOWN = 24  # pictures of a batch


def drawn_batch(batch: Batch, classes: Sequence[str], count: int = SHOWN) -> Levels:
    """The first pictures of a batch with their names, and with their shares where pictures were mixed.  uint8 (H', W', 3)"""
    pictures = batch_to_levels(batch.input[:count]).cpu().numpy()
    return gallery(list(pictures), [_words(target, classes) for target in batch.target[:count]])


def drawn_item(source: Source, change: Change, index: int, times: int = SHOWN) -> Levels:
    """One picture of a source as it comes in so many epochs: what augmentation makes of it.  uint8 (H', W', 3)"""
    shown, captions = [], []
    for epoch in range(times):
        batch = change(one_batch(source, [index], epoch))
        shown.append(batch_to_levels(batch.input)[0].cpu().numpy())
        captions.append(f"epoch {epoch}")
    return gallery(shown, captions)


def one_batch(source: Source, items: Sequence[int], epoch: int = 0) -> Batch:
    """These items of a source in one epoch, as they are loaded."""
    source.prepare(items)
    return finished(*source.gather([(epoch, index) for index in items]), [(epoch, index) for index in items])


def _words(target: Tensor, classes: Sequence[str]) -> str:
    if target.ndim == 0:
        return classes[int(target)]
    shares = [(float(share), classes[label]) for label, share in enumerate(target) if share > 0]
    return ", ".join(f"{name} {share:.2f}" for share, name in sorted(shares, reverse=True))


class ShowBatch(Callback):
    """Draw the first training batch, as the network sees it, into the run folder."""

    def __init__(self, run: Run, classes: Sequence[str]):
        self.run, self.classes = run, classes

    def before_batch(self, learner: Learner) -> None:
        """Once a run."""
        path = self.run.instrument("batch.png")
        if learner.phase == "train" and learner.step == 0 and not path.is_file():
            files.make_folder(path.parent)
            save_png(path, drawn_batch(learner.batch, self.classes))
