"""YAML files of settings: read strictly and within bounds, and written so that they are read back equal."""

import re
from pathlib import Path
from typing import Any

import yaml

from kmlc.errors import UserError
from kmlc.files import write_text

MAX_BYTES = 1_000_000
"""The longest file that is read; PyYAML takes minutes and a hundred times the memory for longer ones."""
MAX_VALUES = 200_000
"""The most values in a file, with each alias (`*name`) written out."""

_TAG = "tag:yaml.org,2002:"
_TAGS = {_TAG + name for name in ("str", "int", "float", "bool", "null", "seq", "map", "merge")}


class _Loader(yaml.SafeLoader):
    """Builds plain data; a date is a string, because no setting is a date."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in _TAGS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Dumper(yaml.SafeDumper):
    """Writes YAML with more strings in quotes than PyYAML does; see `_represent_string`."""


def _represent_string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # To YAML 1.2, but not to PyYAML, 1e-4 is a number. Unquoted, PyYAML changes some unprintable characters.
    quoted = not text.isprintable() or re.fullmatch(r"[-+]?[\d.]+e[-+]?\d+", text, re.IGNORECASE)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if quoted else None)


_Dumper.add_representer(str, _represent_string)


def yaml_text(value: Any) -> str:
    """Return `value` as YAML in the order of its keys."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True))


def write_yaml(path: Path, value: Any) -> None:
    """Write `value` as YAML, whole or not at all; `read_yaml` returns it equal.

    Raises:
        UserError: if the file cannot be written, or would be longer than `read_yaml` reads.
    """
    text = yaml_text(value)
    if len(text.encode()) > MAX_BYTES:
        raise UserError(f"{path}: expected settings of up to {MAX_BYTES:,} bytes as YAML; got more")
    write_text(path, text)


def read_yaml(path: Path) -> Any:
    """Read a YAML file in UTF-8 that holds plain data: null, booleans, numbers, strings, lists, mappings.

    Raises:
        UserError: if the file is missing, unreadable, too long or no YAML, and for what YAML allows but no
            file of settings needs: keys that are no strings or are there twice, several documents, other tags
            than those of plain data, nesting or aliases without bound.

    Example:
        read_yaml(Path("mine.yaml"))  # {"train": {"epochs": 3}}
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)  # all of a pipe or of /dev/zero would be too much
        if len(content) > MAX_BYTES:
            raise UserError(f"{path}: expected a YAML file of up to {MAX_BYTES:,} bytes; got a longer one")
        return _load(content.decode("utf-8-sig"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected a YAML file of settings") from None
    except OSError as error:
        raise UserError(f"{path}: could not be read: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        raise UserError(f"{path}: not a YAML file of settings: {line}{error.problem}") from None
    except RecursionError:
        raise UserError(f"{path}: not a YAML file of settings: too many nested values") from None
    except (yaml.YAMLError, ValueError, LookupError) as error:  # LookupError: of `!!bool x` and `!!int ''`
        raise UserError(f"{path}: not a YAML file of settings: {' '.join(str(error).split())}") from None


def _load(text: str) -> Any:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node, {})
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _check(node: yaml.Node, counted: dict[yaml.Node, int]) -> int:
    """Return how many values a node has with its aliases written out; raise if it is no plain data."""
    if node in counted:
        return counted[node]
    counted[node] = MAX_VALUES + 1  # until it is known: a value that holds itself has no end
    if node.tag not in _TAGS:
        raise _error(node, f"expected plain values; got the tag {node.tag.replace(_TAG, '!!')}")
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
        children = [child for pair in node.value for child in pair]
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    size = 1 + sum(_check(child, counted) for child in children)
    if size > MAX_VALUES:
        raise _error(node, f"more than {MAX_VALUES:,} values, with each alias (*name) written out")
    counted[node] = size
    return size


def _check_keys(node: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in node.value:
        if key.tag not in (f"{_TAG}str", f"{_TAG}merge"):
            got = key.value if isinstance(key, yaml.ScalarNode) else "a list or a mapping"
            raise _error(key, f"expected a string as key; got {got} (quotes make it a string)")
        if key.value in seen:
            raise _error(key, f"the key {key.value} is there twice")
        seen.add(key.value)


def _error(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
