"""Real names through the text side, with real word vectors; skipped where they do not lie beside the project."""

import csv

import numpy as np
import pytest

from huse.labels.graph import adjacency
from huse.labels.neighbours import nearest_classes
from huse.labels.schemes import make_labels
from huse.labels.vectors import text_vectors
from huse.taxonomy import split_path
from huse.text.cleaning import Cleaning, clean_names
from huse.text.spelling import spellings
from huse.text.tfidf import fit_tfidf, weighted_mean
from huse.text.vocabulary import WordVectorSettings, choose_vectors, label_words, stack
from huse.text.word_files.reading import read_words
from huse.text.word_files.source import find_source
from huse.text.word_vectors import keyed_vectors, mean_word_vectors

pytestmark = pytest.mark.slow

CATALOGUES = {"netaporter": "real/netaporter-text/validation_data.csv", "myntra": "real/myntra-fashion/training.csv"}


@pytest.fixture(scope="module", params=[(name, glove) for name in CATALOGUES for glove in ("6B", "840B")], ids="-".join)
def catalogue(request, shared):
    """Names, class paths, classes and word vectors of one catalogue with one set of word vectors."""
    name, glove = request.param
    with (shared / CATALOGUES[name]).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    names, paths = clean_names([row[1] for row in rows], Cleaning()), [row[2] for row in rows]
    classes = sorted(set(paths))
    labels = label_words(map(split_path, classes))
    needed = labels.union(*(one.split() for one in names))
    source = find_source(str(shared / f"pretrained/glove.{glove}.300d.subset.txt"), download=False)
    found = read_words(source, spellings(needed))
    assert found.faults == []
    chosen = choose_vectors(needed, found, WordVectorSettings(), seed=0)
    vectors = keyed_vectors(list(chosen), stack(chosen)[1])
    return name, names, paths, classes, vectors


def branch(path, depth=1):
    return split_path(path)[:depth]


def test_classes_whose_names_are_alike_lie_near_each_other(catalogue):
    name, names, paths, classes, vectors = catalogue
    of_names = weighted_mean(names, fit_tfidf(names), vectors)
    number = {path: index for index, path in enumerate(classes)}
    rows = np.array([number[path] for path in paths])
    means = np.stack([of_names[rows == index].mean(axis=0) for index in range(len(classes))])
    nearest = nearest_classes(adjacency(means, classes), classes, 3)
    same = np.mean([branch(path) == branch(others[0][0]) for path, others in nearest.items()])
    sizes = np.unique([branch(path)[0] for path in classes], return_counts=True)[1]
    chance = (sizes * (sizes - 1)).sum() / (len(classes) * (len(classes) - 1))
    assert same > chance + 0.2
    expected = {
        "netaporter": {"beauty<makeup<lipstick": ("beauty",), "shoes<boots<ankle": ("shoes",)},
        "myntra": {"footwear<shoes<heels": ("footwear",), "personal care<fragrance<deodorant": ("personal care",)},
    }
    for path, first_level in expected[name].items():
        assert branch(nearest[path][0][0]) == first_level


def test_the_graph_of_the_class_names_is_sensible(catalogue):
    name, _, _, classes, vectors = catalogue
    # The classes of which some word is known: the word vectors are subsets of the published ones.
    known = [path for path in classes if any(word in vectors for word in path.replace("<", " ").split())]
    labels = make_labels(known, "leaf")
    psi = text_vectors(labels, lambda texts: mean_word_vectors(texts, vectors, 1), "path")
    distances = adjacency(psi, labels.labels)
    lipstick, eyeshadow, boots, sneakers = {
        "netaporter": (
            "beauty<makeup<lipstick",
            "beauty<makeup<eyeshadow",
            "shoes<boots<ankle",
            "shoes<sneakers<low top",
        ),
        "myntra": (
            "personal care<fragrance<deodorant",
            "personal care<fragrance<perfume and body mist",
            "footwear<shoes<casual shoes",
            "footwear<shoes<sports shoes",
        ),
    }[name]
    place = {path: index for index, path in enumerate(known)}
    assert distances[place[lipstick], place[eyeshadow]] < distances[place[lipstick], place[boots]]
    assert distances[place[boots], place[sneakers]] < distances[place[boots], place[lipstick]]
