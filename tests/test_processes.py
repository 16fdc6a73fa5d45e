import subprocess
import sys

import pytest

NEW_PAGES = """
import ctypes, resource
import numpy as np
from hashtag2action.processes import keep_freed_memory

if {is_kept}:
    keep_freed_memory()
step = lambda: [np.ones(5_000_000) for _ in range(3)]
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator is glibc's")
def test_memory_that_was_freed_is_found_again() -> None:
    new_pages = []
    for is_kept in (False, True):
        words = [sys.executable, "-c", NEW_PAGES.format(is_kept=is_kept)]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        new_pages.append(int(done.stdout))
    # Three arrays of 40 MB, in pages of 4 kB or, where the kernel gives them, of 2 MB.
    assert new_pages[0] > 30
    assert new_pages[1] < new_pages[0] / 5
