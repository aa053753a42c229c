"""The parameters of the score stage as a document: every name with its value and the reason that stands beside it.

Thresholds stand in modules (CONSTANTS) and the rules of sales validation in TOML files (RULES); reasons are their comments.
"""

from __future__ import annotations

import inspect
import io
import tokenize
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from types import ModuleType
from typing import Any

import orjson

from estate.score import parameters, price_index

CONSTANTS = (parameters, price_index)
RULES = ("sale_validation", "related_parties")  # <name>.toml beside this module
_OF_TOOLS = ("fmt:", "noqa", "type:")  # comments that speak to a tool, and give no reason
_BETWEEN = {tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}

Stated = dict[str, dict[str, Any]]


def stated() -> Stated:
    """Every constant of CONSTANTS and every rule of RULES: name -> value and reason, in the order of the files.

    A constant has its plain name (``KNOT_DAYS``), behind its module's where an earlier module has the same; a rule stands behind
    its file's (``sale_validation.short_term_flip``). Raises ValueError for what has no reason.
    """
    made: Stated = {}
    for module in CONSTANTS:
        own = constants(module)
        made |= {f"{module.__name__.rpartition('.')[2]}.{name}" if name in made else name: entry for name, entry in own.items()}
    for name in RULES:
        text = resources.files("estate.score").joinpath(f"{name}.toml").read_text(encoding="utf-8")
        made |= {f"{name}.{rule}": entry for rule, entry in rules(text, name).items()}
    return made


def document() -> bytes:
    """`stated` as JSON, in the order of the names: the same parameters always give the same bytes."""
    return orjson.dumps(stated(), option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY, default=str)


def constants(module: ModuleType) -> Stated:
    """Every public constant that `module` assigns: name -> value and reason, in the order of the file.

    The reason is the comment within the assignment, on whichever of its lines, or the last comment above it where it has none.
    Raises ValueError for a constant without one.
    """
    made: Stated = {}
    for line in _lines(inspect.getsource(module)):
        for name in line.targets:
            if name.isupper() and not name.startswith("_"):
                made[name] = _entry(f"{module.__name__}.{name}", getattr(module, name), line.remark or line.above)
    return made


def rules(text: str, title: str) -> Stated:
    """Every key at the outermost level of a TOML document: name -> value and reason, in the order of the document.

    The reason of a table is what its key ``reason`` says, then the comment right above its head, then those of its other keys,
    each behind its key; its value is the other keys. The reason of a plain key are the comments right above and within it.
    Raises ValueError, naming `title`, for a key without one.
    """
    remarks: dict[tuple[str, ...], list[str]] = {}
    table: tuple[str, ...] = ()
    for line in _lines(text):
        if line.head:
            table = (line.head,)
        path = table if line.head else (*table, *line.targets)
        remarks[path] = [remark for remark in (line.right_above, line.remark) if remark]
    made: Stated = {}
    for name, value in tomllib.loads(text).items():
        said = list(remarks.get((name,), ()))
        if isinstance(value, dict):
            settings = {key: one for key, one in value.items() if key != "reason"}
            noted = "; ".join(f"{key}: {' '.join(remarks[name, key])}" for key in settings if remarks.get((name, key)))
            said = [remark for remark in (value.get("reason"), *said, noted) if remark]
        else:
            settings = value
        made[name] = _entry(f"{title}.{name}", settings, " ".join(said))
    return made


def _entry(name: str, value: Any, reason: str) -> dict[str, Any]:
    if not reason:
        raise ValueError(f"{name} has no reason beside it")
    return {"value": value, "reason": reason}


@dataclass(slots=True)
class _Line:
    """One statement at the outermost level, over however many lines: what it assigns to, or the head of a table, and its comments."""

    above: str = ""  # the last comment of whole lines before it
    right_above: str = ""  # the same where no line is between
    words: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def remark(self) -> str:
        return " ".join(self.remarks)

    @property
    def targets(self) -> list[str]:
        """The names before the first equals sign: one, several between commas, or one with its type."""
        if "=" not in self.words:
            return []
        left = self.words[: self.words.index("=")]
        if left[1:2] == [":"]:
            return left[:1]
        return left[::2] if set(left[1::2]) <= {","} else []

    @property
    def head(self) -> str:
        """The name between the brackets of a TOML table's head; empty for any other line."""
        return self.words[1] if len(self.words) == 3 and self.words[::2] == ["[", "]"] else ""


def _lines(source: str) -> Iterator[_Line]:
    """The statements at the outermost level. TOML is read by the same rules: words, strings, brackets and comments look alike."""
    above, last_remark, line, is_outermost = "", -1, _Line(), True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        is_open = bool(line.words)
        if token.type == tokenize.COMMENT:
            remark = token.string.lstrip("# ").rstrip()
            if remark.startswith(_OF_TOOLS):
                continue
            if is_open:
                line.remarks.append(remark)
            elif token.start[1] == 0:
                above = f"{above} {remark}" if token.start[0] == last_remark + 1 else remark
                last_remark = token.start[0]
        elif token.type == tokenize.NEWLINE:
            if is_outermost:
                yield line
            line = _Line()
        elif token.type not in _BETWEEN:
            if not is_open:
                is_outermost = token.start[1] == 0
                line.above, line.right_above = above, above if token.start[0] == last_remark + 1 else ""
            line.words.append(token.string)
