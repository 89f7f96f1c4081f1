"""Seeds are values: every draw follows from (run seed, purpose, epoch, index), never from a global generator.

So what item i of epoch e looks like does not depend on workers, batch size, resumption or the number of machines.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # constants of SplitMix64 (Steele, Lea, Flood 2014)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True)
class Seed:
    """One run's seed, from which every generator of the run is derived."""

    value: int = 42

    def key(self, purpose: str, epoch: int = 0, index: int = 0) -> int:
        """128 bits that name one draw."""
        name = f"{self.value}/{purpose}/{epoch}/{index}".encode()
        return int.from_bytes(hashlib.blake2b(name, digest_size=16).digest(), "little")

    def at(self, purpose: str, epoch: int = 0, index: int = 0) -> np.random.Generator:
        """The generator of one item."""
        return np.random.Generator(np.random.Philox(key=self.key(purpose, epoch, index)))

    def number(self, purpose: str, epoch: int = 0, index: int = 0) -> int:
        """63 bits, for generators of other libraries (`torch.Generator().manual_seed`)."""
        return self.key(purpose, epoch, index) >> 65

    def table(self, purpose: str, epoch: int, indices: NDArray[np.int64], k: int) -> NDArray[np.float64]:
        """Uniforms in [0, 1) for many items at once.  (B,) -> (B, k); a row depends on its own index alone."""
        base = np.uint64(self.key(purpose, epoch) & (2**64 - 1))
        with np.errstate(over="ignore"):
            rows = _mix(base + np.asarray(indices).astype(np.uint64) * _GOLDEN)
            bits = _mix(rows[:, None] + np.arange(1, k + 1, dtype=np.uint64) * _GOLDEN)
        return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = (x ^ (x >> np.uint64(30))) * _MIX1
    x = (x ^ (x >> np.uint64(27))) * _MIX2
    return x ^ (x >> np.uint64(31))
