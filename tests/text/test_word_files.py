"""One reader for all sets of word vectors: the formats, their traps, what is refused."""

import gzip
import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
from gensim.models import FastText, KeyedVectors
from gensim.models.fasttext import save_facebook_model
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from huse.errors import InputError
from huse.text.word_files import blocks as blocks_module
from huse.text.word_files.reading import peek, read_words
from huse.text.word_files.source import Source, find_source

WORDS = ["red", "blue", "Été", "t-shirt", "a\u2028b", "\u0085"]
VECTORS = np.array([[1, -2.5, 3e-5], [0.1, 4, -7.25], [9, 8, 7], [0, 0, 1], [5, 5, 5], [6, 1, 6]], np.float32)
EXPECTED = {word: vector.tolist() for word, vector in zip(WORDS, VECTORS, strict=True)}


def lines(end="\n", header=""):
    return header + "".join(
        f"{word} {' '.join(repr(float(x)) for x in vector)}{end}" for word, vector in zip(WORDS, VECTORS, strict=True)
    )


def read(path, wanted=(*WORDS, "green"), **options):
    return read_words(find_source(str(path), download=False), wanted, **options)


def as_dict(found):
    return {word: vector.tolist() for word, vector in found.vectors.items()}


def zipped(**members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def word2vec(tmp_path, *, binary):
    vectors = KeyedVectors(3)
    vectors.add_vectors(WORDS, VECTORS)
    vectors.save_word2vec_format(tmp_path / "word2vec", binary=binary)
    return (tmp_path / "word2vec").read_bytes()


TEXT = lines().encode()
FORMATS = {  # what makes the content of a file of each format
    "text": lambda _: TEXT,
    "gzip": lambda _: gzip.compress(TEXT),
    "zip": lambda _: zipped(**{"glove.txt": TEXT}),
    "windows": lambda _: ("\ufeff" + lines(end=" \r\n") + "\r\n").encode(),
    "fasttext": lambda _: lines(end=" \n", header="6 3\n").encode(),  # its lines end with a space
    "word2vec": lambda folder: word2vec(folder, binary=False),
    "binary": lambda folder: word2vec(folder, binary=True),
    "packed binary": lambda folder: gzip.compress(word2vec(folder, binary=True)),
}
NAMES = dict.fromkeys(FORMATS, "GloVe text") | {"fasttext": "word2vec text", "word2vec": "word2vec text"}
NAMES |= {"binary": "word2vec binary", "packed binary": "word2vec binary"}


@pytest.fixture
def file(tmp_path):
    """A function that writes a file and returns its path."""

    def write(content, name="vectors"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("block", [40, 64, 1 << 20])  # words and numbers are cut anywhere; the head holds a line
def test_every_format_gives_the_same_words_whatever_the_file_is_called(tmp_path, file, monkeypatch, kind, block):
    monkeypatch.setattr(blocks_module, "BLOCK", block)
    found = read(file(FORMATS[kind](tmp_path)))
    assert (found.format, found.dimension, found.faults) == (NAMES[kind], 3, [])
    assert as_dict(found) == EXPECTED
    assert len(found.sha256.split("+")[0]) == 64


def test_packed_or_not_the_fingerprint_is_that_of_the_text(tmp_path, file):
    assert len({read(file(FORMATS[kind](tmp_path))).sha256 for kind in ("text", "gzip", "zip")}) == 1


SHORT, NO_NUMBER = "line 2 has 1 numbers in place of 2", "line 2 holds something that is no finite number"
BINARY = b"3 1\n" + b"".join(struct.pack("<4sf", word, x) for word, x in ((b"red ", 1), (b"red ", 2), (b"Red ", 3)))


@pytest.mark.parametrize(
    ("content", "words", "faults"),
    [
        # Only what is wanted is parsed; of a word that comes twice the first counts, if it is whole.
        ("the 1 2\nof bad numbers\nred 5 6", {"red": [5, 6]}, []),
        ("red 1 2\nblue 3 4\nred 5 6\n", {"red": [1, 2], "blue": [3, 4]}, []),
        ("one 1 1\nred nan 2\nred 3 4\nred 5 6\n", {"red": [3, 4]}, [NO_NUMBER]),
        (BINARY, {"red": [1], "Red": [3]}, []),
        # A word with spaces is not its first part.
        (
            ", 1 2\nred name@domain.com 3 4\n. . . 5 6\nat 7 8\nred 9 10\n",
            {",": [1, 2], "at": [7, 8], "red": [9, 10]},
            [],
        ),
        # A damaged line is passed over, and nothing else is lost.
        *(
            (f"red 1 2\n{damage}\nÉté 3 4\n", {"red": [1, 2], "Été": [3, 4]}, [fault])
            for damage, fault in (
                ("blue 1", SHORT),
                ("blue 1 2 3", "line 2 has 3 numbers in place of 2"),
                ("blue 1 x", NO_NUMBER),
                ("blue 1 nan", NO_NUMBER),
                ("blue 1 1e39", NO_NUMBER),
            )
        ),
        (b"red 1 2\n\xff\xfe 3 4\nblue 5 6\n", {"red": [1, 2], "blue": [5, 6]}, []),
        # The first line may be a header, or a word that is a number.
        (
            "400000 2\nred 1 2\nblue 3 4\n",
            {"red": [1, 2], "blue": [3, 4]},
            ["the first line says 400,000 words, 2 lines follow"],
        ),
        ("5 3\nred 2\nblue 1\n", {"5": [3], "red": [2], "blue": [1]}, []),
        ("2 2\n\nred 1 2\nblue 3 4\n", {"red": [1, 2], "blue": [3, 4]}, []),
    ],
)
def test_what_is_read(file, content, words, faults):
    found = read(file(content), {*WORDS, "Red", "green", "at", ".", ",", "5"})
    assert as_dict(found) == words
    assert found.faults == faults


def test_faults_are_counted_beyond_the_first(file):
    path = file("red 1 2\n" * 20 + "blue 1\n" * 5)
    assert read(path).fault_summary().endswith("line 23 has 1 numbers in place of 2; and 2 more")


def line_by_line(content, wanted, dimension):
    """The rule as it is said, one line after the other."""
    vectors, faults = {}, 0
    for line in content.split("\n"):
        word, *fields = line.rstrip(" ").split(" ")
        try:
            numbers = [float(field) for field in fields]
        except ValueError:
            continue  # a word with spaces
        if line.strip() and len(numbers) != dimension:
            faults += 1
        elif word in wanted and word not in vectors and numbers:
            vectors[word] = numbers
    return vectors, faults


PIECES = ["red 1 2", "blue 3 4", "red 5 6", "red x 7 8", "a b c 1 2", "blue 5", "red", "redd", "", "blue 1 2 3"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=400)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=9), st.sampled_from([48, 1 << 20]))
@example(["red x 7 8", "blue 5", "red 1 2"], 1 << 20)  # a surplus and a missing space make up for each other
@example(["a b c 1 2", "redd", "red 5 6"], 1 << 20)
def test_lines_that_make_up_for_each_other_are_told_apart(tmp_path, monkeypatch, pieces, block):
    monkeypatch.setattr(blocks_module, "BLOCK", block)
    path = tmp_path / "v.txt"
    content = "\n".join(["one 1 1", "two 2 2", "three 3 3"] * 4 + pieces)
    path.write_text(content)
    found = read(path, {"red", "blue", "redd", "three"})
    expected, faults = line_by_line(content, {"red", "blue", "redd", "three"}, 2)
    assert as_dict(found) == expected
    assert len(found.faults) <= faults


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(content=st.binary(max_size=300), words=st.sets(st.text(max_size=6), max_size=4))
@example(content=b"\x80\x04.", words=set())
@example(content=b"\x80\x04cos\nsystem\n.", words=set())
@example(content=b"1 1\n", words={"a"})
@example(content=b"PK\x03\x04", words={"a"})
@example(content=b"\x1f\x8b\x08", words={"a"})
@example(content=bytes([0xBA, 0x16, 0x4F, 0x2F]), words={"a"})
def test_no_content_breaks_reading(tmp_path, content, words):
    path = tmp_path / "any"
    path.write_bytes(content)
    try:
        found = read(path, words, compose=words)
    except InputError as error:
        assert "any" in str(error)
    else:
        assert set(found.vectors) <= words
        assert all(len(vector) == found.dimension for vector in found.vectors.values())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8).filter(lambda word: not set(" \n\r") & set(word)),
        st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=2),
        min_size=1,
        max_size=12,
    )
)
def test_what_is_written_is_read(tmp_path, vectors):
    path = tmp_path / "v.txt"
    text = "".join(f"{word} {' '.join(f'{x:.9g}' for x in row)}\n" for word, row in vectors.items())
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    if path.read_bytes().startswith(b"\xef\xbb\xbf"):
        return  # a word that begins with a byte order mark in the first line
    assert as_dict(read(path, vectors)) == vectors


SENTENCES = [["red", "dress"], ["blue", "dress"]] * 30


@pytest.fixture(scope="module")
def fasttext(tmp_path_factory):
    model = FastText(SENTENCES, vector_size=5, min_count=1, min_n=2, max_n=3, epochs=2, seed=1, workers=1, bucket=100)
    path = tmp_path_factory.mktemp("fasttext") / "model.bin"
    save_facebook_model(model, str(path))
    return path, model.wv


def test_fasttext_binary_has_whole_words_and_composes_others(fasttext):
    path, vectors = fasttext
    found = read(path, {"red", "Red", "missing"}, compose={"red", "dresses"})
    assert found.format == "fastText binary"
    assert set(found.vectors) == {"red", "dresses"}
    assert found.composed == {"dresses"}
    np.testing.assert_allclose(found.vectors["red"], vectors["red"], atol=1e-6)
    np.testing.assert_allclose(found.vectors["dresses"], vectors["dresses"], atol=1e-6)


def test_fasttext_words_without_known_parts_have_no_vector(tmp_path):
    model = FastText(SENTENCES, vector_size=5, min_count=1, min_n=5, max_n=5, epochs=1, workers=1, bucket=100)
    model.wv.vectors_vocab[model.wv.key_to_index["blue"]] = np.nan
    save_facebook_model(model, str(tmp_path / "model.bin"))
    found = read(tmp_path / "model.bin", {"red", "blue"}, compose={"red", "zz"})
    assert set(found.vectors) == {"red"}
    assert found.faults == ["the vector of 'blue' holds something that is no finite number"]


class Harm:
    def __reduce__(self):
        return (print, ("a pickle was run",))


def refuse(path, message, wanted=WORDS):
    with pytest.raises(InputError, match=message) as error:
        read(path, wanted)
    assert path.name in str(error.value)


NO_WORDS, PICKLE = "expected a word and its numbers a line", "found a pickle, which could run code of its own"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        *(
            (content, NO_WORDS)
            for content in (b"", b"\n\n", b"a,1,2,3\n", b"one two\nthree four\n", bytes(range(129, 256)))
        ),
        (b"2 0\nred blue\ngreen blue\n", NO_WORDS),
        (b"9" * 5000 + b" 3\nred blue green\nblue red green\n", NO_WORDS),
        (b"red\t1\t2\nblue\t3\t4\n", "single spaces between them, found .* with tabs"),
        (b"2 2\nred\t1\t2\nblue\t3\t4\n", "with tabs"),
        (b"red  1  2\nblue  3  4\n", r"found otherwise in 2 of 2 lines, first b'red  1  2'"),
        (pickle.dumps(Harm()), PICKLE + " and is not read. Save .*save_word2vec_format"),
        (BINARY[:-2], "says 3 words, found 2: the file is cut off"),
        (gzip.compress(TEXT)[:-20], "damaged or cut off"),
        (zipped(), "expected one file in it, found 0"),
    ],
)
def test_what_is_no_word_vectors_is_refused(file, capsys, content, message):
    refuse(file(content), message)
    assert capsys.readouterr().out == ""  # no pickle was run


def test_a_damaged_or_packed_fasttext_file_is_refused(file, fasttext):
    content = fasttext[0].read_bytes()
    refuse(file(content[:200]), "not a readable fastText")
    refuse(file(gzip.compress(content)), "Unpack it first")


def test_a_binary_file_that_is_cut_off_is_told_by_its_first_bytes(file, fasttext):
    for whole, kind, dimension in (
        (BINARY, "word2vec binary", 1),
        (fasttext[0].read_bytes(), "fastText binary", 5),
    ):
        assert peek(Source(file(whole))) == (kind, dimension)
        assert peek(Source(file(gzip.compress(BINARY[:-9])))) == ("word2vec binary", 1)  # its size says nothing
        for left in (len(whole) // 2, 70):
            if left < len(whole):
                with pytest.raises(InputError, match=f"found {left:,}: it is cut off"):
                    peek(Source(file(whole[:left])))


def test_a_zip_with_several_files_needs_a_name(file):
    path = file(zipped(**{"glove.50d.txt": "red 1 2\n", "deep/glove.100d.txt": "red 1 2 3\n"}), "glove.6B.zip")
    refuse(path, r"found 2 \(glove.50d.txt, deep/glove.100d.txt\). Name one of them")
    assert read(path / "deep/glove.100d.txt").dimension == 3
    refuse(path / "glove.200d.txt", "holds no file 'glove.200d.txt'; it holds glove.50d.txt")


def test_an_archive_made_on_a_mac_holds_one_file(file):
    path = file(zipped(**{"./glove.txt": TEXT, "__MACOSX/._glove.txt": b"\x00\x05\x16"}), "mac.zip")
    assert as_dict(read(path)) == as_dict(read(path / "glove.txt")) == EXPECTED


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    refuse(tmp_path / "none.txt", "expected a file of word vectors, found nothing. Correct word_vectors.source")
    refuse(tmp_path, "found a folder")


def test_sets_in_an_object_store_are_read_as_files_are(file, store):
    store.put("shop/glove.txt", TEXT)
    store.put("shop/sets/glove.6B.zip", zipped(**{"glove.txt": TEXT, "deep/other.txt": "red 1 2 3\n"}))
    local = find_source(str(file(TEXT, "glove.txt")), download=False)
    found = find_source("memory://shop/glove.txt", download=False)
    assert found.name == local.name and as_dict(read_words(found, EXPECTED)) == as_dict(read_words(local, EXPECTED))
    assert as_dict(read("memory://shop/sets/glove.6B.zip/glove.txt")) == EXPECTED
    assert read("memory://shop/sets/glove.6B.zip/deep/other.txt").dimension == 3
    for none in ("memory://shop/none.txt", "memory://shop/none.zip/glove.txt"):
        with pytest.raises(InputError, match=r"memory://shop/none\.(txt|zip/glove\.txt): not found"):
            find_source(none, download=False)
    # Messages name the URL, not the copy.
    with pytest.raises(InputError, match=r"^memory://shop/sets/glove\.6B\.zip: holds no file 'none\.txt'"):
        find_source("memory://shop/sets/glove.6B.zip/none.txt", download=False)
    with pytest.raises(InputError, match=r"Name one of them, such as memory://shop/sets/glove\.6B\.zip/deep/other.txt"):
        find_source("memory://shop/sets/glove.6B.zip", download=False)
    store.put("shop/old.zip/SET.ZIP", zipped(**{"glove.txt": TEXT}))  # in a folder that is called like an archive
    store.put("shop/old.zip/glove.txt", TEXT)
    assert as_dict(read("memory://shop/old.zip/glove.txt")) == EXPECTED
    assert as_dict(read("memory://shop/old.zip/SET.ZIP/glove.txt")) == EXPECTED
    with pytest.raises(InputError, match=r"memory://shop/old\.zip: is a folder"):
        find_source("memory://shop/old.zip", download=False)


def test_a_name_of_gensims_downloader_is_found_in_its_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GENSIM_DATA_DIR", str(tmp_path))
    with pytest.raises(InputError, match=r"set word_vectors.download: true; where there is no network, run `python -m"):
        find_source("glove-wiki-gigaword-300", download=False)
    (tmp_path / "glove-wiki-gigaword-300").mkdir()
    (tmp_path / "glove-wiki-gigaword-300/glove-wiki-gigaword-300.gz").write_bytes(gzip.compress(TEXT))
    assert as_dict(read("glove-wiki-gigaword-300")) == EXPECTED


def test_without_a_network_the_message_says_what_to_do(tmp_path, monkeypatch):
    import gensim.downloader

    def no_network(*_):
        raise OSError("no route to host")

    monkeypatch.setenv("GENSIM_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(gensim.downloader, "BASE_DIR", str(tmp_path))
    monkeypatch.setattr(gensim.downloader, "urlopen", no_network)
    with pytest.raises(InputError, match="gensim could not fetch it") as error:
        find_source("glove-wiki-gigaword-300", download=True)
    assert f"copy glove-wiki-gigaword-300/glove-wiki-gigaword-300.gz into {tmp_path}" in str(error.value)


def test_a_source_is_told_from_a_changed_one_without_reading_it(file):
    path = file(TEXT)
    before = Source(path).identity()
    assert Source(path).identity() == before
    os.utime(path, ns=(0, 0))
    assert Source(path).identity() != before


@pytest.mark.parametrize("first", [0, 1, 3, 100])
@pytest.mark.parametrize("kind", ["text", "word2vec", "binary"])
def test_the_first_words_are_kept_whatever_is_asked_for(tmp_path, file, kind, first):
    found = read(file(FORMATS[kind](tmp_path)), {WORDS[-1]}, first=first)
    kept = list(dict.fromkeys([*WORDS[:first], WORDS[-1]]))
    assert as_dict(found) == {word: EXPECTED[word] for word in kept} and list(found.vectors) == kept
    assert found.leading == min(first, len(WORDS))


def test_the_first_words_of_fasttext_come_first(fasttext):
    path, trained = fasttext
    words = trained.index_to_key
    found = read(path, {words[-1]}, first=2)
    assert list(found.vectors) == [*words[:2], words[-1]] and found.leading == 2
