"""Files of rows: every shape that people upload, and the sentence for those that cannot be used."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations import rows, tables
from automations.models import Automation
from automations.rows import Plan
from automations.tables import Layout, TableProblem, examine, lines_of

SCHEMA = {
    "type": "object",
    "properties": {
        "subject": {"type": "string", "title": "Subject"},
        "copies": {"type": "integer"},
        "tone": {"enum": ["calm", "loud"]},
    },
    "required": ["subject"],
}


def a_file(tmp_path: Path, content: bytes | str, name: str = "rows.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def sorter() -> Automation:
    return Automation(slug="sorter", name="Sorter", input_schema=SCHEMA)


# --- what a file is ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "encoding", "delimiter"),
    [
        (b"a,b\n1,2\n", "utf-8", ","),
        (b"\xef\xbb\xbfa,b\n1,2\n", "utf-8-sig", ","),
        ("a,b\n1,2\n".encode("utf-16"), "utf-16", ","),
        (b"\xfe\xff" + "a,b\n1,2\n".encode("utf-16-be"), "utf-16", ","),
        (b"a;b\n1;2\n", "utf-8", ";"),
        (b"a\tb\r\n1\t2\r\n", "utf-8", "\t"),
        (b'"a,x";b\n1;2\n', "utf-8", ";"),
        (b"\n\na|b\n1|2\n", "utf-8", "|"),
    ],
)
def test_encoding_and_delimiter_are_found(
    tmp_path: Path, content: bytes, encoding: str, delimiter: str
) -> None:
    layout = examine(a_file(tmp_path, content), "rows.csv")
    assert (layout.encoding, layout.delimiter) == (encoding, delimiter)
    values = [line.value for line in lines_of(tmp_path / "rows.csv", layout)]
    assert [list(value.values()) for value in values] == [["1", "2"]]
    assert Layout.of(json.loads(json.dumps(layout.as_json()))) == layout


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.csv", b"", "is empty"),
        ("rows.csv", b"PK\x03\x04" + b"\x00" * 50, "save it as CSV"),
        ("rows.csv", b"\xd0\xcf\x11\xe0" + b"\x00" * 50, "save it as CSV"),
        ("rows.csv", b"%PDF-1.7", "save it as CSV"),
        ("rows.xlsx", b"PK\x03\x04", "neither .csv nor .jsonl"),
        ("rows.csv", "a,b\n1,2\n".encode("utf-16-le"), "without its byte order mark"),
        ("rows.csv", b"caf\xe9,b\n", "is not UTF-8 text"),
        ("rows.csv", b"a,b,a\n1,2,3\n", "two columns called 'a'"),
        ("rows.csv", b'"a\nb', "Line 1 is not CSV"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_sentence(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    with pytest.raises(TableProblem, match=said) as caught:
        examine(a_file(tmp_path, content, name), name)
    assert caught.value.category == "source_error"


def test_a_row_that_cannot_be_read_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    path = a_file(tmp_path, b'a,b\n1,2\n"x\ny",2,3\n\n\x00,1\n5,6\n7\n')
    lines = list(lines_of(path, examine(path, "rows.csv")))
    assert [(line.number, bool(line.problem)) for line in lines] == [
        (2, False), (3, True), (6, True), (7, False), (8, True),
    ]  # fmt: skip
    assert "more or fewer cells (3) than the header (2)" in lines[1].problem
    assert "NUL" in lines[2].problem


def test_a_cell_of_more_than_131072_characters_is_read(tmp_path: Path) -> None:
    path = a_file(tmp_path, "content\n" + "x" * 140_000 + "\n")
    assert [len(line.value["content"]) for line in lines_of(path, examine(path, "r.csv"))] == [
        140_000
    ]


@pytest.mark.parametrize("content", ["a\n" + "x" * 1_000_001, 'a\n"' + "x\n" * 600_000])
def test_a_cell_without_an_end_is_told_by_its_line(tmp_path: Path, content: str) -> None:
    path = a_file(tmp_path, content)
    with pytest.raises(TableProblem, match=r"Line 2 .*more than 1,000,000 characters"):
        list(lines_of(path, examine(path, "rows.csv")))


def test_a_line_without_an_end_is_never_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MAX_LINE", 1000)
    path = a_file(tmp_path, '{"a": "' + "x" * 5000, "rows.jsonl")
    with pytest.raises(TableProblem, match="Line 1 has more than 1,000 characters"):
        examine(path, "rows.jsonl")


def test_lines_of_jsonl_are_objects_texts_or_problems(tmp_path: Path) -> None:
    path = a_file(tmp_path, '{"a": 1}\n\n"text"\n[1]\n{"a": \n{"a": NaN}\n', "rows.jsonl")
    layout = examine(path, "rows.jsonl")
    assert layout.columns == ("a",)
    assert [(line.number, line.value, bool(line.problem)) for line in lines_of(path, layout)] == [
        (1, {"a": 1}, False), (3, "text", False), (4, [1], False), (5, None, True), (6, None, True),
    ]  # fmt: skip


@given(
    table=st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=20),
                 min_size=2, max_size=2),
        min_size=1, max_size=8,
    ),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
)  # fmt: skip
def test_whatever_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]], delimiter: str, end: str
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([["first", "second"], *table])
    path = a_file(tmp_path_factory.mktemp("t"), out.getvalue())
    read = [line.value for line in lines_of(path, examine(path, "rows.csv"))]
    assert [list(value.values()) for value in read] == table


# --- rows as inputs ------------------------------------------------------------------------


def judged(tmp_path: Path, content: str, plan: Plan | None = None) -> list[rows.Row]:
    path = a_file(tmp_path, content)
    layout = examine(path, "rows.csv")
    return list(rows.inputs(sorter(), path, layout, plan or rows.suggest(sorter(), layout)))


def test_columns_of_the_same_name_are_mapped_whatever_their_case(tmp_path: Path) -> None:
    found = judged(tmp_path, "SUBJECT,Copies,Other\nHello,3,x\n")
    assert [row.input for row in found] == [{"subject": "Hello", "copies": 3}]


def test_a_constant_fills_what_no_column_does(tmp_path: Path) -> None:
    plan = Plan({"subject": "s"}, {"copies": "2", "tone": "calm"})
    assert [row.input for row in judged(tmp_path, "s\nHello\n", plan)] == [
        {"subject": "Hello", "copies": 2, "tone": "calm"}
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("Hi,many,calm", "Line 2: copies takes a value of type integer"),
        ("Hi,1,shy", "Line 2: tone is one of calm, loud; 'shy' is none."),
        ("Hi,1", "Line 2 has more or fewer cells"),
    ],
)
def test_a_value_that_is_none_of_its_field_is_told_with_its_line(
    tmp_path: Path, row: str, said: str
) -> None:
    (found,) = judged(tmp_path, f"subject,copies,tone\n{row}\n")
    assert found.input is None
    assert said in found.problem


def test_a_required_field_that_nothing_fills_is_missing(tmp_path: Path) -> None:
    path = a_file(tmp_path, "topic,tone\nx,calm\n")
    layout = examine(path, "rows.csv")
    plan = rows.suggest(sorter(), layout)
    assert rows.missing_fields(sorter(), layout, plan) == ["Subject"]
    (row,) = rows.inputs(sorter(), path, layout, plan)
    assert "has no value for 'subject'" in row.problem


def test_a_scan_counts_and_keeps_the_first_faults(tmp_path: Path) -> None:
    content = "subject,copies\n" + "".join(f"s{n},{'x' if n % 2 else n}\n" for n in range(100))
    path = a_file(tmp_path, content)
    layout = examine(path, "rows.csv")
    found = rows.scan(sorter(), path, layout, rows.suggest(sorter(), layout))
    assert (found.rows, found.bad, found.is_whole) == (100, 50, True)
    assert [fault["line"] for fault in found.faults[:2]] == [3, 5]
    assert (len(found.faults), len(found.sample)) == (rows.SHOWN_FAULTS, rows.SHOWN_ROWS)


def test_reading_can_go_on_after_any_row(tmp_path: Path) -> None:
    path = a_file(tmp_path, "subject\n" + "".join(f"s{n}\n" for n in range(10)))
    layout = examine(path, "rows.csv")
    plan = rows.suggest(sorter(), layout)
    later = rows.inputs(sorter(), path, layout, plan, after=7)
    assert [row.input for row in later] == [{"subject": f"s{n}"} for n in (7, 8, 9)]
