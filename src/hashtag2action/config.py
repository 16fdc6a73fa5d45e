"""Typed configuration: one base class, one loader, one key.

Precedence: class defaults < recipe YAML < `section.field=value` on the command line.
What a field means stands beside the field, in the file of the thing it configures.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from hashtag2action.errors import ConfigError
from hashtag2action.files import written_whole


class Config(BaseModel):
    """Frozen settings that refuse unknown keys.

    Fields named in `runtime_fields` change the speed of a run, never its result, so they are left
    out of `key_fields` and with that out of every cache key.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        validate_default=True,
        protected_namespaces=(),
    )

    runtime_fields: ClassVar[tuple[str, ...]] = ("runtime",)

    def key_fields(self) -> dict[str, Any]:
        """Return the settings that may change a result, as plain JSON values."""
        fields: dict[str, Any] = {}
        for name in type(self).model_fields:
            if name in self.runtime_fields:
                continue
            fields[name] = _plain(getattr(self, name))
        return fields


def _plain(value: Any) -> Any:
    if isinstance(value, Config):
        return value.key_fields()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, date):
        return value.isoformat()
    return value


def key_of(*parts: Any) -> str:
    """Hash settings, names and parent keys into one key of 16 hexadecimal digits."""
    text = json.dumps([_plain(part) for part in parts], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


AnyConfig = TypeVar("AnyConfig", bound=Config)


def load(kind: type[AnyConfig], recipe: Path, overrides: Sequence[str] = ()) -> AnyConfig:
    """Read a recipe, lay `section.field=value` overrides over it and check the result.

    Raises:
        ConfigError: The file is missing or is not YAML, an override has no `=`, or a field is
            unknown or has a wrong value. The message names the file and the field.
    """
    return checked(kind, read_recipe(recipe, overrides), str(recipe))


def read_recipe(recipe: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Read a recipe and lay `section.field=value` overrides over it, unchecked.

    Raises:
        ConfigError: The file is missing or is not YAML, or an override has no `=`.
    """
    values = read_yaml(recipe)
    for override in overrides:
        _apply(values, override)
    return values


def checked(
    kind: type[AnyConfig], values: dict[str, Any], origin: str, are_options: bool = False
) -> AnyConfig:
    """Make settings of values.

    Args:
        kind: The settings.
        values: Their fields.
        origin: Where the values are from, for the message.
        are_options: The fields were given as options of a command, and are named so.

    Raises:
        ConfigError: A field is unknown or has a wrong value; the message names it.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explain(error, kind, origin, values, are_options)) from error


def read_yaml(recipe: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping; an empty file is an empty mapping.

    Raises:
        ConfigError: The file is missing, unreadable, not YAML, not a mapping, or has a name twice.
    """
    try:
        text = recipe.read_text(encoding="utf-8")
        _require_names_once(yaml.compose(text, yaml.SafeLoader))
        values = yaml.safe_load(text)
    except FileNotFoundError as error:
        raise ConfigError(
            f"{recipe}: no such file; the recipes that ship are in {shipped_recipes()}"
        ) from error
    except OSError as error:
        raise ConfigError(f"{recipe}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{recipe}: is not YAML: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{recipe}: is not YAML: {_in_a_line(error)}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(
            f"{recipe}: a recipe is a mapping of sections; found {type(values).__name__}"
        )
    return values


def _require_names_once(document: yaml.Node | None) -> None:
    """Refuse a name that a mapping has twice, of which YAML would take the last."""
    nodes, visited = [document], set[int]()
    for node in nodes:
        if not isinstance(node, yaml.CollectionNode) or id(node) in visited:
            continue
        visited.add(id(node))
        if not isinstance(node, yaml.MappingNode):
            nodes += node.value
            continue
        seen: set[str] = set()
        for key, value in node.value:
            nodes.append(value)
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"{key.value} is there twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)


def _in_a_line(error: yaml.YAMLError) -> str:
    """Say how YAML is wrong and where, without the name that the parser gives a text."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return " ".join(str(error).split())
    mark = error.problem_mark
    return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"


def shipped_recipes() -> Path:
    """Return the folder of the recipes that come with the package, installed or in a clone."""
    package = Path(__file__).parent
    installed = package / "recipes"
    return installed if installed.is_dir() else package.parents[1] / "recipes"


def dump(config: Config, path: Path) -> None:
    """Write the resolved settings as YAML: whole, for a run is refused that has others."""
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    with written_whole(path) as beside:
        beside.write_text(text, encoding="utf-8")


_COMMENT = re.compile(r"(^|\s)#")
"""What YAML takes for the beginning of a comment, which nobody writes into an override."""


def _apply(values: dict[str, Any], override: str) -> None:
    field, sign, text = override.partition("=")
    if not sign or not field:
        raise ConfigError(f"override {override!r}: expected section.field=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"override {override!r}: the value is not YAML: {_in_a_line(error)}"
        ) from error
    if _COMMENT.search(text) and not text.lstrip().startswith(("'", '"', "[", "{")):
        value = text.strip()  # a name such as "clips #2", of which YAML would drop the end
    *sections, name = field.split(".")
    here = values
    for section in sections:
        inner = here.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"override {override!r}: {section} is a value, not a section")
        here = inner
    here[name] = value


def _explain(
    error: ValidationError,
    kind: type[Config],
    recipe: str,
    values: dict[str, Any],
    are_options: bool,
) -> str:
    lines = []
    for fault in error.errors():
        steps = _steps(fault["loc"], values)
        field = _shown(steps, are_options)
        if fault["type"] == "extra_forbidden":
            sections = _sections_at(kind, fault["loc"][:-1])
            known = [name for section in sections for name in section.model_fields]
            near = difflib.get_close_matches(steps[-1], known, n=1)
            meant = f"; did you mean {_shown([*steps[:-1], *near], are_options)}?" if near else ""
            lines.append(f"{recipe}: {field}: no such field{meant}")
        elif fault["type"] in {"union_tag_not_found", "union_tag_invalid"}:
            kinds = _kinds_of(_sections_at(kind, fault["loc"]))
            wrong = fault.get("ctx", {}).get("tag")
            told = "has no kind" if wrong is None else f"there is no kind {wrong!r}"
            lines.append(f"{recipe}: {field}: {told}; its kind is one of {', '.join(kinds)}")
        elif fault["type"] == "missing":
            lines.append(f"{recipe}: {field}: is required; give it in the recipe or as {field}=...")
        else:
            lines.append(f"{recipe}: {field}: {fault['msg']} (found {fault['input']!r:.80})")
    return "\n".join(lines)


def _shown(steps: Sequence[str], are_options: bool) -> str:
    field = ".".join(steps) or "(whole recipe)"
    return f"--{field.replace('_', '-')}" if are_options else field


def _sections_at(kind: type[Config], place: tuple[int | str, ...]) -> list[type[Config]]:
    """List the settings a section may be; of several kinds, the one it was told as."""
    sections = [kind]
    for step in place:
        inner = [
            found
            for section in sections
            if step in section.model_fields
            for found in _sections_in(section.model_fields[str(step)].annotation)
        ]
        told = [section for section in sections if step in _kinds_of([section])]
        sections = told or inner or sections  # a place in a list leads to no other section
    return sections


def _kinds_of(sections: Sequence[type[Config]]) -> list[str]:
    """Name the kinds among settings."""
    fields = [
        section.model_fields["kind"] for section in sections if "kind" in section.model_fields
    ]
    return [kind for field in fields for kind in get_args(field.annotation)]


def _sections_in(annotation: Any) -> Iterator[type[Config]]:
    """Find the settings that a field's type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, Config):
        yield annotation
    for part in get_args(annotation):
        yield from _sections_in(part)


def _steps(place: tuple[int | str, ...], values: Any) -> list[str]:
    """Return the names on the way to a field, without the kinds that a choice was told apart by."""
    steps, here, is_told = [], values, False
    for step in place:
        if not is_told and isinstance(here, dict) and here.get("kind") == step:
            # A field may have the name of the kind; the kind comes first.
            is_told = True
            continue
        steps.append(str(step))
        if isinstance(here, dict):
            here = here.get(step)
        else:
            here = here[step] if isinstance(here, list) and isinstance(step, int) else None
        is_told = False
    return steps
