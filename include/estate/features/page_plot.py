"""The small pictures of the page of features: SVG to stand inside it, drawn from a handful of numbers. Same numbers, same bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from markupsafe import Markup

_WIDTH, _HEIGHT, _EDGE = 132, 30, 3  # px; the edge leaves room for the dots
MOST_BARS = 12  # that can be told apart; the words after them are drawn as one


def sparkline(
    values: Sequence[float | None], title: str, said: Callable[[float], str], *, bound: float | None = None, most: float | None = None
) -> Markup:
    """A line of one number over the runs, oldest first; runs without it leave a gap. Empty without any number.

    The line starts from zero and reaches to `most`, or as far as the values and the `bound`, which is drawn dashed. `said` turns a value
    into words for those who cannot see it.
    """
    known = [value for value in values if value is not None]
    if not known:
        return Markup()
    top = most if most is not None else max(*known, (bound or 0) * 1.2, 1e-12)
    step = (_WIDTH - 2 * _EDGE) / max(len(values) - 1, 1)
    places = [None if value is None else (_EDGE + step * i, _down(value / top)) for i, value in enumerate(values)]
    drawn = [Markup('<line class="bound" x1="0" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>').format(_WIDTH, y=_down(bound / top))] if bound else []
    drawn += [_piece(piece) for piece in _pieces(places)]
    label = f"{title}, {len(values)} run{'' if len(values) == 1 else 's'}: {said(min(known))} to {said(max(known))}, last "
    label += said(values[-1]) if values[-1] is not None else "not measured"
    return _drawing(label, drawn)


def shift(against: Mapping[str, Any], said: Callable[[float], str]) -> Markup:
    """Shares of both windows on the bins of the one before: grey then, coloured now. `said` turns an edge into words.

    `against` has ``edges`` or ``words`` and the counts of ``before`` and ``now``, as features.profile keeps them.
    """
    before, now = ([count / sum(against[when]) for count in _pooled(against[when])] for when in ("before", "now"))
    top, width = max(*before, *now), (_WIDTH - 2 * _EDGE) / len(before)
    drawn = []
    for place, (was, is_now, name) in enumerate(zip(before, now, _names(against, said), strict=True)):
        left = _EDGE + place * width
        drawn.append(
            Markup('<g><title>{}: {:.1%} before, {:.1%} now</title>{}{}</g>').format(
                name, was, is_now, _bar("was", left, width * 0.45, was / top), _bar("now", left + width * 0.45, width * 0.45, is_now / top)
            )
        )  # fmt: skip
    return _drawing("shares before and now, by " + ("word" if "words" in against else "decile of the window before"), drawn)


def _pooled(counts: Sequence[int]) -> list[int]:
    return [*counts[: MOST_BARS - 1], sum(counts[MOST_BARS - 1 :])] if len(counts) > MOST_BARS else list(counts)


def _names(against: Mapping[str, Any], said: Callable[[float], str]) -> list[str]:
    if "words" in against:
        return [*against["words"][: MOST_BARS - 1], "others"]
    edges = [said(edge) for edge in against["edges"]]
    return [f"to {edges[0]}", *(f"{low} to {high}" for low, high in pairwise(edges)), f"over {edges[-1]}"]


def _down(height: float) -> float:
    """Where a share of the height lies, counted from the top as SVG does."""
    return _HEIGHT - _EDGE - height * (_HEIGHT - 2 * _EDGE)


def _pieces(places: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """The runs of places without a gap between them."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for place in places:
        if place is None:
            pieces.append([])
        else:
            pieces[-1].append(place)
    return [piece for piece in pieces if piece]


def _piece(piece: Sequence[tuple[float, float]]) -> Markup:
    line = Markup('<polyline points="{}"/>').format(" ".join(f"{x:.1f},{y:.1f}" for x, y in piece)) if len(piece) > 1 else Markup()
    return line + Markup('<circle cx="{:.1f}" cy="{:.1f}" r="2"/>').format(*piece[-1])


def _bar(name: str, left: float, width: float, height: float) -> Markup:
    tall = height * (_HEIGHT - 2 * _EDGE)
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        name, left, _HEIGHT - _EDGE - tall, width, tall
    )


def _drawing(label: str, drawn: Sequence[Markup]) -> Markup:
    return Markup('<svg role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg>').format(label, _WIDTH, _HEIGHT, Markup().join(drawn))
