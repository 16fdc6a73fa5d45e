"""How much memory a conversion takes beside the mapped files.

    python -m benchmarks.weights_memory FILE --to safetensors --out OUT

Prints, as JSON, the largest growth of the process's own memory (pages of mapped files are the
system's: it takes them back when it needs them) and the size of the largest tensor converted. What
grows once a process, such as thread pools and imported packages, is made to grow before by the
conversion of a tiny network.
"""

import argparse
import json
import re
import tempfile
import threading
from pathlib import Path

import torch

from hashtag2action.data.loader import Sampling
from hashtag2action.evaluate.convert import Conversion, convert
from hashtag2action.evaluate.recognizer import Card, Network, save_network
from hashtag2action.models.layouts import open_weights

TINY = Network(variant="vit_micro", num_frames=4, size_px=32, patch_size=16)


class OwnMemory:
    """Watches the process's anonymous memory from a thread."""

    def __enter__(self) -> "OwnMemory":
        self.first = self.largest = own_bytes()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()
        self.largest = max(self.largest, own_bytes())

    @property
    def growth(self) -> int:
        return self.largest - self.first

    def _watch(self) -> None:
        while not self._ends.wait(0.001):
            self.largest = max(self.largest, own_bytes())


def own_bytes() -> int:
    """Return the anonymous memory of this process, in bytes."""
    text = Path("/proc/self/status").read_text()
    found = re.search(r"RssAnon:\s+(\d+) kB", text)
    assert found, "the kernel does not tell anonymous memory"
    return int(found[1]) * 1024


def growth_of(path: Path, config: Conversion, out: Path) -> tuple[int, int]:
    """Convert a file and return the growth of memory and the largest tensor, in bytes."""
    largest = max(tensor.num_bytes for tensor in open_weights(path).tensors.values())
    with OwnMemory() as memory:
        convert(path, config, out)
    return memory.growth, largest


def warm_up(config: Conversion) -> None:
    """Do everything once with a tiny network of either form."""
    with tempfile.TemporaryDirectory() as folder:
        for names in ((), ("a", "b")):
            card = Card(TINY, names, Sampling(), TINY.grid)
            model = TINY.build_recognizer(len(names)) if names else TINY.build_pretraining()
            path = Path(folder) / f"{len(names)}.safetensors"
            save_network(model, path, card)
            checkpoint = convert(path, Conversion(to="official")).path
            convert(checkpoint, config, Path(folder) / f"{len(names)}.out")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--to", required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    config = Conversion(to=given.to)
    warm_up(config)
    growth, largest = growth_of(given.file, config, given.out)
    print(json.dumps({"growth_bytes": growth, "largest_bytes": largest}))


if __name__ == "__main__":
    main()
