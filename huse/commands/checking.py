"""The command that looks, in seconds, at all that a run would read, and says what would stop it later."""

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from huse.catalogue.agreeing import empty_remark, join_spellings, one_class, separator_remark, table_remarks
from huse.catalogue.checking import (
    Product,
    check_rows,
    check_table,
    count_lost,
    repaired,
    summarise_rejected,
    tell_repaired,
)
from huse.catalogue.finding import PictureFolder
from huse.catalogue.headers import Headers
from huse.catalogue.holding_out import choose_unseen
from huse.catalogue.reading import CatalogueFile, read_catalogue
from huse.catalogue.table import make_table
from huse.commands.recorded import refuse_changed
from huse.engine.machine import Machine
from huse.engine.work import open_engine
from huse.errors import InputError, as_called, shown
from huse.experiments.copies import WOULD_LACK, lacking
from huse.files import fingerprint_file
from huse.object_copies import local
from huse.run import paths
from huse.run.params.all import check_params
from huse.run.params.catalogue import CatalogueParams
from huse.run.place import Run
from huse.storage import Place
from huse.taxonomy import split_path

SAMPLE = 500  # rows whose pictures are opened, spread over the catalogue
SHOWN = 3  # examples
DVC_READS = {"s3": "dvc_s3", "gs": "dvc_gs", "azure": "dvc_azure"}  # schemes of dependencies, and what DVC needs
ANSWER = 3.0  # seconds until a cluster has to answer
BYTES_A_VECTOR = 2 * 4 * 2048  # a large one, in the data and in DVC's cache
BYTES_A_RUN = 1_000_000_000  # models, embeddings and tables, about


class Findings(logging.Handler):
    """What was found of each parameter: what is there, a remark, or what would stop a run.

    What is logged in the meantime is a remark too.

    Attributes:
        found: (parameter, text, whether it is a remark), in the order of the checks.
        stops: one text each.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.found: list[tuple[str, str, bool]] = []
        self.stops: list[str] = []
        self._parameter = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line of the log as a remark."""
        if record.name == "root":  # the project's own; libraries have names
            self.remark(self._parameter, record.getMessage())

    def good(self, parameter: str, text: str) -> None:
        """Say what is there."""
        self.found.append((parameter, as_called(text), False))

    def remark(self, parameter: str, text: str) -> None:
        """Say what a user should know, though it stops nothing."""
        self.found.append((parameter, as_called(text), True))

    def stop(self, parameter: str, text: str) -> None:
        """Say what would stop a run."""
        section = parameter.partition(".")[0]
        named = text.startswith((f"{paths.PARAMS}: {parameter}", f"{section}."))
        self.stops.append(text if named else f"{parameter}: {text}")

    @contextmanager
    def of(self, parameter: str) -> Iterator[None]:
        """Look at one parameter: an `InputError` is what would stop a run, and the next check goes on."""
        logger, self._parameter = logging.getLogger(), parameter
        level = logger.level
        logger.addHandler(self)
        logger.setLevel(logging.INFO)
        try:
            yield
        except InputError as error:
            self.stop(parameter, str(error))
        finally:
            logger.removeHandler(self)
            logger.setLevel(level)

    def show(self) -> None:
        """Print what was found.

        Raises:
            InputError: something would stop a run; names all of it.
        """
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for parameter, text, is_remark in self.found:
            if not is_remark:
                table.add_row(parameter, escape(text))
        console = Console()
        console.print(table)
        for parameter, text, is_remark in self.found:
            if is_remark:  # not wrapped, since it may have a command to copy
                console.print(f"[yellow]remark:[/yellow] {parameter}: {escape(text)}", soft_wrap=True)
        if len(self.stops) > 1:
            raise InputError("\n- ".join([f"{len(self.stops)} findings would stop a run:", *self.stops]))
        if self.stops:
            raise InputError(self.stops[0])


def check(context: typer.Context) -> None:
    """Check params.yaml, and look into all that it names: catalogue, pictures, word vectors, weights, class tree."""
    here: Run = context.obj
    sections, found = check_params(here / paths.PARAMS), Findings()
    products, table = _catalogue(here, sections["catalogue"], here.seed(), found)
    _names(products, sections["preprocess_text"], found)
    words = _word_vectors(here, sections["word_vectors"], found)
    _backbone(here, sections["backbone"], sections["finetune_backbone"], found)
    networks = [network for network, _ in sections["backbone"].networks]
    _text_vectors(here, sections["text_vectors"], networks, found)
    _label_graph(here, sections["label_graph"], words, networks, found)
    _starts(here, {f"{name}.start": sections[name].start for name in ("text_vectors", "train")}, found)
    _class_tree(here, sections["evaluate"].tree, sorted({product.classes for product in products}), found)
    train = table[table["split"] == "train"] if len(table) else pd.DataFrame(map(vars, products))
    _method(sections, train, found)
    _engine(sections["machine"], found)
    for line in lacking(here):
        parameter, told = line.split(": ", 1)
        found.remark(parameter, f"{WOULD_LACK} {told}")
    _disk(here, BYTES_A_RUN + BYTES_A_VECTOR * len(products) * (1 + sections["image_vectors"].views), found)
    found.show()


def _catalogue(here: Run, params: CatalogueParams, seed: int, found: Findings) -> tuple[list[Product], pd.DataFrame]:
    """Look at the table, at its classes and split, and at some of its pictures.

    Returns:
        The rows that are sound as far as the table tells, and the products as the stage splits them; no rows where
        that is not known.
    """
    csv: Place = Path(params.csv)
    file, products, table = CatalogueFile([], [], []), list[Product](), pd.DataFrame()
    if csv == paths.SAMPLE_CSV and not (here / csv).exists():
        found.good("catalogue.csv", f"{here / csv}: the built-in sample, which the run draws")
        return products, table
    images: Place | None = None
    with found.of("catalogue.images"):
        images = here.place(params.images)
        _dvc_reads(params.images)
    with found.of("catalogue.csv"):
        _dvc_reads(params.csv)
    with found.of("catalogue.csv"):
        csv = here.place(params.csv)
        file = read_catalogue(csv, Headers.of_params(params.columns.model_dump()), encoding=params.encoding)
        checked = check_table(file.rows, images or Path(), params.missing)
        products, of_several, several = one_class(join_spellings(checked.products), params.several_classes)
        classes = sorted({product.classes for product in products})
        found.good("catalogue.csv", f"{csv}: {len(file.rows):,} rows, {len(classes):,} classes")
        told = tell_repaired(repaired(products))
        for remark in filter(None, (*file.remarks, *told, several)):
            found.remark("catalogue.csv", remark)
        rejected = [*checked.rejected, *of_several]
        left = {row.line for row in rejected}
        file = CatalogueFile([row for row in file.rows if row.line not in left], [*file.rejected, *rejected], [])
        if len(classes) < 2:
            raise InputError(f"{csv}: expected at least 2 classes, found {len(classes)}: {', '.join(classes)}.")
        with found.of("catalogue.unseen_classes"):
            choose_unseen(classes, params.unseen_classes, seed)
            # Without a name or an id, the bytes of its picture say where a product goes.
            if all(product.name or product.product for product in products):
                with found.of("catalogue.split"):
                    table = make_table(products, params.split.shares, seed, params.unseen_classes, params.split.by)
                    for remark in table_remarks(products, table):
                        found.remark("catalogue.csv", remark)
            else:
                for remark in filter(None, (separator_remark(classes), empty_remark(classes))):
                    found.remark("catalogue.csv", remark)
    with found.of("catalogue.images"):
        if images is None:
            return products, table
        pictured = not file.rows or any(row.image for row in file.rows)
        drawn = Path(params.images) == paths.SAMPLE_IMAGES  # by the run, of the sample
        if not PictureFolder(images).is_there() and (pictured or not drawn):
            names_alone = "DVC wants a folder, for names alone too. Make an empty one, or give one that is there."
            remedy = "Give the folder that holds the pictures." if pictured else names_alone
            raise InputError(f"{images}: no such folder. {remedy}")
        if file.rows or file.rejected:
            _pictures(file, images, params, found)
    return products, table


def _dvc_reads(named: str) -> None:
    """Refuse a URL of the catalogue that DVC, which looks whether it has changed, cannot read."""
    scheme, is_url, _ = named.partition("://")
    if not is_url:
        return
    if scheme not in DVC_READS:
        raise InputError(
            f"{shown(named)}: expected a path, or a URL of {', '.join(f'{one}://' for one in DVC_READS)}; DVC knows no "
            f"{scheme}://."
        )
    if find_spec(DVC_READS[scheme]) is None:
        raise InputError(f"{shown(named)}: DVC needs {DVC_READS[scheme]} for it. Run `pip install 'huse[{scheme}]'`.")


def _pictures(file: CatalogueFile, images: Place, params: CatalogueParams, found: Findings) -> None:
    """Check some rows as the stage does, pictures by their first bytes, and judge from them all rows."""
    from huse.vision.decoding import glance_at_picture  # noqa: PLC0415  decoders
    from huse.vision.known import readers  # noqa: PLC0415

    # Drawn, not every nth: rows of a product follow each other in a rhythm.
    drawn = np.random.default_rng(0).permutation(len(file.rows))[:SAMPLE]
    some = [file.rows[place] for place in np.sort(drawn)]
    glance = partial(glance_at_picture, max_pixels=params.max_pixels)
    with ThreadPoolExecutor(readers([images])) as pool:
        checked = check_rows(some, images, partial(pool.map, glance), missing=params.missing)
    rejected = [*checked.rejected, *checked.in_part]
    counted = f"{images}: {len(some):,} of {len(file.rows):,} rows looked at, with the first bytes of their pictures"
    if file.rows and not any(row.image for row in file.rows):
        counted = "no row names a picture: the model learns from the names alone"
    found.good("catalogue.images", counted)
    if not rejected and not file.rejected:
        return
    share, rows, lost = count_lost(rejected) / max(len(some), 1), len(file.rows), count_lost(file.rejected)
    error = 2 * sqrt(share * (1 - share) / len(some)) if len(some) < rows else 0
    least, expected = ((lost + part * rows) / (len(file.rejected) + rows) for part in (max(0, share - error), share))
    about = f"{'about ' if len(some) < rows else ''}{expected:.1%} of the rows would be rejected, or kept in part:\n"
    about += summarise_rejected([*file.rejected, *rejected], SHOWN)
    if least > params.max_rejected:
        found.stop("catalogue.max_rejected", f"{about}\n  More than {params.max_rejected:.1%}: mend them, or raise it.")
    else:
        found.remark("catalogue.images", about)


def _names(products: Sequence[Product], params: Any, found: Findings) -> None:
    # As below: rooms that import torch or gensim.
    from huse.text.cleaning import clean_names, describe_emptied, emptied_names  # noqa: PLC0415

    names = [product.name for product in products if product.name]
    emptied = emptied_names(names, clean_names(names, params))
    if emptied:
        tell = found.remark if params.allows(len(emptied), len(names)) else found.stop
        tell("preprocess_text", describe_emptied(emptied, len(names), params))


def _word_vectors(here: Run, params: Any, found: Findings) -> tuple[int, str] | None:
    """Return how many numbers a word has, and name and format of the set; None where that is not known yet."""
    from huse.text.word_files.reading import fingerprint_words, peek  # noqa: PLC0415
    from huse.text.word_files.source import find_source  # noqa: PLC0415

    if params.source == "catalogue":
        found.good("word_vectors.source", f"trained on the catalogue, {params.dimension} numbers a word")
        return int(params.dimension), "catalogue (trained on the catalogue)"
    with found.of("word_vectors.source"):
        try:
            source = find_source(params.source, here.root, download=False)
        except InputError:
            if not params.download or _is_url(params.source):
                raise
            found.good("word_vectors.source", f"{params.source}: the run fetches it")
            return None
        kind, dimension = peek(source)
        found.good("word_vectors.source", f"{source}: {kind}, {dimension} numbers a word")
        fingerprint = partial(fingerprint_words, source)
        refuse_changed(here, "word_vectors.source", params.source, source.path, fingerprint)
        return dimension, f"{source.name} ({kind})"
    return None


def _backbone(here: Run, params: Any, tuning: Any, found: Findings) -> None:
    from huse.encoders.given import read_given  # noqa: PLC0415
    from huse.vision.backbones import check_weights  # noqa: PLC0415
    from huse.vision.network_names import GIVEN  # noqa: PLC0415

    for number, (network, weights) in enumerate(params.networks, 1):
        part = f"{number}/config.json"
        if network.startswith(GIVEN):
            read = partial(read_given, column=params.given.column, root=here.root)
            name = network.removeprefix(GIVEN)
            _given(here, "backbone.network", read, found, value=params.network, name=name, part=part)
            continue
        with found.of("backbone.weights"):
            file = check_weights(network, weights, here.root)
            if file is not None:
                fingerprint = partial(fingerprint_file, file)
                refuse_changed(here, "backbone.weights", params.weights, file, fingerprint, part=part)
            found.good("backbone.weights", f"{file or 'random'}: {network}")
            if weights == "random":
                _random(tuning, found)


def _random(tuning: Any, found: Findings) -> None:
    """Say where fine-tuning is set for weights that have learned something."""
    told = ""
    if not tuning.epochs:
        told = "nothing trains them: set finetune_backbone.epochs above 0"
    elif tuning.head_epochs or tuning.layer_decay < 1:
        told = "fine-tuning is set for pretrained ones: set finetune_backbone.head_epochs to 0 and layer_decay to 1"
    if told:
        found.remark("backbone.weights", f"random, and {told}, or name a file of weights (docs/encoders.md)")


def _given(
    here: Run, parameter: str, read: Callable[[Path], Any], found: Findings, *, value: Any, name: str, part: str = ""
) -> None:
    with found.of(parameter):
        file = local(here.root, name)
        given = read(file)
        refuse_changed(here, parameter, value, file, lambda: given.fingerprint, part=part)
        found.good(parameter, f"{file}: {len(given.keys):,} vectors, {given.dimension} numbers each")


def _text_vectors(here: Run, params: Any, networks: Sequence[str], found: Findings) -> None:
    if "sentences" in params.encoders:
        _sentences(here, "text_vectors.sentences", params.sentences, found)
    if "pair" in params.encoders:
        _pair(here, "text_vectors.pair", params.pair, networks, found)
    if "given" in params.encoders:
        _given_texts(here, "text_vectors.given.file", params.given, found)


def _given_texts(here: Run, parameter: str, settings: Any, found: Findings) -> None:
    from huse.encoders.given import open_given  # noqa: PLC0415

    def read(file: Path) -> Any:
        return open_given(settings, here.root, ())

    _given(here, parameter, read, found, value=settings.file, name=settings.file or "")


def _pair(here: Run, parameter: str, settings: Any, networks: Sequence[str], found: Findings) -> None:
    from huse.encoders.model_folder import fingerprint_model  # noqa: PLC0415
    from huse.encoders.pair_texts import find_pair  # noqa: PLC0415

    with found.of(parameter):
        _, folder = find_pair(networks, here.root, parameter)
        refuse_changed(here, parameter, settings.model_dump(), folder, partial(fingerprint_model, folder))
        found.good(parameter, f"{folder}: reads texts")


def _label_graph(
    here: Run, params: Any, words: tuple[int, str] | None, networks: Sequence[str], found: Findings
) -> None:
    if params.encoder == "given":
        _given_texts(here, "label_graph.given.file", params.given, found)
    elif params.encoder == "pair":
        _pair(here, "label_graph.pair", params.pair, networks, found)
    elif params.encoder == "infersent" and params.weights != "random":
        _infersent(here, params, words, found)
    elif params.encoder == "sentences":
        _sentences(here, "label_graph.sentences", params.sentences, found)
    elif params.encoder == "use":
        from huse.encoders.use import PACKAGE, fingerprint_use  # noqa: PLC0415

        with found.of("label_graph.encoder"):
            fingerprint_use()
            found.good("label_graph.encoder", f"use: {PACKAGE} is installed")


def _sentences(here: Run, section: str, settings: Any, found: Findings) -> None:
    """Look at the folder of a model of sentences, without the library, which takes seconds to import."""
    from huse.encoders.model_folder import check_model, find_model, fingerprint_model  # noqa: PLC0415
    from huse.encoders.transformer import refuse_without_library  # noqa: PLC0415

    parameter = f"{section}.model"
    with found.of(parameter):
        refuse_without_library()
        try:
            folder = find_model(settings.model, here.root)
        except InputError:
            if not settings.download or _is_url(settings.model):
                raise
            found.good(parameter, f"{settings.model}: the run fetches it")
            return
        check_model(folder)
        refuse_changed(here, parameter, settings.model, folder, partial(fingerprint_model, folder))
        found.good(parameter, f"{settings.model}: {folder}")


def _is_url(named: str) -> bool:
    """Whether no library fetches it, whatever `download` says."""
    return "://" in named


def _infersent(here: Run, params: Any, words: tuple[int, str] | None, found: Findings) -> None:
    from huse.text.infersent import doubts, load_infersent  # noqa: PLC0415
    from huse.text.tokens import SENTENCE_MARKS  # noqa: PLC0415

    with found.of("label_graph.weights"):
        file = local(here.root, params.weights)
        expected = load_infersent(file).enc_lstm.input_size
        if words is not None and words[0] != expected:
            raise InputError(
                f"{file}: reads word vectors of {expected} numbers; word_vectors gives {words[0]}. Set "
                "word_vectors.source to those that the weights were trained with."
            )
        refuse_changed(here, "label_graph.weights", params.weights, file, partial(fingerprint_file, file))
        found.good("label_graph.weights", f"{file}: InferSent of word vectors of {expected} numbers")
        if words is not None:
            version = (
                params.infersent.version
            )  # whether the set has its marks, only the stage knows: it reads all of it
            for doubt in doubts(file.name, version, words[1], SENTENCE_MARKS[version]):
                found.remark("label_graph.weights", doubt)


def _starts(here: Run, starts: dict[str, str | None], found: Findings) -> None:
    """Look at the models of earlier runs that this one begins with."""
    from huse.run.earlier_model import read_earlier  # noqa: PLC0415  as above

    for parameter, start in starts.items():
        if start is not None:
            with found.of(parameter):
                classes = read_earlier(here.model(start))["classes"]
                found.good(parameter, f"{start}: a model of {len(classes):,} classes")


def _class_tree(here: Run, tree: str, classes: Sequence[str], found: Findings) -> None:
    from huse.evaluation.tree_file import read_tree  # noqa: PLC0415

    if here / tree != here / paths.CLASSES:
        with found.of("evaluate.tree"):
            read_tree(here / tree, [split_path(path) for path in classes])
            found.good("evaluate.tree", f"{here / tree}: has all {len(classes):,} classes")


def _method(sections: dict[str, Any], train: pd.DataFrame, found: Findings) -> None:
    from huse.run.fitting import check_method, check_pairs  # noqa: PLC0415

    with found.of("train.method"):
        check_method(sections["train"], sections["label_graph"].scheme)
        if len(train):
            check_pairs(sections["train"].method, train)
        found.good("train.method", sections["train"].method)


def _engine(machine: Machine, found: Findings) -> None:
    """Look whether what `machine.engine` names is installed and, at an address of its own, answers."""
    if machine.engine == "local":
        return
    with found.of("machine.engine"):
        open_engine(machine)  # imports it; it is not started
        from huse.engine.on_ray import refuse_unreachable  # noqa: PLC0415  an extra

        refuse_unreachable(machine, ANSWER)
        where = {None: "each stage starts a cluster", "auto": "of the cluster that this machine is in"}
        found.good("machine.engine", f"ray: {where.get(machine.address, f'{machine.address} answers')}")


def _disk(here: Run, wanted: int, found: Findings) -> None:
    free = shutil.disk_usage(here.root).free
    said = f"{free / 1e9:,.1f} GB free, of which a run may need {wanted / 1e9:,.1f}"
    (found.good if free > wanted else found.remark)("disk", said)
