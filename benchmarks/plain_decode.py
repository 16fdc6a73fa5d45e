"""What costs are compared with: every picture of some files by PyAV, and nothing else."""

import time
from collections.abc import Iterable
from pathlib import Path

import av
from av.codec.context import ThreadType


def decode_all(files: Iterable[Path]) -> None:
    """Decode every picture with default flags, in one thread."""
    for file in files:
        with av.open(str(file)) as container:
            decoder = container.streams.video[0].codec_context
            decoder.thread_type = ThreadType.NONE
            decoder.thread_count = 1
            for _ in container.decode(video=0):
                pass


def decode_cpu_s(files: Iterable[Path]) -> float:
    """Return the CPU time of this process that decoding takes, seconds."""
    begun_s = time.process_time()
    decode_all(files)
    return time.process_time() - begun_s
