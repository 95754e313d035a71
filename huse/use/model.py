"""A trained model, ready to use: encoders, towers, classes and fusion in one folder.

It computes what the stages compute for a picture or a name, by the same functions, and for a product of several what
the evaluation computes.

Letters: N items or products, D dimension of the shared space, K labels, C classes.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np

from huse.descent import Points, choose_points, read_points
from huse.encoders.contract import CONFIG, Encoder, ItemError, read_config, write_config
from huse.encoders.families import load_encoder
from huse.encoders.picture_input import Picture
from huse.errors import InputError
from huse.files import check_files
from huse.fusion import LogLinear, mean_direction, mean_scores
from huse.model.contract import MODALITIES, Modality, Towers
from huse.taxonomy import ClassTree
from huse.use.card import model_card
from huse.use.decisions import ClassProbability, Decision
from huse.use.folder import (
    CARD,
    ENCODERS,
    FORMAT,
    MORE,
    digests,
    fingerprint_model,
    load_towers,
    read_model_config,
    sealed,
)
from huse.use.items import (
    Errors,
    Floats,
    OneOrSeveral,
    Reporter,
    check_products,
    encode_items,
    raise_error,
    refuse_one,
    reporter,
    spread_rows,
)
from huse.use.reading import Reading, Rules
from huse.use.scores import Classes, Fusion

BATCH_SIZE = 32  # pictures


class Model:
    """A trained model; `huse.load` reads one, the stage `model` writes one.

    Attributes:
        network: vectors to embeddings and class scores.
        info: what the model was trained on, its metrics, versions and fingerprints; JSON.
        fingerprint: of a model that was loaded, over all its files; empty before it is saved.
    """

    def __init__(
        self,
        image_encoder: Encoder[Picture] | Path,
        text_encoder: Encoder[str] | Path,
        network: Towers,
        *,
        classes: Classes,
        fusion: Fusion,
        info: dict[str, Any],
        points: Points,
    ) -> None:
        self._encoders: dict[str, Encoder[Any] | Path] = {"image": image_encoder, "text": text_encoder}
        self.network = network
        self.info = info
        self.fingerprint = ""  # of one that was loaded, what its weights are known by
        self._more: dict[str, Any] = {}  # in the config, of an export alone
        self._rules = Rules(classes, fusion, points, ClassTree.of(classes.paths))

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
        return list(self._rules.classes.paths)

    @property
    def class_labels(self) -> list[list[int]]:
        """For each class, the numbers of its labels."""
        return self._rules.classes.labels

    @property
    def fusion(self) -> Fusion:
        """How scores become probabilities."""
        return self._rules.fusion

    @property
    def points(self) -> Points:
        """For pictures alone, names alone and both, where to stop in the class tree for a precision."""
        return self._rules.points

    @property
    def dimension(self) -> int:
        """D."""
        return self.network.dimension

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
        return self._embed("image", pictures, reporter(errors), batch_size)[0]

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
        return self._embed("text", texts, reporter(errors))[0]

    def read(
        self,
        images: Sequence[OneOrSeveral[Picture] | None] | None = None,
        texts: Sequence[OneOrSeveral[str] | None] | None = None,
        errors: Errors = "raise",
    ) -> Reading:
        """Read products once, to ask several things of them: embeddings, probabilities, classes, decisions.

        Args:
            images: N pictures, or lists of the pictures of a product, None for a product without; or None.
            texts: N names of the same products, None or an empty one for a product without; or None.
            errors: what to do with a picture or a name that cannot be used: ``raise``, or ``report`` it in
                `Reading.errors`.

        Raises:
            InputError: as `encode`.
        """
        return self._read(images, texts, raise_error if reporter(errors) is raise_error else lambda error: None)

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
        return self._read(images, texts, reporter(errors)).embeddings()

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
        return self._read(images, texts, reporter(errors)).probabilities()

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
        return self._read(images, texts, reporter(errors)).classify(top)

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
            errors: what to do with a picture or a name that cannot be used: ``raise``, or ``report`` it in `remarks`,
                and go by all else that the product has.

        Raises:
            InputError: the precision is not between 0 and 1, or as `encode`.
        """
        if precision is not None:
            choose_points({}, precision)  # a wrong one is told before anything is read
        return self.read(images, texts, errors).decide(precision)

    def _read(self, images: Sequence[Any] | None, texts: Sequence[Any] | None, report: Reporter) -> Reading:
        for items in (images, texts):
            refuse_one(items)
        if texts is not None:  # an empty name is none, as in the catalogue
            texts = [None if isinstance(text, str) and not text.strip() else text for text in texts]
        found: list[ItemError] = []

        def note(error: ItemError) -> None:
            found.append(error)
            report(error)

        check_products(images, texts, note)
        given = {
            modality: items for modality, items in zip(MODALITIES, (images, texts), strict=True) if items is not None
        }
        parts = {modality: self._embed(modality, items, note, optional=True) for modality, items in given.items()}
        failed = [
            np.isnan(parts[modality][0]).any(axis=1) & np.array([item is not None for item in items], dtype=bool)
            for modality, items in given.items()
        ]
        return Reading(parts, np.any(failed, axis=0), found, self._rules)

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
        refuse_one(items)
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
        encode_items(encode, every, vectors, entries, batch_size=batch_size or len(every), report=report)
        sound = ~np.isnan(vectors).any(axis=1)
        embeddings = np.full((len(every), self.dimension), np.nan, np.float32)
        scores = np.full((len(every), self.network.labels), np.nan, np.float32)
        if sound.any():
            embeddings[sound], scores[sound] = self.network.embed_arrays(modality, vectors[sound])
        if len(every) == len(items) and [] not in several:
            return embeddings, scores
        places, products = np.unique(entries, return_inverse=True)
        if len(places) < len(every):
            embeddings, scores = mean_direction(embeddings, products), mean_scores(scores, products)
        return spread_rows(embeddings, places, len(items)), spread_rows(scores, places, len(items))

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
        self.network.save_in(folder)
        for modality, name in ENCODERS.items():
            (folder / name).mkdir()
            self._encoder(modality).save(folder / name)
        (folder / CARD).write_text(model_card(self.info, self.classes, self.dimension), encoding="utf-8")
        write_config(folder, sealed({**self.description(), "sha256": digests(folder)}))

    def description(self) -> dict[str, Any]:
        """Return what stands in the config of a model but for the files: classes, fusion, points and info; JSON."""
        return {
            "format": FORMAT,
            "classes": self._rules.classes.paths,
            "class_labels": self._rules.classes.labels,
            "fusion": {**vars(self.fusion.log_linear), "average": self.fusion.average},
            "points": {kind: list(map(asdict, points)) for kind, points in self.points.items()},
            "info": self.info,
            **self._more,
        }

    def computed_by(
        self, image_encoder: Encoder[Picture], text_encoder: Encoder[str], network: Towers, more: dict[str, Any]
    ) -> "Model":
        """Return this model with other things that compute the same.

        Args:
            image_encoder: gives the same vectors of pictures.
            text_encoder: gives the same vectors of names.
            network: gives the same embeddings and scores.
            more: what an export says of itself; JSON by `MORE`.
        """
        model = Model(
            image_encoder,
            text_encoder,
            network,
            classes=self._rules.classes,
            fusion=self.fusion,
            info=self.info,
            points=self.points,
        )
        model.fingerprint, model._more = self.fingerprint, more
        return model

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote; see `huse.load`."""
        place = Path(folder)
        content = read_model_config(place)
        check_files(place, content["sha256"], CONFIG)
        fusion = dict(content["fusion"])
        try:
            average = fusion.pop("average")
            fused, points = Fusion(LogLinear(**fusion), average), read_points(content["points"])
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{place / CONFIG}: does not describe a model ({error}). Copy the folder again.") from None
        model = cls(
            place / ENCODERS["image"],
            place / ENCODERS["text"],
            load_towers(place, content),
            classes=Classes(content["classes"], content["class_labels"]),
            fusion=fused,
            info=content["info"],
            points=points,
        )
        model.fingerprint = fingerprint_model(content)
        model._more = {key: content[key] for key in MORE if key in content}
        for modality, name in ENCODERS.items():
            found, features = (
                read_config(place / name, ("family", "dimension"))["dimension"],
                model.network.features(modality),
            )
            if found != features:
                raise InputError(
                    f"{place}: the {modality} encoder gives {found} numbers, the tower reads {features}. They are of "
                    "different models; copy the whole folder."
                )
        return model
