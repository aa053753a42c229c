"""Words of USPS Publication 28, and the rules that turn a street or a unit into its standard form.

The tables are data (pub28.toml). Every rule keeps the words in order; a word that no table lists is never rewritten.
"""

from __future__ import annotations

import re
import tomllib
from importlib import resources

TABLES = tomllib.loads(resources.files("estate.normalize").joinpath("pub28.toml").read_text(encoding="utf-8"))

DIRECTIONALS: dict[str, str] = {word: short for full, short in TABLES["directionals"].items() for word in (full, short)}
DIRECTIONAL_NAMES: dict[str, str] = {short: full for full, short in TABLES["directionals"].items()}
SUFFIXES: dict[str, str] = {}
SUFFIX_NAMES: dict[str, str] = {}
for _names, _others in TABLES["suffixes"].items():
    _full, _short = _names.split()
    for _word in (_full, _short, *_others):
        SUFFIXES[_word], SUFFIX_NAMES[_word] = _short, _full
UNITS_NUMBERED: dict[str, str] = {word: short for short, others in TABLES["units_numbered"].items() for word in (short, *others)}
UNITS_ALONE: dict[str, str] = {word: short for short, others in TABLES["units_alone"].items() for word in (short, *others)}
HIGHWAYS: dict[tuple[str, ...], list[str]] = {tuple(given.split()): form.split() for given, form in TABLES["highways"].items()}
HIGHWAY_WORDS = {word for given in HIGHWAYS for word in given if word not in {"ST", "I"}} | {"HIGHWAY", "ROUTE", "INTERSTATE", "OLD"}

_ROUTE_NUMBER = re.compile(r"\d+[A-Z]?|[A-Z]{1,2}")


def standard_street(words: list[str]) -> tuple[list[str], set[str]]:
    """A street's words in standard form (sections 233, 234 and 237), and flags for what was spelled out.

    `words` are upper case without punctuation: optional directional, name, optional suffix, optional directional.

    >>> standard_street(["NORTH", "MAIN", "AVENUE", "DRIVE", "WEST"])[0]
    ['N', 'MAIN', 'AVENUE', 'DR', 'W']
    """
    before, name, after = _directionals(words)
    flags: set[str] = set()
    if len(words) == 2 and words[0] in SUFFIX_NAMES and len(words[1]) == 1:
        return [SUFFIX_NAMES[words[0]], words[1]], flags  # section 234: 1000 AVE E is 1000 AVENUE E
    name = _highway(name)
    if len(name) > 1 and name[-1] in SUFFIXES and not (len(name) == 2 and name[0] in {"COUNTY", "STATE"} and after):
        name, flags = _suffixed(name)
    if "ST" in name[1:-1]:
        flags.add("saint_or_street")
    return [*before, *name, *after], flags


def _directionals(words: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Directionals before, name with suffix, directionals after (section 233)."""
    before: list[str] = []
    after: list[str] = []
    name = list(words)
    while len(name) > 1 and name[-1] in DIRECTIONALS and len(after) < 2:
        after.insert(0, DIRECTIONALS[name.pop()])
    after, name = _two(after, name, at_end=True)
    while len(name) > 1 and name[0] in DIRECTIONALS and len(before) < 2:
        if len(name) == 2 and name[1] in SUFFIXES:
            break  # NORTH AVE, E ST: the directional is the name
        before.append(DIRECTIONALS[name.pop(0)])
    before, name = _two(before, name, at_end=False)
    if after and len(name) == 1 and name[0] in SUFFIXES and before:
        name = [words[len(before) - 1], *name]  # N ST NW: N is the name
        before = before[:-1]
    return before, name, after


def _two(found: list[str], name: list[str], at_end: bool) -> tuple[list[str], list[str]]:
    """Two directionals become one; of NORTH SOUTH and EAST WEST the inner one belongs to the name, spelled out."""
    if len(found) < 2:
        return found, name
    joined = "".join(found)
    if joined in DIRECTIONAL_NAMES:
        return [joined], name
    inner, outer = (found[0], found[1]) if at_end else (found[1], found[0])
    spelled = DIRECTIONAL_NAMES[inner]
    return [outer], [*name, spelled] if at_end else [spelled, *name]


def _highway(name: list[str]) -> list[str]:
    """The standard form of a highway in front of its number (section 237, Appendix F)."""
    for length in (4, 3, 2, 1):
        form = HIGHWAYS.get(tuple(name[:length]))
        if form and len(name) > length and _ROUTE_NUMBER.fullmatch(name[length]) and name[length] not in SUFFIXES:
            return [*form, *name[length:]]
    return name


def _suffixed(name: list[str]) -> tuple[list[str], set[str]]:
    """A name whose last word is a suffix: that one short; a suffix or directional just before it spelled out."""
    flags: set[str] = set()
    *inner, suffix = name
    last = inner[-1]
    if len(inner) > 1 and SUFFIX_NAMES.get(last, last) != last:
        inner[-1] = SUFFIX_NAMES[last]
        flags.add("double_suffix")
    elif len(inner) > 1 and last in DIRECTIONAL_NAMES:
        inner[-1] = DIRECTIONAL_NAMES[last]
        flags.add("directional_spelled_out")
    return [*inner, SUFFIXES[suffix]], flags


def standard_unit(words: list[str]) -> tuple[list[str], set[str]]:
    """A secondary unit's words in standard form (section 213, Appendix C2), and a flag where the designator is unknown.

    >>> standard_unit(["APARTMENT", "#", "4B"])[0]
    ['APT', '4B']
    """
    units = UNITS_NUMBERED | UNITS_ALONE
    unit: list[str] = []
    for position, word in enumerate(words):
        if word == "#" and (unit or any(other in units for other in words[position + 1 :])):
            continue  # section 213: the pound sign goes where the designator is known
        unit.append(units.get(word, word))
    if not unit or any(word == "#" or word in units for word in words):
        return unit, set()
    return (["#", *unit] if len(unit) == 1 else unit), {"unit_without_designator"}
