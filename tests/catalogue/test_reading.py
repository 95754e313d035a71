import pytest

from huse.catalogue.headers import Headers
from huse.catalogue.reading import read_catalogue
from huse.catalogue.records import Records
from huse.errors import InputError

COLUMNS = {"image": "image", "name": "name", "classes": "classes"}


@pytest.fixture
def read(tmp_path):
    def read(content, encoding="auto", **columns):
        path = tmp_path / "catalogue.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_catalogue(path, Headers.of_params(COLUMNS | columns), encoding=encoding)

    return read


def test_rows_keep_their_line_and_order(read):
    file = read("name,image,classes\nA,a.jpg,x<y\n\nB,b.jpg,x<z\n")
    assert [(row.line, row.image, row.name, row.classes) for row in file.rows] == [
        (2, "a.jpg", "A", "x<y"),
        (4, "b.jpg", "B", "x<z"),
    ]
    assert file.rejected == []
    assert file.remarks == []


def test_a_table_may_have_no_column_of_names_or_of_pictures(read):
    assert [(row.image, row.name) for row in read("name,classes\nA,x\n", image=None).rows] == [("", "A")]
    assert [(row.image, row.name) for row in read("image,classes\na.jpg,x\n", name=None).rows] == [("a.jpg", "")]


def test_cells_that_a_spreadsheet_has_made(read):
    file = read('image,name,classes,id\n"=""a.jpg""",Cap,x,="007"\nb.jpg,"A ""b""",x,4.01234E+12\n', product="id")
    assert [(row.image, row.name, row.product) for row in file.rows] == [
        ("a.jpg", "Cap", "007"),
        ("b.jpg", 'A "b"', "4.01234E+12"),
    ]
    assert 'has cells such as ="007", which are read as 007' in file.remarks[0]
    assert file.remarks[1].startswith(
        "1 id of a product is a number that a spreadsheet has rounded, the first '4.01234E+12'"
    )
    assert read('image,name,classes\na.jpg,A ="x",x\n').rows[0].name == 'A ="x"'


def test_quotes_commas_and_line_breaks_in_names(read):
    file = read('image,name,classes\r\na.jpg,"A ""big"", red\r\n bag",x<y\r\nb.jpg,B,x<z\r\n')
    assert [row.name for row in file.rows] == ['A "big", red bag', "B"]
    assert [row.line for row in file.rows] == [2, 4]


@pytest.mark.parametrize(
    ("rows", "names", "rejected"),
    [
        ('a.jpg,A,x\nb.jpg,"B,x\nc.jpg,C,x\nd.jpg,"D, d",x\n', ["A", "C", "D, d"], [3]),
        ('a.jpg,"A,x\nb.jpg,B,x\nc.jpg,"C,x\nd.jpg,D,x\n', ["B", "D"], [2, 4]),
        # The mark of inches, rows later, closes the field: all rows between would be one name.
        ('a.jpg,"A,x\n' + "b.jpg,B,x\n" * 3 + 'c.jpg,TV 32",x\n', ["B", "B", "B", 'TV 32"'], [2]),
    ],
)
def test_an_unclosed_quote_costs_its_own_row_alone(read, rows, names, rejected):
    file = read(f"image,name,classes\n{rows}")
    assert [row.name for row in file.rows] == names
    assert [row.line for row in file.rejected] == rejected
    assert "quotation marks" in file.rejected[0].reason


def test_with_many_columns_one_line_that_is_a_row_shows_an_unclosed_quote(read):
    header = "image,name,classes,price\n"
    file = read(f'{header}a.jpg,"A,x,1\nb.jpg,B,x,2\nc.jpg,TV 32",x,3\n')
    assert [row.name for row in file.rows] == ["B", 'TV 32"']
    assert "takes the 2 lines below into its field" in file.rejected[0].reason
    of_several_lines = 'a.jpg,"A,\nred, large, new\n\nend",x,1\nb.jpg,B,x,2\n'
    assert [row.name for row in read(header + of_several_lines).rows] == ["A, red, large, new end", "B"]


def test_a_cell_of_several_lines_may_hold_one_that_looks_like_a_row(read):
    care = "A shirt.\nMachine wash, cold, gentle<delicate, inside out\nIron low."
    for rows in (f'a.jpg,A,x,"{care}"\n', f'a.jpg,"{care}",x,plain\n', f'a.jpg,A,x,"{care}"\n' * 2):
        file = read(f"image,name,classes,description\n{rows}b.jpg,B,x,plain\n")
        assert {row.image for row in file.rows} == {"a.jpg", "b.jpg"} and file.rejected == []
    # In the last column, the mark of inches closes the field of an unclosed one with all fields in place.
    file = read('image,name,classes,size\na.jpg,A,x,"3\nb.jpg,B,x,4\nc.jpg,C,x,5"\n')
    assert ([row.image for row in file.rows], [row.line for row in file.rejected]) == (["b.jpg", "c.jpg"], [2])


def test_empty_cells_at_the_end_may_be_there_or_not(read):
    file = read("image,name,classes\na.jpg,A,x,\nb.jpg,B,x, ,\n")
    assert ([row.name for row in file.rows], file.rejected, file.remarks) == (["A", "B"], [], [])
    header, whole = "image,name,classes,price,note\n", "b.jpg,B,x,1,new\n"
    file = read(f"{header}{whole}a.jpg,A,x,\n{whole}")
    assert [row.name for row in file.rows] == ["B", "A", "B"]
    assert "1 row ends before the last columns of the header, which are taken as empty" in file.remarks[0]
    # Here and there one, it rather is a damaged row.
    file = read(f"{header}{whole * 20}a.jpg,A,x\n")
    assert [row.line for row in file.rejected] == [22]
    assert read(f"{header}{whole}a.jpg,A\n").rejected[0].line == 3, "a column that is needed is missing"


def test_ids_that_say_nothing_are_none(read):
    file = read("image,name,classes,id\na,A,x,nan\nb,B,x,NULL\nc,C,x,0\nd,D,x,#N/A\n", product="id")
    assert [row.product for row in file.rows] == ["", "", "0", ""]
    assert file.rows[0].repairs == ("no id of its product: 'nan' says nothing",)


def test_splits_are_read_by_the_names_that_people_give_them(read):
    given = {"Train": "train", "valid": "validation", "dev": "validation", "training": "train", "Testing": "test"}
    rows = "".join(f"{n}.jpg,{n},x,{split}\n" for n, split in enumerate([*given, "dev", "Later"]))
    file = read(f"image,name,classes,part\n{rows}", split="part")
    assert [row.split for row in file.rows] == [*given.values(), "validation", "later"]
    assert file.remarks == [
        "splits are named otherwise, and read so: 'valid' as validation (1), 'dev' as validation (2), "
        "'training' as train (1), 'Testing' as test (1)"
    ]


def test_a_row_with_another_number_of_fields_is_rejected_with_a_reason(read):
    file = read("image,name,classes\na.jpg,A,big,x\nb.jpg,B,x\nc.jpg\n")
    assert [row.name for row in file.rows] == ["B"]
    assert [row.reason[:27] for row in file.rejected] == ["expected 3 fields, found 4:", "expected 3 fields, found 1:"]


def test_other_columns_are_left_aside_and_headers_may_have_other_names(read):
    assert read("id,text,image,classes\n1,A,a.jpg,x\n", name="text").rows[0].name == "A"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("image,name,classes\n", "no products"),
        ("image,text,classes\na,b,c\n", r"one column `name` \(catalogue.columns.name\), found none among: image, text"),
        ("image,name,name,classes\na,b,c,d\n", "one column `name`.*found 2"),
        ("\0image,name,classes\na,b,c\n", "found none among: image, name, classes. The file has zero bytes"),
        ("image name classes\na b c\n", "found none among: image name classes"),
        ("<!DOCTYPE html><html>", "expected a table of text .CSV., found an HTML page. Export the table as CSV"),
        (b"PK\x03\x04 xl/workbook.xml", "found an Excel workbook, or another Office document. Open it and save it"),
        ('[{"image": "a.jpg"}]', "found JSON. Write it as CSV, such as by pandas: read_json"),
        (b"PAR1", "found a Parquet table. Write it as CSV, such as by pandas: read_parquet"),
        (b"\x1f\x8b\x08", "found a gzip archive. Unpack it, and give the table in it"),
    ],
)
def test_a_file_that_is_no_catalogue(read, content, message):
    with pytest.raises(InputError, match=message):
        read(content)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: not found"):
        read_catalogue(tmp_path / "none.csv", Headers.of_params(COLUMNS))
    with pytest.raises(InputError, match="cannot be read"):
        read_catalogue(tmp_path, Headers.of_params(COLUMNS))


@pytest.mark.parametrize(
    ("encoding", "given"), [("utf-8-sig", "auto"), ("utf-16", "auto"), ("utf-32", "auto"), ("utf-8-sig", "utf-8")]
)
def test_byte_order_marks_are_understood_and_do_not_disturb_a_given_encoding(read, encoding, given):
    file = read("image,name,classes\na.jpg,Chloé,x\n".encode(encoding), encoding=given)
    (row,) = file.rows
    said = [remark.partition(": ")[2] for remark in file.remarks]
    assert said == ([] if encoding == "utf-8-sig" else [f"read as {encoding}, by its mark"])
    assert (row.image, row.name) == ("a.jpg", "Chloé")


def test_another_encoding_is_guessed_and_said(read):
    lines = "".join(f"{n}.jpg,Chloé crème brûlée {n},x\n" for n in range(20))
    file = read(f"image,name,classes\n{lines}".encode("cp1252"))
    assert file.rows[3].name == "Chloé crème brûlée 3"
    (remark,) = file.remarks
    assert "20 of 20 lines with letters beyond ASCII are not UTF-8 (first line 2); read as cp1252" in remark
    assert "Chloé crème brûlée 0" in remark


def test_one_bad_line_does_not_change_how_the_others_are_read(read):
    names = ["Красное платье", "Été", "Ελλάδα"]
    lines = [f"{n}.jpg,{name},x<y\n".encode() for n, name in enumerate(names * 3)]
    lines.insert(4, "bad.jpg,Chloé – 5 €,x<y\n".encode("cp1252"))
    file = read(b"image,name,classes\n" + b"".join(lines))
    found = [row.name for row in file.rows]
    assert found[4] == "Chloé – 5 €" and found[:4] + found[5:] == names * 3
    (remark,) = file.remarks
    assert "1 of 10 lines" in remark and "(first line 6); read as cp1252" in remark


def test_only_what_is_cut_of_a_line_is_read_otherwise(read):
    """A database that counts bytes cuts a letter in two; the rest of its line is UTF-8, as is its class path."""
    names = [f"Красное платье {n}" for n in range(9)]
    cut = f"9.jpg,{'Красное платье' * 2}".encode()[:-1] + ",Одежда<Платье\n".encode()
    lines = "".join(f"{n}.jpg,{name},Одежда<Платье\n" for n, name in enumerate(names)).encode()
    file = read(b"image,name,classes\n" + lines + cut)
    assert {row.classes for row in file.rows} == {"Одежда<Платье"}
    assert file.rows[9].name == "Красное платьеКрасное платьÐ"
    assert "1 of 10 lines with letters beyond ASCII are not UTF-8 (first line 11)" in file.remarks[0]


def test_bytes_that_are_no_letters_are_counted(read):
    file = read(b"image,name,classes\na.jpg,\xc3\xa9t\xc3\xa9,x\nb.jpg,\x81 bag,x\n")
    assert [row.name for row in file.rows] == ["été", "\ufffd bag"]
    assert "1 byte is no letter in it either" in file.remarks[0]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_recognised(read, encoding):
    file = read("image,name,classes\na.jpg,Été,x\nb.jpg,Красное платье из бархата,y\n".encode(encoding))
    assert [row.name for row in file.rows] == ["Été", "Красное платье из бархата"]
    assert f"read as {encoding}" in file.remarks[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("image;name;classes\na.jpg;Bag, red;x\n", ["semicolons"]),
        ("image\tname\tclasses\na.jpg\tBag, red\tx\n", ["tabs"]),
        ('sep=;\nimage;name;classes\na.jpg;"Bag, red";x\n', ["semicolons"]),
        ('"sep=|"\r\nimage|name|classes\r\na.jpg|Bag, red|x\r\n', ["vertical bars"]),
        ('sep=,\nimage,name,classes\na.jpg,"Bag, red",x\n', []),
        ('image,name,classes,"a;b;c;d;e"\na.jpg,"Bag, red",x,1\n', []),  # more fields, but not those that are wanted
    ],
)
def test_the_delimiter_is_recognised(read, content, said):
    file = read(content)
    assert (file.rows[0].image, file.rows[0].name, file.rows[0].classes) == ("a.jpg", "Bag, red", "x")
    assert [remark.rpartition("separated by ")[2] for remark in file.remarks] == said
    assert file.rows[0].line == content.count("\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("image,name,classes\ra.jpg,A,x\rb.jpg,B,y\r", None),
        ("Image, NAME ,Classes\na.jpg,A,x\nb.jpg,B,y\n", None),
        ("\ufeffimage\u200b,name,classes\na.jpg,A,x\nb.jpg,B,y\n", None),
        ('="image",="name",="classes"\n="a.jpg",="A",="x"\nb.jpg,B,y\n', "such as"),
        ('image, name, classes\na.jpg, "A", x\nb.jpg, "B", y\n', None),
        ("# export\n\nof;a;shop\nimage;name;classes\na.jpg;A;x\nb.jpg;B;y\n", "the header is line 4"),
        ('"image,name,classes"\n"a.jpg,A,x"\n"b.jpg,""B"",y"\n', "in quotation marks as a whole"),
        ('"image;name;classes"\n"a.jpg;A;x"\nb.jpg;B;y\n', "in quotation marks as a whole"),
    ],
)
def test_what_other_programs_make_of_a_table_is_undone(read, content, said):
    file = read(content)
    assert [(row.image, row.name, row.classes) for row in file.rows] == [("a.jpg", "A", "x"), ("b.jpg", "B", "y")]
    assert file.rejected == []
    assert (said is None) == (file.remarks == [])
    assert said is None or any(said in remark for remark in file.remarks)


def test_a_header_that_stands_again_is_no_product(read):
    file = read("image,name,classes\na.jpg,A,x\nimage, name ,classes\nb.jpg,B,y\n\ufeffImage,Name,Classes\n")
    assert [row.line for row in file.rows] == [2, 4]
    assert [(row.line, row.reason) for row in file.rejected] == [(at, "the header stands here again") for at in (3, 5)]


def test_a_column_is_found_however_its_accents_are_written(read):
    assert read("image,de\u0301signation,classes\na.jpg,A,x\n", name="d\u00e9signation").rows[0].name == "A"


def test_texts_are_mended_and_the_repairs_said(read):
    (row,) = read("image,name,classes\na&amp;b.jpg,Salt &amp; Pepper&nbsp; Mill,Home &gt; Deco&#8203;<mills\n").rows
    assert (row.image, row.name, row.classes) == ("a&amp;b.jpg", "Salt & Pepper Mill", "Home > Deco<mills")
    assert row.repairs == (
        "HTML entities in the name",
        "HTML entities in the class path",
        "invisible characters in the class path",
    )


def test_a_third_of_broken_rows_costs_those_rows_alone(read):
    """Reading once took time in proportion to the square of the broken rows: minutes for this file."""
    count = 20_000
    file = read("image,name,classes\n" + 'a.jpg,"A,x\nb.jpg,B,x\nc.jpg,C,x\n' * count)
    assert (len(file.rows), len(file.rejected)) == (2 * count, count)


def test_a_given_encoding_is_held_to(read):
    content = "image,name,classes\na.jpg,Chloé,x\n".encode("cp1252")
    assert read(content, encoding="cp1252").rows[0].name == "Chloé"
    with pytest.raises(InputError, match=r"line 2 is not utf-8 \(byte 0xE9\)"):
        read(content, encoding="utf-8")
    for unknown in ("klingon", "undefined", "a\0b"):
        with pytest.raises(InputError, match="is no encoding that Python knows"):
            read(content, encoding=unknown)


def test_long_fields_and_control_characters(read):
    first, second = read(f"image,name,classes\na.jpg,{'x' * 200_000},c\nb.jpg,B\0\tb,c\n").rows
    assert len(first.name) == 200_000
    assert second.name == "B b"


def test_a_pictures_name_may_have_two_spaces(read):
    (row,) = read("image,name,classes\n red  boot.jpg ,red  boot,shoes<boots\n").rows
    assert (row.image, row.name) == ("red  boot.jpg", "red boot")


@pytest.mark.parametrize(
    "content", [b"image,name,classes\na,b" + b"x" * 200_000 + b",c\n", b"\x01a\rb\x02,\n\xff\r\xfe"]
)
@pytest.mark.parametrize("wanted", [["nothing"], []])
def test_a_line_that_is_none_of_a_csv_is_no_header(tmp_path, content, wanted):
    path = tmp_path / "shop.csv"
    path.write_bytes(content)
    Records(path, encoding="auto", wanted=wanted)
