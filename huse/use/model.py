"""A trained model, ready to use: encoders, towers, classes and fusion in one folder.

It computes what the stages compute for a picture or a name, by the same functions, and for a product of several what
the evaluation computes.

Letters: N items or products, D dimension of the shared space, K labels, C classes.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from huse.descent import Kinds, Point, Points, choose_points, descend, hedge, kinds_of, read_points
from huse.encoders.contract import CONFIG, Encoder, ItemError, read_config, write_config
from huse.encoders.families import load_encoder
from huse.encoders.network import Picture
from huse.errors import InputError
from huse.files import fingerprint_file
from huse.fusion import LogLinear, class_probabilities, mean_direction, mean_scores, temper
from huse.model.network import MODALITIES, Modality, Network
from huse.taxonomy import LEVEL_SEPARATOR, ClassTree
from huse.use.card import model_card

FORMAT = 3  # of the folder; raise it when an older reader would misread a new folder
CARD = "README.md"
TOWERS, TOWERS_CONFIG = "towers.safetensors", "towers.json"
IMAGE_ENCODER, TEXT_ENCODER = "image_encoder", "text_encoder"

Errors = Literal["raise", "report"]
Item = TypeVar("Item")
OneOrSeveral: TypeAlias = Item | Sequence[Item]
Floats = npt.NDArray[np.float32]
Reporter: TypeAlias = Callable[[ItemError], None]

BATCH_SIZE = 32  # pictures


class ClassProbability(NamedTuple):
    """A class and its probability."""

    class_path: str
    probability: float


@dataclass(frozen=True)
class Decision:
    """What the model makes of a product; empty texts and None where it has nothing to go by.

    Attributes:
        class_path: the most probable class by all that the product has.
        probability: of it.
        second: the next class; empty where the model has only one.
        second_probability: of it.
        by_picture: the most probable class by the pictures alone.
        by_name: by the names alone.
        node: how far down the tree the model is sure, such as ``shoes`` of ``shoes<boots``; empty: nowhere. Where no
            precision is asked for, the class.
        node_probability: the sum over the classes at and below the node.
        remark: which pictures or names were left out, and why.
    """

    class_path: str = ""
    probability: float | None = None
    second: str = ""
    second_probability: float | None = None
    by_picture: str = ""
    by_name: str = ""
    node: str = ""
    node_probability: float | None = None
    remark: str = ""

    @property
    def agree(self) -> bool | None:
        """Whether picture and name say the same class; None where one of them says none."""
        return self.by_picture == self.by_name if self.by_picture and self.by_name else None


@dataclass(frozen=True)
class Classes:
    """The classes that the model knows.

    Attributes:
        paths: C class paths, such as ``beauty<makeup<lipstick``, sorted.
        labels: for each class, the numbers of its labels.
    """

    paths: list[str]
    labels: list[list[int]]


@dataclass(frozen=True)
class Fusion:
    """How scores become probabilities, chosen on the validation split.

    Attributes:
        log_linear: temperatures of both modalities, and the weight in the sum of their logarithms.
        average: weight of the image scores if the plain weighted average was better on validation; else None.
    """

    log_linear: LogLinear
    average: float | None

    def scores(self, image: Floats | None, text: Floats | None) -> Floats:
        """Return N × K scores fused from both modalities; those of one alone are calibrated by its temperature.

        Of an item with a row of NaN in one modality, they are those of the other.
        """
        if image is None or text is None:
            temperature = self.log_linear.image_temperature if text is None else self.log_linear.text_temperature
            alone = text if image is None else image
            if alone is None:
                raise InputError("expected images, texts or both, found neither.")
            return temper(alone, temperature)
        if self.average is None:
            return self.log_linear.scores(image, text)
        return self.log_linear.average(image, text, self.average)


class Model:
    """A trained model; `huse.load` reads one, the stage `model` writes one.

    Attributes:
        network: vectors to embeddings and class scores.
        info: what the model was trained on, its metrics, versions and fingerprints; JSON.
        points: for pictures alone, names alone and both, where to stop in the class tree for a precision.
        fingerprint: of a model that was loaded, over all its files; empty before it is saved.
    """

    def __init__(
        self,
        image_encoder: Encoder[Picture] | Path,
        text_encoder: Encoder[str] | Path,
        network: Network,
        *,
        classes: Classes,
        fusion: Fusion,
        info: dict[str, Any],
        points: Points,
    ) -> None:
        self._encoders: dict[str, Encoder[Any] | Path] = {"image": image_encoder, "text": text_encoder}
        self.network = network.eval()
        self.info = info
        self.points = points
        self.fingerprint = ""  # of one that was loaded, what its weights are known by
        self._classes = classes
        self._fusion = fusion
        self._tree = ClassTree.of(classes.paths)

    @property
    def image_encoder(self) -> Encoder[Picture]:
        """Pictures to vectors; of a model that was loaded it is read at its first use, as is the other one."""
        return self._encoder("image")

    @property
    def text_encoder(self) -> Encoder[str]:
        """Names to vectors."""
        return self._encoder("text")

    @property
    def classes(self) -> list[str]:
        """The C class paths, sorted."""
        return list(self._classes.paths)

    @property
    def dimension(self) -> int:
        """D."""
        return int(self.network.architecture.settings.dimension)

    def knows(self, modality: Modality) -> bool:
        """Whether the model has learned from any picture (`image`), or any name (`text`)."""
        return bool(self.info.get("learned_from", {}).get(modality) != 0)

    def __repr__(self) -> str:
        return f"huse.Model({len(self.classes)} classes, {self.dimension} dimensions, {self.info['method']})"

    def encode_images(
        self, pictures: Sequence[OneOrSeveral[Picture]], batch_size: int = BATCH_SIZE, errors: Errors = "raise"
    ) -> Floats:
        """Embed pictures, or products by their pictures.

        Args:
            pictures: N: each a path, the content of a file, a PIL image or an H × W × 3 uint8 array; or a list of these
                for a product of several pictures, which gets the mean of their embeddings, scaled to unit norm.
            batch_size: pictures held in memory at a time; affects embeddings by rounding only.
            errors: what to do with a picture that cannot be read: ``raise``, or ``report`` a warning and go by the
                product's other pictures; without any, return NaN.

        Returns:
            N × D float32, unit norm.

        Raises:
            InputError: a picture cannot be read; names it.
        """
        return self._embed("image", pictures, _reporter(errors), batch_size)[0]

    def encode_texts(self, texts: Sequence[OneOrSeveral[str]], errors: Errors = "raise") -> Floats:
        """Embed names.

        Args:
            texts: N names, as they would stand in a catalogue; or lists of them, as of pictures.
            errors: what to do with an item that is no text, as in `encode_images`. A name without a known word is no
                error: it gets an embedding without meaning.

        Returns:
            N × D float32, unit norm.

        Raises:
            InputError: an item is no text; names it.
        """
        return self._embed("text", texts, _reporter(errors))[0]

    def encode(
        self,
        images: Sequence[OneOrSeveral[Picture] | None] | None = None,
        texts: Sequence[OneOrSeveral[str] | None] | None = None,
        errors: Errors = "raise",
    ) -> Floats:
        """Embed products for search: by pictures, by names, or by both.

        Given both, returns the mean of the two embeddings, scaled to unit norm; see `mean_direction`. All pictures of a
        product together count as much as its name.

        Args:
            images: N pictures, or lists of the pictures of a product, None for a product without; or None.
            texts: N names of the same products, None or an empty one for a product without; or None.
            errors: as in `encode_images`; a row is NaN where either fails.

        Returns:
            N × D float32, unit norm.

        Raises:
            InputError: neither is given, their lengths differ, or as `encode_images`.
        """
        parts, failed = self._parts(images, texts, _reporter(errors))
        embeddings = [embeddings for embeddings, _ in parts.values()]
        if len(embeddings) == 1:
            return embeddings[0]
        combined = mean_direction(np.concatenate(embeddings), np.tile(np.arange(len(failed)), 2))
        combined[failed] = np.nan
        return combined

    def class_probabilities(
        self,
        images: Sequence[OneOrSeveral[Picture] | None] | None = None,
        texts: Sequence[OneOrSeveral[str] | None] | None = None,
        errors: Errors = "raise",
    ) -> Floats:
        """Return the calibrated probability of every class, fused as was best on the validation split.

        The scores of the pictures of a product are averaged, then fused with those of its name.

        Args:
            images: N pictures, or lists of the pictures of a product, None for a product without; or None.
            texts: N names of the same products, None or an empty one for a product without; or None.
            errors: as in `encode`.

        Returns:
            N × C float32 in the order of `classes`; rows add up to 1.

        Raises:
            InputError: as `encode`.
        """
        parts, failed = self._parts(images, texts, _reporter(errors))
        probabilities = self._probabilities(*(parts[name][1] if name in parts else None for name in MODALITIES))
        probabilities[failed] = np.nan
        return probabilities

    def _probabilities(self, image: Floats | None, text: Floats | None) -> Floats:
        return class_probabilities(self._fusion.scores(image, text), self._classes.labels)

    def classify(
        self,
        images: Sequence[OneOrSeveral[Picture] | None] | None = None,
        texts: Sequence[OneOrSeveral[str] | None] | None = None,
        top: int = 5,
        errors: Errors = "raise",
    ) -> list[list[ClassProbability]]:
        """Return the most probable classes of every product, the most probable first; see `class_probabilities`.

        Args:
            images: N pictures, or lists of the pictures of a product, None for a product without; or None.
            texts: N names of the same products, None or an empty one for a product without; or None.
            top: classes of each product; all where there are fewer.
            errors: as in `encode`; a product that fails gets an empty list.

        Raises:
            InputError: as `encode`.
        """
        if top < 1:
            raise InputError(f"top: expected at least 1, found {top}.")
        probabilities = self.class_probabilities(images, texts, errors)
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
        return [
            []
            if np.isnan(row).any()
            else [ClassProbability(self._classes.paths[place], float(row[place])) for place in places]
            for row, places in zip(probabilities, order, strict=True)
        ]

    def decide(
        self,
        images: Sequence[OneOrSeveral[Picture] | None] | None = None,
        texts: Sequence[OneOrSeveral[str] | None] | None = None,
        precision: float | None = None,
        errors: Errors = "raise",
    ) -> list[Decision]:
        """Decide on the class of every product, and how far down the class tree that is sure.

        With a precision, `Decision.node` is where the way from the root stops, always to the most probable child, by
        the thresholds whose answers had this precision on the validation split: for pictures alone, for names alone or
        for both, by what a product has. It need not lie above the class; see `huse.descent.descend`.

        Args:
            images: N pictures, or lists of the pictures of a product, None for a product without; or None.
            texts: N names of the same products, None or an empty one for a product without; or None.
            precision: wanted share of right nodes among those that are not empty, between 0 and 1; None: the node is
                the class, with its probability.
            errors: what to do with a picture or a name that cannot be used: ``raise``, or ``report`` it in `remark`,
                and go by all else that the product has.

        Raises:
            InputError: the precision is not between 0 and 1, or as `encode`.
        """
        chosen = None if precision is None else choose_points(self.points, precision)
        remarks: dict[int, list[str]] = {}

        def note(error: ItemError) -> None:
            remarks.setdefault(error.number, []).append(f"{error.kind} left out, {error.reason}")

        parts, _ = self._parts(images, texts, _raise if _reporter(errors) is _raise else note)
        image, text = (parts[name][1] if name in parts else None for name in MODALITIES)
        probabilities = self._probabilities(image, text)
        nothing = [""] * len(probabilities)
        by_picture = nothing if image is None else self._best(self._probabilities(image, None))
        by_name = nothing if text is None else self._best(self._probabilities(None, text))
        kinds = kinds_of(np.array(by_picture) != "", np.array(by_name) != "")
        known = np.flatnonzero(~np.isnan(probabilities[:, 0]))
        fused = dict(zip(known.tolist(), self._by_all(probabilities[known], kinds[known], chosen), strict=True))
        return [
            Decision(
                **fused.get(number, {}),
                by_picture=by_picture[number],
                by_name=by_name[number],
                remark="; ".join(remarks.get(number, ())),
            )
            for number in range(len(probabilities))
        ]

    def _by_all(
        self, probabilities: Floats, kinds: Kinds, chosen: Mapping[str, Point | None] | None
    ) -> list[dict[str, Any]]:
        """Return the fields of a `Decision` that N × C probabilities tell, for each of N products."""
        paths, order = self._classes.paths, np.argsort(-probabilities, axis=1, kind="stable")
        descent = descend(probabilities, self._tree)
        depths = descent.classes * 0 if chosen is None else hedge(descent, kinds, chosen)
        decided = []
        for row, places, way, sums, depth in zip(
            probabilities, order, descent.classes, descent.probabilities, depths.tolist(), strict=True
        ):
            fields = {"class_path": paths[places[0]], "probability": float(row[places[0]])}
            if len(paths) > 1:
                fields |= {"second": paths[places[1]], "second_probability": float(row[places[1]])}
            if chosen is None:
                fields |= {"node": fields["class_path"], "node_probability": fields["probability"]}
            elif depth:
                node = LEVEL_SEPARATOR.join(self._tree.paths[way][:depth])
                fields |= {"node": node, "node_probability": float(sums[depth - 1])}
            decided.append(fields)
        return decided

    def _best(self, probabilities: Floats) -> list[str]:
        """Return the most probable class of each of N × C rows; empty for a row of NaN."""
        known = ~np.isnan(probabilities[:, 0])
        return [
            self._classes.paths[row.argmax()] if is_known else ""
            for row, is_known in zip(probabilities, known, strict=True)
        ]

    def _parts(
        self, images: Sequence[Any] | None, texts: Sequence[Any] | None, report: Reporter
    ) -> tuple[dict[Modality, tuple[Floats, Floats]], npt.NDArray[np.bool_]]:
        """Return embeddings and scores of each modality that is given, and for which of N products an item failed."""
        for items in (images, texts):
            _refuse_one(items)
        if texts is not None:  # an empty name is none, as in the catalogue
            texts = [None if isinstance(text, str) and not text.strip() else text for text in texts]
        _check_products(images, texts, report)
        given = {
            modality: items for modality, items in zip(MODALITIES, (images, texts), strict=True) if items is not None
        }
        parts = {modality: self._embed(modality, items, report, optional=True) for modality, items in given.items()}
        failed = [
            np.isnan(parts[modality][0]).any(axis=1) & np.array([item is not None for item in items], dtype=bool)
            for modality, items in given.items()
        ]
        return parts, np.any(failed, axis=0)

    def _embed(
        self,
        modality: Modality,
        items: Sequence[Any],
        report: Reporter,
        batch_size: int | None = None,
        *,
        optional: bool = False,
    ) -> tuple[Floats, Floats]:
        """Return N × D embeddings and N × K scores; rows of NaN where every item of an entry fails.

        With `optional`, an entry may be None, and its rows are NaN.
        """
        _refuse_one(items)
        if batch_size is not None and batch_size < 1:
            raise InputError(f"batch_size: expected at least 1, found {batch_size}.")
        kind = "picture" if modality == "image" else "text"
        given = any(item is not None for item in items)
        if given and not self.knows(modality):
            known = "names" if modality == "image" else "pictures"
            raise InputError(f"the model has learned from no {kind}s, so these mean nothing to it. Give {known} alone.")
        several = [list(item) if isinstance(item, list | tuple) else [item] for item in items]
        if [] in several:
            raise ItemError(several.index([]), kind, "expected one or several, found an empty list")
        several = [[] if optional and item is None else those for item, those in zip(items, several, strict=True)]
        every = [item for those in several for item in those]
        entries = np.repeat(np.arange(len(items)), [len(those) for those in several])
        encode = self.image_encoder.encode if modality == "image" else self._texts
        vectors = np.full((len(every), self._encoder(modality).dimension), np.nan, np.float32)
        _encode(encode, every, vectors, entries, batch_size=batch_size or len(every), report=report)
        sound = ~np.isnan(vectors).any(axis=1)
        embeddings = np.full((len(every), self.dimension), np.nan, np.float32)
        scores = np.full((len(every), self.network.architecture.labels), np.nan, np.float32)
        if sound.any():
            device = next(self.network.parameters()).device
            found = self.network.embed(modality, torch.from_numpy(vectors[sound]).to(device))
            embeddings[sound], scores[sound] = (part.cpu().numpy() for part in found)
        places, products = np.unique(entries, return_inverse=True)
        if len(places) < len(every):
            embeddings, scores = mean_direction(embeddings, products), mean_scores(scores, products)
        return _spread(embeddings, places, len(items)), _spread(scores, places, len(items))

    def _encoder(self, modality: Modality) -> Encoder[Any]:
        encoder = self._encoders[modality]
        if isinstance(encoder, Path):
            encoder = self._encoders[modality] = load_encoder(encoder)
        return encoder

    def _texts(self, texts: Sequence[Any]) -> Floats:
        for number, text in enumerate(texts):
            if not isinstance(text, str):
                raise ItemError(number, "text", f"expected a text, found {type(text).__name__}")
        return self.text_encoder.encode(texts)

    def save(self, folder: Path) -> None:
        """Write the model into a folder, which exists and is empty.

        Args:
            folder: gets ``config.json``, the towers, a folder for each encoder and the model card ``README.md``.
        """
        self.network.save(folder / TOWERS, folder / TOWERS_CONFIG, {})
        for name, encoder in ((IMAGE_ENCODER, self.image_encoder), (TEXT_ENCODER, self.text_encoder)):
            (folder / name).mkdir()
            encoder.save(folder / name)
        (folder / CARD).write_text(model_card(self.info, self.classes, self.dimension), encoding="utf-8")
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CARD)
        content = {
            "format": FORMAT,
            "classes": self._classes.paths,
            "class_labels": self._classes.labels,
            "fusion": {**vars(self._fusion.log_linear), "average": self._fusion.average},
            "points": {kind: list(map(asdict, points)) for kind, points in self.points.items()},
            "info": self.info,
            "sha256": {path.relative_to(folder).as_posix(): fingerprint_file(path) for path in files},
        }
        write_config(folder, content)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote; see `huse.load`."""
        place = Path(folder)
        content = _read_config(place)
        for name, digest in content["sha256"].items():
            file = place / name
            if ".." in Path(name).parts or Path(name).is_absolute():
                raise InputError(f"{place / CONFIG}: names a file outside the folder: {name}. Get the model again.")
            if not file.is_file():
                raise InputError(f"{file}: not found. A part of the model is missing; copy the whole folder.")
            if fingerprint_file(file) != digest:
                raise InputError(f"{file}: not the file that {CONFIG} describes. Copy the whole folder again.")
        fusion = dict(content["fusion"])
        average = fusion.pop("average")
        model = cls(
            place / IMAGE_ENCODER,
            place / TEXT_ENCODER,
            Network.load(place / TOWERS, place / TOWERS_CONFIG),
            classes=Classes(content["classes"], content["class_labels"]),
            fusion=Fusion(LogLinear(**fusion), average),
            info=content["info"],
            points=read_points(content["points"]),
        )
        model.fingerprint = hashlib.sha256(json.dumps(content["sha256"], sort_keys=True).encode()).hexdigest()
        shape = model.network.architecture
        for modality, name, features in (
            ("image", IMAGE_ENCODER, shape.image_features),
            ("text", TEXT_ENCODER, shape.text_features),
        ):
            found = read_config(place / name, ("family", "dimension"))["dimension"]
            if found != features:
                raise InputError(
                    f"{place}: the {modality} encoder gives {found} numbers, the tower reads {features}. They are of "
                    "different models; copy the whole folder."
                )
        return model


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder. Expected a model, such as data/model after `dvc repro`.")
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = content["format"]
        missing = [
            key for key in ("classes", "class_labels", "fusion", "points", "info", "sha256") if key not in content
        ]
    except FileNotFoundError:
        raise InputError(f"{path}: not found. Expected the folder of a model, such as data/model.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: does not describe a model ({error}). Copy the folder again.") from None
    if found != FORMAT:
        raise InputError(f"{path}: expected a model of format {FORMAT}, found {found}. Use the version that made it.")
    if missing:
        raise InputError(f"{path}: expected the keys {', '.join(missing)}. Copy the folder again.")
    return content


def _refuse_one(items: Sequence[Any] | None) -> None:
    if isinstance(items, str | bytes | Path) or (items is not None and not hasattr(items, "__len__")):
        one = items if isinstance(items, str | Path) else type(items).__name__
        raise InputError(f"expected a list of items, found one ({one}). Put it into a list.")


def _spread(rows: Floats, places: npt.NDArray[np.int64], count: int) -> Floats:
    """Return `count` rows, these at their places and NaN elsewhere."""
    if len(rows) == count:
        return rows
    spread = np.full((count, rows.shape[1]), np.nan, np.float32)
    spread[places] = rows
    return spread


def _reporter(errors: Errors) -> Reporter:
    """Return what is called with an item that fails."""
    if errors not in REPORTERS:
        raise InputError(f"errors: expected {' or '.join(REPORTERS)}, found {errors!r}.")
    return REPORTERS[errors]


def _raise(error: ItemError) -> None:
    raise error from None


def _warn(error: ItemError) -> None:
    logging.warning("left out: %s", error)


REPORTERS: dict[str, Reporter] = {"raise": _raise, "report": _warn}


def _check_products(images: Sequence[Any] | None, texts: Sequence[Any] | None, report: Reporter) -> None:
    if images is None and texts is None:
        raise InputError("expected images, texts or both, found neither.")
    if images is not None and texts is not None and len(images) != len(texts):
        raise InputError(f"expected as many images as texts, found {len(images)} and {len(texts)}.")
    given = [items for items in (images, texts) if items is not None]
    for number, product in enumerate(zip(*given, strict=True)):
        if all(item is None for item in product):
            report(ItemError(number, "product", "expected a picture or a name, found neither"))


def _encode(
    encode: Callable[[Sequence[Item]], Floats],
    items: Sequence[Item],
    vectors: Floats,
    entries: npt.NDArray[np.int64],
    *,
    batch_size: int,
    report: Reporter,
) -> None:
    """Encode items in batches.

    Args:
        encode: N items to N × D float32.
        items: N.
        vectors: N × D float32 to write to; rows of items that fail are left as they are.
        entries: N numbers by which errors name the items.
        batch_size: items at a time.
        report: called with each item that fails.
    """
    start = 0
    while start < len(items):
        end = start + batch_size
        try:
            vectors[start:end] = encode(items[start:end])
            start = end
        except ItemError as error:
            report(error.after(int(entries[start + error.number]) - error.number))
            end = start + error.number
            if error.number:
                vectors[start:end] = encode(items[start:end])
            start = end + 1
