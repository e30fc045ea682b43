"""Comments, separators and row names of text tables."""

import io

import pytest

from sklearn_wsca.io._layout import Layout, find_layout

LAYOUTS = {
    "a,b\n1,2\n": Layout(","),
    "a;b\n1,5;2,5\n": Layout(";"),
    "a,b;c,d\n1,x;y,2\n3,x;z,4\n": Layout(","),
    "a,b;c\n1,x;y\n": Layout(","),
    "a, b;c\nDoe, J;5\n": Layout(";"),
    "a|b,c|d\n1|x,y|2\n": Layout("|"),
    "sep=|\na,b|c\n1,2|3\n": Layout("|", 1),
    '"sep=;"\na;b\n1;2\n': Layout(";", 1),
    "sep=\t\na\tb,c\n1\t2\n": Layout("\t", 1),
    "age at scan\n61.5\n70\n": Layout(","),
    "# x\na,b\n1,2\n": Layout(",", 1),
    "# x\n\n#\na\tb\n1\t2\n": Layout("\t", 3),
    "#a,b\n1,2\n": Layout(",", 0),
    "# a,b\n1,2\n3,4\n": Layout(",", 0, commented=True),
    "# a,b\nx,y\n3,4\n": Layout(",", 1),
    "# a b\n1 2\n3 4\n": Layout(" ", 0, commented=True),
    "a\tb\nx\t1\t2\ny\t3\t4\n": Layout("\t", row_names=True),
    "a\nx\t1\ny\t2\n": Layout("\t", row_names=True),
    '"a";"b"\n"x";1;2\n"y";3;4\n': Layout(";", row_names=True),
    '"a" "b"\n"x" 1 2\n"y" 3 4\n': Layout(" ", row_names=True),
    '"a b" "c"\n"x" "y"\n': Layout(" "),
    # Without quotes, what is one cell too many may be a part of another.
    "a,b\nx,1,2\ny,3,4\n": Layout(","),
    "a;b\nx;1;2\ny;3;4\n": Layout(";"),
    "note\nfoo; bar\nbaz; qux\n": Layout(","),
    "name\nJohn Doe\nJane Roe\n": Layout(","),
    "size\n5 mm\n6 mm\n": Layout(","),
    # Names differ, and separators at the end of rows make no cells.
    "a\tb\nx\t1\t2\nx\t3\t4\n": Layout("\t"),
    "a\tb\n1\t2\t\n3\t4\t\n": Layout("\t"),
    "a\tb\n\t1\t2\n\t3\t4\n": Layout("\t"),
}


@pytest.mark.parametrize("text", LAYOUTS)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_layout(text, newline):
    stream = io.StringIO(text.replace("\n", newline), newline="")
    found = find_layout("y.csv", stream)
    assert found == LAYOUTS[text]
    # The header comes next.
    rest = stream.read()
    skipped = text.replace("\n", newline).removesuffix(rest)
    assert skipped.count(newline) == found.n_skipped


def test_a_long_table_is_known_by_its_beginning():
    rows = "".join(f"s{i}\t{i}\t{i % 7}\n" for i in range(200_000))
    assert find_layout("y.tsv", io.StringIO("a\tb\n" + rows)) == Layout("\t", 0, True)
