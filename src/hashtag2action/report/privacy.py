"""What must not leave the machine with a report: the folders of whoever made it."""

import re
from pathlib import PurePosixPath
from typing import Any

_FOLDERS = re.compile(r"(?<![\w.:/])/(?:[^/\s]+/)+")


def without_folders(text: str) -> str:
    """Shorten every absolute path in a text to its last part."""
    return _FOLDERS.sub("", text)


def settings_without_folders(value: Any) -> Any:
    """Shorten every absolute path in nested settings to its last part."""
    if isinstance(value, dict):
        return {str(name): settings_without_folders(item) for name, item in value.items()}
    if isinstance(value, list):
        return [settings_without_folders(item) for item in value]
    if isinstance(value, str):
        return PurePosixPath(value).name if value.startswith("/") else without_folders(value)
    return value
