"""The reader of `.sql` files is strict: each statement has a name, a sentence and one body."""

from __future__ import annotations

import pytest

from tianfu.db.queries import MalformedQueries, Query, read_queries

GOOD = """-- first_one
-- What it promises,
-- on two lines.
select a -- why so
  from t where id = %(id)s and other = %(id)s and name like 'x%' and b = %(b)s
   and note <> ';' -- a semicolon; twice
   and c;

-- second_one
-- Another.
select 1;
"""


def test_file_gives_its_queries_in_order() -> None:
    first, second = read_queries(GOOD, source="x").values()
    assert (first.name, first.sentence, first.parameters) == (
        "first_one",
        "What it promises, on two lines.",
        ("id", "b"),
    )
    assert "id = $1 and other = $1 and name like 'x%' and b = $2" in first.text
    assert second.text == "select 1"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-- a\nselect 1;", "needs a sentence"),
        ("-- a\n-- No full stop\nselect 1;", "needs a sentence"),
        ("-- a\n-- Says.\n", "has no statement"),
        ("-- a\n-- Says.\nselect 1", "end with a semicolon"),
        ("-- a\n-- Says.\nselect 1; select 2;", "more than one statement"),
        ("-- a\n-- Says.\nselect 1;\n-- a\n-- Says.\nselect 1;", "named twice"),
        ("select 1;", "before the first name"),
    ],
)
def test_malformed_file_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(MalformedQueries, match=complaint):
        read_queries(text, source="x")


def test_composed_query_numbers_its_parameters() -> None:
    query = Query.composed("q", "select %(b)s, %(a)s, %(b)s")
    assert (query.text, query.parameters) == ("select $1, $2, $1", ("b", "a"))
