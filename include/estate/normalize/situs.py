"""Situs addresses: parsed, standardised by USPS Publication 28, and guarded.

A text that can be read in one way only is read by a small grammar; every other goes to the statistical tagger
`usaddress`. Either way the words stay in order and only listed words are rewritten; whatever would be lost or changed
beyond that raises a flag. The raw text is never touched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pandas as pd
import usaddress

from estate.normalize.pub28 import (
    DIRECTIONALS,
    HIGHWAY_WORDS,
    SUFFIXES,
    TABLES,
    UNITS_ALONE,
    UNITS_NUMBERED,
    standard_street,
    standard_unit,
)

COLUMNS = ("situs_address", "situs_number", "situs_street", "situs_unit", "situs_confidence", "situs_flags")

# Longer than any delivery line and its last line together (Publication 28 allows 40 characters a line); such a text is no
# address, and tagging it would only cost time.
_LONGEST = 250

_CONFIDENCE: dict[str, float] = TABLES["confidence"]
_AT_MOST: dict[str, float] = TABLES["confidence_at_most"]

_STRANGE = re.compile(r"[<>;={}\[\]|`~^$%\\\x00-\x08]|(?<!\d)--|--(?!\d)")
_WORD = re.compile(r"[#&]|[^\s,#&]+,*|,+")
_EDGE = re.compile(r"^[\s.,:*()'\"!?]+|[\s.,:*()'\"!?]+$")
_NUMBER = re.compile(r"\d{1,6}[A-Z]?|\d{1,5}-\d{1,5}[A-Z]?")
_FRACTION = re.compile(r"[1-9]/[1-9]")
_UNIT_ID = re.compile(r"[A-Z]{0,2}-?\d{1,5}[A-Z]{0,2}|[A-Z]")
_PLAIN = re.compile(r"[A-Z][A-Z']*|\d{1,4}(?:ST|ND|RD|TH)?")
_BOX_ID = r"(?:BOX ?#?|#) ?(\d[\dA-Z-]*|[A-Z]\d[\dA-Z-]*)(?: (.*))?"
_PO_BOX = re.compile(
    r"(?:P ?O ?|POST OFFICE |POSTAL )?(?:BOX|P ?O ?B|DRAWER|LOCKBOX|PO) ?(?:#|NO|NUMBER)? ?([A-Z]?\d[\dA-Z-]*|[A-Z])(?: (.*))?"
)
_RURAL = re.compile(
    r"(?:RR|RURAL (?:ROUTE|RTE)|RFD(?: (?:ROUTE|RTE|RT))?|R F D|RD) ?(?:#|NO|NUMBER)? ?(\d+) " + _BOX_ID,
)
_CONTRACT = re.compile(r"(?:HC|HCR|HIGHWAY CONTRACT(?: (?:ROUTE|RTE))?|STAR (?:ROUTE|RTE)) ?(?:#|NO)? ?(\d+) " + _BOX_ID)
_SPACED_RANGE = re.compile(r"^(\d+[A-Z]?) ?-+ ?(?=\d)")
_JOINED_UNIT = re.compile(rf"\b({'|'.join(UNITS_NUMBERED)})-(?=\w)")
_DIGITS = re.compile(r"\d+")

_BUCKET = {
    **dict.fromkeys(("AddressNumberPrefix", "AddressNumber", "AddressNumberSuffix"), "number"),
    **dict.fromkeys(("OccupancyType", "OccupancyIdentifier", "SubaddressType", "SubaddressIdentifier"), "unit"),
    **dict.fromkeys(("USPSBoxType", "USPSBoxID", "USPSBoxGroupType", "USPSBoxGroupID"), "box"),
    **dict.fromkeys(("PlaceName", "StateName", "ZipCode", "ZipPlus4", "CountryName"), "place"),
    **dict.fromkeys(("Recipient", "BuildingName", "LandmarkName", "NotAddress", "CornerOf"), "extra"),
    "IntersectionSeparator": "corner",
}


@dataclass(slots=True)
class Situs:
    """One parsed address; the fields are the columns of `parse_situs` without their prefix."""

    address: str | None = None
    number: str | None = None
    street: str | None = None
    unit: str | None = None
    confidence: float | None = None
    flags: set[str] = field(default_factory=set)


def parse_situs(situs_raw: pd.Series) -> pd.DataFrame:
    """Addresses parsed and standardised; each distinct text is parsed once.

    `situs_raw` is text as received (null allowed). Gives the columns of `COLUMNS` on the same index: the delivery line,
    its number, street and unit (text or null), the confidence (0 to 1, null where there is no text) and the flags (a list,
    empty where there is nothing to look at). Flags are the names in pub28.toml, and ``empty``.
    """
    codes, texts = pd.factorize(situs_raw)
    parsed = [read(str(text)) for text in texts]
    parsed.append(Situs(flags={"empty"}))  # code -1, null, is the last
    columns: dict[str, list[object]] = {
        "situs_address": [one.address for one in parsed],
        "situs_number": [one.number for one in parsed],
        "situs_street": [one.street for one in parsed],
        "situs_unit": [one.unit for one in parsed],
        "situs_confidence": [one.confidence for one in parsed],
        "situs_flags": [sorted(one.flags) for one in parsed],
    }
    frame = pd.DataFrame(
        {name: pd.Series(values, dtype="float64" if name == "situs_confidence" else object) for name, values in columns.items()}
    )
    return frame.take(codes if len(codes) else []).set_axis(situs_raw.index)


def read(situs_raw: str) -> Situs:
    """One address, not null."""
    text = " ".join(situs_raw.split()) if len(situs_raw) <= 4 * _LONGEST else situs_raw[: 4 * _LONGEST]
    if not text:
        return Situs(flags={"empty"})
    if len(text) > _LONGEST:
        return Situs(confidence=0.0, flags={"too_long"})
    if _STRANGE.search(text):
        return Situs(address=text, confidence=0.0, flags={"not_an_address"})
    words = _WORD.findall(_SPACED_RANGE.sub(r"\1-", _signs_spelled(text.upper())))
    situs = _by_grammar(words) or _by_box(words) or _by_tagger(words)
    return _guarded(situs, text)


def _signs_spelled(text: str) -> str:
    """Fractions, corners, FM roads (Appendix F) and SUITE-209 written so that one reading serves all."""
    for sign, spelled in (("½", " 1/2"), ("¼", " 1/4"), ("¾", " 3/4"), ("@", " & "), (" / ", " & "), ("FARM TO MARKET", "FM")):
        if sign in text:
            text = text.replace(sign, spelled)
    return _JOINED_UNIT.sub(r"\1 ", text) if "-" in text else text


def _clean(word: str) -> str:
    """A word without the punctuation around it, and without the periods of an abbreviation (39.2 keeps its own)."""
    word = _EDGE.sub("", word) if not word.isalnum() else word
    return word if "." not in word or any(character.isdigit() for character in word) else word.replace(".", "")


def _by_grammar(words: list[str]) -> Situs | None:
    """Number, street with a listed suffix, unit: None unless this is the only reading."""
    number_length = 1 + (len(words) > 1 and _FRACTION.fullmatch(words[1]) is not None)
    if len(words) < number_length + 2 or not _NUMBER.fullmatch(words[0]):
        return None
    street, unit = _split_unit([_clean_keeping_comma(word) for word in words[number_length:]])
    if not street or not _is_plain_street(street):
        return None
    street_words, flags = standard_street(street)
    unit_words, unit_flags = standard_unit(unit)
    number = " ".join(words[:number_length])
    return _situs(number, " ".join(street_words), " ".join(unit_words) or None, _CONFIDENCE["grammar"], flags | unit_flags)


def _clean_keeping_comma(word: str) -> str:
    if word.isalnum():
        return word
    return _clean(word) + ("," if word.endswith(",") else "") if len(word) > 1 else word


def _split_unit(words: list[str]) -> tuple[list[str], list[str]]:
    """Street and unit; an empty street says that the grammar cannot tell."""
    length = _unit_length(words)
    street, unit = words[: len(words) - length], words[len(words) - length :]
    street = [*street[:-1], street[-1].rstrip(",")]
    return ([] if any("," in word or word == "#" for word in street) else street), unit


def _unit_length(words: list[str]) -> int:
    """How many of the last words are surely a unit: # 5, APT # 5, APT 5, REAR; and 4B after a comma or 90 after a suffix."""
    if len(words) < 3:
        return 0
    before, last = words[-2:]
    if last in UNITS_ALONE:
        return 1
    if not _UNIT_ID.fullmatch(last):
        return 0
    if before == "#":
        return 2 + (len(words) > 4 and words[-3] in UNITS_NUMBERED)
    if before in UNITS_NUMBERED and len(words) > 3:
        return 2
    is_after_comma = before.endswith(",") and last not in DIRECTIONALS
    return int(is_after_comma or (before in SUFFIXES and last[-1].isdigit()))


def _is_plain_street(words: list[str]) -> bool:
    """Whether the words are directional, name, listed suffix, directional, and can be nothing else."""
    first = 1 if words[0] in DIRECTIONALS and len(words) > 2 else 0
    last = len(words) - 1 - (words[-1] in DIRECTIONALS)
    name = words[first:last]
    if not name or words[last] not in SUFFIXES:
        return False
    if not all(_PLAIN.fullmatch(word) for word in name):
        return False
    if len(name) == 1:
        return name[0] not in HIGHWAY_WORDS
    return not (
        len(name[0]) == 1
        or any(word in HIGHWAY_WORDS or word in UNITS_NUMBERED or word[0].isdigit() for word in name)
        or any(word in SUFFIXES for word in name[1:])
    )


def _by_box(words: list[str]) -> Situs | None:
    """A post office box (section 28), rural route (24) or highway contract route (25) that begins the text."""
    text = " ".join(cleaned for word in words if (cleaned := _clean(word).replace(".", "")))
    flags: set[str] = set()
    if match := _PO_BOX.fullmatch(text):
        box, rest = match.groups()
        address, kind = f"PO BOX {box}", "po_box"
    elif match := (_RURAL.fullmatch(text) or _CONTRACT.fullmatch(text)):
        route, box, rest = match.groups()
        if route.startswith("0") and route.strip("0"):
            route = route.lstrip("0")  # sections 242 and 252
            flags.add("leading_zero_dropped")
        address, kind = f"{'RR' if match.re is _RURAL else 'HC'} {route} BOX {box}", "rural_route"
    else:
        return None
    if rest:
        return None if _DIGITS.search(rest) else _situs_box(address, flags | {kind, "text_left_out"})
    return _situs_box(address, flags | {kind})


def _situs_box(address: str, flags: set[str]) -> Situs:
    return Situs(address=address, confidence=_CONFIDENCE["box"], flags=flags)


def _situs(number: str | None, street: str | None, unit: str | None, confidence: float, flags: set[str]) -> Situs:
    return Situs(" ".join(part for part in (number, street, unit) if part), number, street, unit, confidence, flags)


def _by_tagger(words: list[str]) -> Situs:
    """Everything else, by the words' labels from `usaddress`; the words keep their order."""
    flags: set[str] = set()
    if "N/A" in words and len(words) > 1:
        words = [word for word in words if word != "N/A"]
        flags.add("not_given")
    taggable = [word for word in words if re.search(r"\w", word) or word in {"#", "&"}]
    if not taggable:
        return Situs(address=" ".join(words), flags=flags | {"unread"})
    labels = usaddress.TAGGER.tag(usaddress.tokens2features(taggable))
    runs, run_flags = _runs(taggable, [_BUCKET.get(label, "street") for label in labels], labels)
    return _assembled(runs, flags | run_flags)


def _runs(words: list[str], buckets: list[str], labels: list[str]) -> tuple[list[tuple[str, list[str]]], set[str]]:
    """Neighbouring words of one bucket together, the last line (city, state, ZIP) left out where it surely is one."""
    flags: set[str] = set()
    first_place = next((position for position, bucket in enumerate(buckets) if bucket == "place"), None)
    if first_place is not None:
        zips = [position for position, label in enumerate(labels) if label in {"ZipCode", "ZipPlus4"}]
        last_place = zips[-1] + 1 if zips and zips[-1] > first_place else len(buckets)  # after the ZIP comes only the country
        is_tail = all(bucket == "place" for bucket in buckets[first_place:last_place])
        is_after_comma = first_place > 0 and words[first_place - 1].endswith(",")
        if is_tail and first_place > 0 and _is_last_line(words[first_place:], labels[first_place:], is_after_comma):
            words, buckets = words[:first_place], buckets[:first_place]
            flags.add("place_left_out")
        else:
            buckets = [("extra" if is_after_comma else "street") if bucket == "place" else bucket for bucket in buckets]
            flags.add("place_doubtful")
    runs: list[tuple[str, list[str]]] = []
    for word, bucket in zip(words, buckets, strict=True):
        cleaned = word if word in {"#", "&"} else _clean(word)
        if runs and runs[-1][0] == bucket:
            runs[-1][1].append(cleaned)
        else:
            runs.append((bucket, [cleaned]))
    return runs, flags


def _is_last_line(words: list[str], labels: list[str], is_after_comma: bool) -> bool:
    """Whether words tagged as a place surely are one: a ZIP, a city with its state, or a longer word after a comma."""
    found = set(labels)
    return "ZipCode" in found or {"PlaceName", "StateName"} <= found or (is_after_comma and max(map(len, words)) > 3)


def _as_received(words: list[str]) -> tuple[list[str], set[str]]:
    return words, set()


def _corner(words: list[str]) -> tuple[list[str], set[str]]:  # noqa: ARG001 - AND, AT and & all mean the corner
    return ["&"], set()


_STANDARD = {"street": standard_street, "unit": standard_unit, "corner": _corner}


def _assembled(runs: list[tuple[str, list[str]]], flags: set[str]) -> Situs:
    """The delivery line of labelled runs: in the order received, units last (section 213)."""
    kinds = [kind for kind, _ in runs]
    parts: list[tuple[str, str]] = []
    has_suffix = False
    for kind, words in runs:
        standard, found = _STANDARD.get(kind, _as_received)(words)
        has_suffix = has_suffix or (kind == "street" and any(word in SUFFIXES for word in standard[1:]))
        flags |= found
        parts.append((kind, " ".join(standard)))
    is_corner = "corner" in kinds and kinds.count("street") == 2
    flags |= _run_flags(kinds, is_corner)
    parts.sort(key=lambda part: part[0] == "unit" and "street" in kinds)

    def of(*wanted: str) -> str | None:
        return " ".join(text for kind, text in parts if kind in wanted) or None

    situs = Situs(" ".join(text for _, text in parts), of("number"), of("street", "corner"), of("unit"), flags=flags)
    if situs.number and not situs.number.strip("0"):
        flags.add("zero_number")
    if "street" not in kinds and "box" not in kinds:
        situs.confidence = _CONFIDENCE["unread"]
        flags.add("unread")
    else:
        situs.confidence = _CONFIDENCE["tagged" if has_suffix else "no_suffix"]
    return situs


def _run_flags(kinds: list[str], is_corner: bool) -> set[str]:
    """What the pattern of runs says about the reading."""
    flags = {"intersection"} if is_corner else set()
    if "box" in kinds:
        flags.add("po_box")
    elif "number" not in kinds and not is_corner:
        flags.add("no_number")
    if "extra" in kinds:
        flags.add("extra_text")
    if kinds.count("number") > 1 or kinds.count("street") > 1 + is_corner:
        flags.add("ambiguous")
    return flags


def _guarded(situs: Situs, text: str) -> Situs:
    """The same address with its guard: every run of digits that was received still stands, or a flag says so."""
    if situs.number == "0":
        situs.flags.add("zero_number")
    remaining = _DIGITS.findall(situs.address or "")
    for digits in _DIGITS.findall(text):
        if digits in remaining:
            remaining.remove(digits)
        elif not situs.flags & {"place_left_out", "leading_zero_dropped"}:
            situs.flags.add("digits_lost")
    ceiling = min((_AT_MOST[flag] for flag in situs.flags), default=1.0)
    situs.confidence = min(ceiling, situs.confidence if situs.confidence is not None else ceiling)
    return situs
