"""An encoder of pictures: a network of any family, without its classifier.

Letters: N pictures, S pixels a side of the network's input, D values a vector.
"""

import copy
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor, nn

from huse.encoders.contract import CONFIG, ItemError, read_config, write_config
from huse.engine.cores import cores
from huse.engine.devices import DTYPES, Dtype
from huse.errors import InputError
from huse.settings import Settings
from huse.vision.augmentation import Augmentation
from huse.vision.backbones import Backbone, BackboneSettings, restore_backbone
from huse.vision.conversion import to_rgb, turn_upright
from huse.vision.decoding import read_picture
from huse.vision.geometry import Geometry, Interpolation, Pixels, fit, needed_side, share_of
from huse.vision.network_input import check_size, normalise, upload
from huse.vision.picture_error import PictureError
from huse.vision.preparing import Preparation

Picture = str | Path | bytes | Image.Image | npt.NDArray[np.uint8]

WEIGHTS = "weights.safetensors"
FIT = {"geometry", "size", "share", "interpolation"}  # how a picture becomes a square


class Encoding(Settings):
    """How a network encodes pictures.

    Attributes:
        geometry: a key of `huse.vision.geometry.GEOMETRIES`.
        size: S.
        max_pixels: width × height of the largest picture that is decoded.
        share: of the resized side that is seen; see `huse.vision.geometry.fit`.
        interpolation: of resizing.
        flip: whether a vector is the mean of those of the picture and of its mirror image.
        dtype: of its arithmetic; see `huse.engine.devices.resolve_dtype`.
        batch_size: pictures that go through it together.
    """

    geometry: Geometry
    size: int = Field(gt=0)
    max_pixels: int = Field(gt=0)
    share: float | None = Field(default=None, gt=0, le=1)
    interpolation: Interpolation = "bilinear"
    flip: bool = False
    dtype: Dtype = "float32"
    batch_size: int = Field(default=32, gt=0)

    @classmethod
    def of(cls, settings: BackboneSettings, backbone: Backbone, max_pixels: int) -> Self:
        """Return how pictures are encoded by settings; where these say nothing, as the backbone was made for."""
        own = backbone.made_for
        geometry = settings.geometry or own.geometry
        return cls(
            geometry=geometry,
            size=settings.size or own.size,
            max_pixels=max_pixels,
            share=settings.crop or (own.crop if geometry == own.geometry else share_of(geometry, None)),
            interpolation=settings.interpolation or own.interpolation,
        )


@dataclass(frozen=True)
class NetworkEncoder:
    """A backbone ready to encode pictures.

    Attributes:
        backbone: as it was read, float32.
        network: its copy in the dtype of the encoding, channels last, on `device`.
        encoding: how it encodes.
        device: where the network is.
    """

    family: ClassVar[str] = "network"

    backbone: Backbone
    network: nn.Module
    encoding: Encoding
    device: torch.device

    @classmethod
    def of(cls, backbone: Backbone, encoding: Encoding, device: torch.device) -> Self:
        """Make a backbone, which is not changed, ready to encode.

        Raises:
            InputError: the backbone does not take the size.
        """
        check_size(backbone, encoding.size)
        network = copy.deepcopy(backbone.module).eval()
        network = network.to(device, DTYPES[encoding.dtype], memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(backbone, network, encoding, device)

    def changed(self, device: torch.device, **encoding: Any) -> Self:
        """Return a copy on another device that encodes in another way.

        Args:
            device: to compute on.
            encoding: changes of the attributes of `Encoding`.
        """
        return self.of(self.backbone, self.encoding.changed(**encoding), device)

    @property
    def dimension(self) -> int:
        """D."""
        return self.backbone.dimension

    @property
    def fingerprint(self) -> dict[str, str | int]:
        """What determines the vectors on this machine, apart from the prepared pictures."""
        return {
            "backbone": self.backbone.name,
            **self.backbone.fingerprint,
            **self.encoding.model_dump(exclude={"max_pixels"}),
            "device": self.device.type,
            "torch": torch.__version__,
        }

    @property
    def config(self) -> dict[str, Any]:
        """See `huse.encoders.contract.Encoder`."""
        backbone = self.backbone
        return {
            "family": self.family,
            "backbone": backbone.name,
            "options": dict(backbone.options),
            "origin": backbone.origin,
            "dimension": self.dimension,
            **self.encoding.model_dump(),
        }

    @torch.inference_mode()
    def encode_pixels(self, pixels: Pixels, *, filled: bool = True) -> Tensor:
        """Encode a batch.

        Args:
            pixels: n × S × S × 3 uint8, n ≤ `encoding.batch_size`.
            filled: fill a smaller batch up with black pictures. Rounding depends on the batch size; so a vector does
                not depend on how many others are computed with it.

        Returns:
            n × D float32 on `device`; a GPU may still be computing them.
        """
        batch, missing = pixels, self.encoding.batch_size - len(pixels)
        if filled and missing > 0:
            batch = np.concatenate([pixels, np.zeros((missing, *pixels.shape[1:]), np.uint8)])
        inputs = normalise(upload(batch, self.device), self.backbone.made_for).to(DTYPES[self.encoding.dtype])
        vectors: Tensor = self.network(inputs).float()
        if self.encoding.flip:
            vectors = (vectors + self.network(inputs.flip(3)).float()) / 2
        return vectors[: len(pixels)]

    def encode(self, items: Sequence[Picture]) -> npt.NDArray[np.float32]:
        """Encode pictures to the same bits as the stage `image_vectors`.

        Exception: in float32 a single incomplete batch is not filled up, so that one picture takes the time of one. Its
        vectors then differ by about 2e-7.

        Args:
            items: N pictures: each a path, the content of a file, a PIL image or H × W × 3 uint8.

        Returns:
            N × D float32.

        Raises:
            ItemError: a picture cannot be read; names the first.
        """
        vectors = np.empty((len(items), self.dimension), np.float32)
        filled = self.encoding.dtype != "float32" or len(items) > self.encoding.batch_size
        for start, pixels in self._batches(items):
            vectors[start : start + len(pixels)] = self.encode_pixels(pixels, filled=filled).cpu().numpy()
        return vectors

    def preparation(self, augmentation: Augmentation, seed: int, size: int | None = None) -> Preparation:
        """Return how pictures on disk become the network's input.

        Args:
            augmentation: of views.
            seed: of views.
            size: in place of S.
        """
        how = self.encoding.model_dump(include={*FIT, "max_pixels"})
        return Preparation(**{**how, "size": size or self.encoding.size}, augmentation=augmentation, seed=seed)

    def prepare(self, picture: Picture) -> Pixels:
        """Read a picture and fit it to the network's input.

        Returns:
            S × S × 3 uint8.

        Raises:
            PictureError: it cannot be read; the message says why, not which picture.
        """
        return fit(self._read(picture), **self.encoding.model_dump(include=FIT))

    def _read(self, picture: Picture) -> Image.Image:
        if isinstance(picture, np.ndarray):
            if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
                found = " × ".join(map(str, picture.shape))
                raise PictureError(f"expected an array of H × W × 3 uint8, found {found} {picture.dtype}")
            return Image.fromarray(picture)
        if isinstance(picture, Image.Image):
            return turn_upright(picture, to_rgb(picture)[0])[0]
        if not isinstance(picture, str | Path | bytes):
            raise PictureError(f"expected a path, bytes, a PIL image or an array, found {type(picture).__name__}")
        source = Path(picture) if isinstance(picture, str) else picture
        return read_picture(
            source, self.encoding.max_pixels, shorter_side=needed_side(self.encoding.size, self.encoding.share)
        )

    def _batches(self, items: Sequence[Picture]) -> Iterator[tuple[int, Pixels]]:
        """Yield batches of pixels with the number of their first picture, prepared one batch ahead."""
        with ThreadPoolExecutor(cores()) as pool:

            def submit(start: int) -> Iterator[Pixels | PictureError]:
                return pool.map(self._prepare, items[start : start + self.encoding.batch_size])

            ahead = submit(0)
            for start in range(0, len(items), self.encoding.batch_size):
                batch, ahead = list(ahead), submit(start + self.encoding.batch_size)
                for number, pixels in enumerate(batch, start):
                    if isinstance(pixels, PictureError):
                        name = str(items[number]) if isinstance(items[number], str | Path) else ""
                        raise ItemError(number, "picture", str(pixels), name)
                yield start, np.stack(batch)  # type: ignore[arg-type]  # only arrays are left

    def _prepare(self, picture: Picture) -> Pixels | PictureError:
        try:
            return self.prepare(picture)
        except PictureError as error:
            return error

    def save(self, folder: Path) -> None:
        """See `huse.encoders.contract.Encoder`."""
        state = self.backbone.module.state_dict()
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / WEIGHTS)
        write_config(folder, self.config)

    @classmethod
    def load(cls, folder: Path, device: torch.device | None = None) -> Self:
        """See `huse.encoders.contract.Encoder`.

        Args:
            folder: of the encoder.
            device: to compute on; None: the CPU.
        """
        config = read_config(folder, ("backbone", "options", "origin", *Encoding.model_fields))
        try:
            encoding = Encoding(**{name: config[name] for name in Encoding.model_fields})
            backbone = restore_backbone(config["backbone"], folder / WEIGHTS, config["origin"], config["options"])
        except (ValueError, KeyError, TypeError) as error:
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"{folder / CONFIG}: does not describe an encoder of pictures ({reason}). Copy the folder again."
            ) from None
        return cls.of(backbone, encoding, device or torch.device("cpu"))
