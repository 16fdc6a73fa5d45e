"""What a device multiplies by instructions of its own: asked here and nowhere else.

The answers are the device's, never a timing's, so that a run which goes on where it began computes
the same numbers.
"""

from collections.abc import Mapping
from typing import Any

import torch

BF16_PRODUCTS = ("avx512_bf16", "amx_bf16", "bf16")
"""Instructions that multiply bfloat16, as torch names them; the last one is Arm's."""

AVX512_PRODUCTS = ("avx512_f", "avx512_bw", "avx512_dq", "avx512_vl")
"""Instructions that oneDNN asks for before it multiplies float32 by AVX-512. Source: its
`avx512_core`."""


def cpu_features() -> Mapping[str, Any]:
    """Return what torch finds of this CPU: its name, and whether it has which instructions."""
    return torch.cpu.get_capabilities()


def multiplies_bf16(device: str) -> bool:
    """Whether a device multiplies bfloat16 by instructions of its own, by way of what torch has.

    A CPU without them widens every number first, and so does torch without oneDNN.
    """
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    features = cpu_features()
    has_products = any(features.get(name, False) for name in BF16_PRODUCTS)
    return has_products and torch.backends.mkldnn.is_available()


def has_avx512() -> bool:
    """Whether a CPU has the parts of AVX-512 that products in float32 are written for."""
    features = cpu_features()
    return all(features.get(name, False) for name in AVX512_PRODUCTS)


def has_wide_avx512() -> bool:
    """Whether a CPU does AVX-512 in whole units; AMD's Zen 4 does it in two halves.

    Told by AVX-VNNI, which Zen 5 and Sapphire Rapids brought and Zen 4 lacks.
    """
    return has_avx512() and bool(cpu_features().get("avx_vnni", False))


def cpu_name() -> str:
    """Name the CPU, as far as torch knows it, for messages."""
    return str(cpu_features().get("cpu_name", "this CPU"))
