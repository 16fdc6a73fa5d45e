"""The weights a run begins with: the same file as long as the run lasts."""

import hashlib
import json
from pathlib import Path

from hashtag2action.errors import CheckpointError, ConfigError
from hashtag2action.manifest import write_json


def require_init(init: Path | None) -> None:
    """Refuse weights to begin with that are not there; None, which is from scratch, needs none.

    Raises:
        CheckpointError: There is no such file, or it is a folder.
    """
    if init is not None and init.is_dir():
        raise CheckpointError(f"{init}: is a folder; give the file, {init}/weights.safetensors")
    if init is not None and not init.is_file():
        raise CheckpointError(f"{init}: no such file; init is a weights.safetensors, or null")


def hold_to_init(out: Path, init: Path | None) -> None:
    """Remember the bytes a run begins with, and refuse to go on from others under their name.

    Args:
        out: Folder of the run.
        init: The file; None where the run starts from scratch.

    Raises:
        CheckpointError: There is no such file.
        ConfigError: The run began with other bytes.
    """
    if init is None:
        return
    require_init(init)
    with init.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    path = out / "init.json"
    if path.exists() and json.loads(path.read_text(encoding="utf-8"))["sha256"] != digest:
        raise ConfigError(
            f"{out}: begun from other weights, which {init.name} has replaced since. "
            "Use another --out folder, or remove this one"
        )
    write_json(path, {"file": init.name, "sha256": digest})
