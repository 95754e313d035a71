"""Tokens of a label's text, as InferSent makes them.

Conneau et al. 2017 (arXiv 1705.02364). Version 1 reads GloVe, version 2 fastText; they differ in the sentence marks and
in how they split a negation.
"""

from collections.abc import Container, Sequence

from huse.errors import InputError

# Around a sentence's tokens, by version.
SENTENCE_MARKS = {1: ("<s>", "</s>"), 2: ("<p>", "</p>")}

NAMED_SENTENCES = 10


def tokenize(sentence: str, version: int) -> list[str]:
    """Split a sentence into tokens, case kept, without marks.

    Args:
        sentence: one sentence, such as a label or a name; so NLTK's sentence splitter is not needed.
        version: of InferSent, 1 or 2. Version 2 was trained on Moses' tokens, and its published code joins
            ``n't`` differently: "don 't" for "don't".
    """
    from nltk.tokenize import word_tokenize  # noqa: PLC0415  half a second that names do without

    tokens: list[str] = word_tokenize(sentence, preserve_line=True)
    return tokens if version == 1 else " ".join(tokens).replace(" n't ", "n 't ").split()


def known_tokens(sentences: Sequence[str], known: Container[str], *, version: int, marks: bool) -> list[list[str]]:
    """Return the tokens of every sentence that have a vector.

    Args:
        sentences: S texts.
        known: words with a vector.
        version: of InferSent, 1 or 2.
        marks: add the sentence marks; where no token is left, only the end mark.

    Returns:
        S lists, none of them empty.

    Raises:
        InputError: a sentence has no token left; names such sentences, at most 10.
    """
    start, end = SENTENCE_MARKS[version]
    kept, empty = [], []
    for sentence in sentences:
        tokens = tokenize(sentence, version)
        wanted = [start, *tokens, end] if marks else tokens
        kept.append([token for token in wanted if token in known])
        if not kept[-1]:
            empty.append(sentence)
    if empty:
        raise InputError(
            f"expected a word vector for at least one word of every label, found none for {len(empty)}: "
            f"{name_some(empty)}. Use a set of word vectors that has these words (word_vectors.source), or "
            "word_vectors.oov: hash, which draws a random vector for each, or label_graph.label_text: path, which "
            "needs one known word in a whole class path, or label_graph.encoder: tree, which needs none."
        )
    return kept


def without_words(sentences: Sequence[str], known: Container[str], version: int) -> list[str]:
    """Return the sentences without any token that has a vector."""
    return [text for text in sentences if not any(token in known for token in tokenize(text, version))]


def name_some(sentences: Sequence[str]) -> str:
    """Name up to 10 sentences, and count the rest."""
    more = len(sentences) - NAMED_SENTENCES
    named = ", ".join(map(repr, sentences[:NAMED_SENTENCES]))
    return f"{named} and {more} more" if more > 0 else named
