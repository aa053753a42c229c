"""The parameters of the score stage as a document: every name with its value and the reason that stands beside it in the code."""

from __future__ import annotations

import inspect
import io
import tokenize
from types import ModuleType
from typing import Any

import orjson

from estate.score import parameters


def stated(module: ModuleType = parameters) -> dict[str, dict[str, Any]]:
    """Every constant of `module`: name -> value and reason, in the order of the file.

    The reason is the comment on the constant's line, or the last comment above it where the line has none. Raises ValueError
    for a constant without one.
    """
    source = inspect.getsource(module)
    remarks = {
        token.start[0]: (token.start[1] == 0, token.string.lstrip("# ").rstrip())
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    lines = source.splitlines()
    made: dict[str, dict[str, Any]] = {}
    above = ""
    for number, line in enumerate(lines, start=1):
        is_whole_line, remark = remarks.get(number, (False, ""))
        if is_whole_line:
            follows = remarks.get(number - 1, (False, ""))[0]
            above = f"{above} {remark}" if follows else remark
            continue
        for name in _names(line):
            if name.isupper() and hasattr(module, name):
                if not (remark or above):
                    raise ValueError(f"{module.__name__}.{name} has no reason beside it")
                made[name] = {"value": getattr(module, name), "reason": remark or above}
    return made


def document(module: ModuleType = parameters) -> bytes:
    """`stated` as JSON, in the order of the names: the same parameters always give the same bytes."""
    return orjson.dumps(stated(module), option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY, default=str)


def _names(line: str) -> list[str]:
    """The names that a line at the outermost level assigns to."""
    target, equals, _ = line.partition(" = ")
    if not equals or line[:1].isspace():
        return []
    return [name.strip().partition(":")[0] for name in target.split(",")]
