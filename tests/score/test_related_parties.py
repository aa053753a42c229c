"""Names of sellers and buyers: who shares a surname or is one organisation, and who only shares common words."""

import pandas as pd
import pytest

from estate.score.related_parties import are_related, parties


def related(seller, buyer):
    (one,) = are_related(pd.Series([seller], dtype=object), pd.Series([buyer], dtype=object))
    (other,) = are_related(pd.Series([buyer], dtype=object), pd.Series([seller], dtype=object))
    assert one == other, "who sells and who buys makes no difference"
    return bool(one)


@pytest.mark.parametrize(
    ("seller", "buyer"),
    [
        ("SMITH, JOHN A", "Smith, Mary"),
        ("SMITH, JOHN & MARY", "JONES, PETER & SMITH, ANN"),
        ("SMITH, JOHN", "JOHN A. SMITH REVOCABLE TRUST"),
        ("SMITH, JOHN", "SMITH FAMILY TRUST"),
        ("SMITH, JOHN TTEE", "SMITH JOHN"),
        ("O'BRIEN, PAT", "OBRIEN, KIM"),
        ("VAN DYKE, JAN", "VAN DYKE, EVA"),
        ("KOWALSKI JOHN A", "KOWALSKI MARY"),
        ("JOHN KOWALSKI", "MARY KOWALSKI"),
        ("JOHN SMITH", "SMITH JOHN"),
        ("ACME HOMES, LLC", "Acme Homes L.L.C."),
        ("THE ACME COMPANY", "ACME CO INC"),
        ("SMITH, JOHN", "SMITH PROPERTIES LLC"),
    ],
)
def test_a_shared_surname_or_one_organisation_is_a_relation(seller, buyer):
    assert related(seller, buyer)


@pytest.mark.parametrize(
    ("seller", "buyer"),
    [
        ("SMITH, JOHN", "JONES, JOHN"),
        ("SMITH JOHN", "JONES JOHN"),
        ("JOHN SMITH", "JOHN JONES"),
        ("SMITH, JOHN TTEE", "JONES, MARY TTEE"),
        ("JAMES, ROBERT", "JAMES WILSON"),
        ("SMITH FAMILY TRUST", "JONES FAMILY TRUST"),
        ("SMITH, JOHN & MARY", "JONES, MARY & PETER"),
        ("ACME HOMES LLC", "SUMMIT HOMES LLC"),
        ("CITY OF LEBANON", "CITY OF HANOVER"),
        ("LEBANON SCHOOL DISTRICT", "CITY OF LEBANON"),
        ("12 MAIN ST LLC", "14 MAIN ST LLC"),
        ("SMITH, JOHN", "SMITH BROTHERS LUMBER LLC"),
        ("ESTATE OF SMITH", "ESTATE OF JONES"),
        ("UNKNOWN", "UNKNOWN OWNER"),
        ("SMITH, J", "JONES, J"),
        ("&", "& ,"),
        ("", ""),
    ],
)
def test_common_words_given_names_and_initials_are_none(seller, buyer):
    assert not related(seller, buyer)


def test_an_unknown_party_is_related_to_nobody():
    assert not related(None, "SMITH, JOHN")
    assert not related(None, None)
    assert are_related(pd.Series([], dtype=object), pd.Series([], dtype=object)).tolist() == []


def test_a_name_is_read_as_people_or_as_an_organisation():
    assert parties("Smith, John & Jones, Mary TTEES").surnames == {"SMITH", "JONES"}
    assert parties("SMITH, JOHN & ACME LLC").organisations == {frozenset({"SMITH", "JOHN", "ACME"})}
    assert parties("% JOHN DOE").natural == (("JOHN", "DOE"),)
