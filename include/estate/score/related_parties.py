"""Whether seller and buyer of a sale are related, by their names as received: a shared surname, or one organisation.

Names come as rolls and deeds write them: ``SMITH, JOHN A & MARY B TTEES``, ``SMITH FAMILY TRUST``, ``JOHN A SMITH``, ``ACME HOMES, LLC``.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib import resources

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_WORDS = {
    name: frozenset(words)
    for name, words in tomllib.loads(resources.files("estate.score").joinpath("related_parties.toml").read_text(encoding="utf-8")).items()
}
_SHORTEST = 2  # an initial tells nobody apart
_BETWEEN_PARTIES = re.compile(r"[&;/%]|\bAND\b")
_TOKEN = re.compile(r"[^\W\d_][^\W_'’-]*(?:['’-][^\W_]+)*|\d+")
_SPLIT = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Parties:
    """What one name says of the people or organisations behind it.

    `surnames` stand before a comma; `natural` are names without one (tokens in order), of which either end may be the
    surname; `organisations` are their words without the legal form, in any order.
    """

    surnames: frozenset[str]
    natural: tuple[tuple[str, ...], ...]
    organisations: frozenset[frozenset[str]]


def are_related(seller: pd.Series, buyer: pd.Series) -> NDArray[np.bool_]:
    """Whether each seller and buyer (text, null where unknown; aligned) are related by name; False where either is unknown.

    - a surname before a comma equals the other's, or an end of a name written without comma that is no common given name;
    - two names without comma share a word at the same end that is no common given name, or all their words;
    - two organisations have the same words, their legal form aside; or an organisation is called by nothing but the surname.
    """
    both = np.flatnonzero((seller.notna() & buyer.notna()).to_numpy())
    found = np.zeros(len(seller), dtype=bool)
    codes, names = pd.factorize(pd.concat([seller.iloc[both], buyer.iloc[both]]).astype(str))
    words = [frozenset(_SPLIT.split(name.upper().replace("'", ""))) for name in names]
    read: dict[int, Parties] = {}
    for row, one, other in zip(both, codes[: len(both)], codes[len(both) :], strict=True):
        # Most pairs share no word at all, and need no reading.
        if words[one].isdisjoint(words[other]):
            continue
        for code in (one, other):
            if code not in read:
                read[code] = parties(names[code])
        found[row] = _match(read[one], read[other]) or _match(read[other], read[one])
    return found


def parties(name: str) -> Parties:
    """Read one name.

    >>> sorted(parties("SMITH, JOHN A & JONES, MARY TTEES").surnames)
    ['JONES', 'SMITH']
    >>> parties("John A. Smith Revocable Trust").natural
    (('JOHN', 'SMITH'),)
    """
    surnames: set[str] = set()
    natural: list[tuple[str, ...]] = []
    organisations: set[frozenset[str]] = set()
    upper = name.upper().replace(".", "")
    if _tokens(upper, frozenset()) and not _WORDS["organisation"].isdisjoint(_tokens(upper, frozenset())):
        words = frozenset(_tokens(upper, _WORDS["legal_form"]))
        return Parties(frozenset(), (), frozenset({words}) if words else frozenset())
    for part in _BETWEEN_PARTIES.split(upper):
        before, comma, _ = part.partition(",")
        tokens = [word for word in _tokens(before, _WORDS["not_a_name"]) if len(word) >= _SHORTEST and not word.isdigit()]
        if comma and tokens:
            surnames.add(" ".join(tokens))
        elif (tokens and not (natural or surnames)) or len(tokens) > 1:
            natural.append(tuple(tokens))  # a single word after "&" is the given name of a couple's other half
    return Parties(frozenset(surnames), tuple(natural), frozenset(organisations))


def _tokens(text: str, without: frozenset[str]) -> list[str]:
    return [word for word in (found.replace("'", "").replace("’", "") for found in _TOKEN.findall(text)) if word not in without]


def _match(one: Parties, other: Parties) -> bool:
    if one.surnames & other.surnames or one.organisations & other.organisations:
        return True
    if any(one.surnames & _possible_surnames(name) for name in other.natural):
        return True
    called = {next(iter(core)) for words in other.organisations if len(core := words - _WORDS["organisation"] - _WORDS["not_a_name"]) == 1}
    if one.surnames & called:
        return True
    return any(_same_end(mine, theirs) for mine in one.natural for theirs in other.natural)


def _possible_surnames(natural: tuple[str, ...]) -> set[str]:
    return {natural[0], natural[-1]} - _WORDS["given_name"] or {natural[-1]}


def _same_end(mine: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    shared = {a for a, b in ((mine[0], theirs[0]), (mine[-1], theirs[-1])) if a == b} - _WORDS["given_name"]
    return bool(shared) or (len(mine) > 1 and sorted(mine) == sorted(theirs))
