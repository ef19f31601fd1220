"""What came of upscaling an image file."""

import dataclasses

from keras_affsr.upscale.upscaled import Upscaled


@dataclasses.dataclass(frozen=True, eq=False)
class UpscaledFile(Upscaled):
    """`Upscaled` with the pixels that are read back from the file.

    The figures are of colours. The opacity has one of its own: where it was
    drawn with hard edges, no image in [0, 1] downsamples to it, and it is
    reproduced as far as it can be.

    Args:
        opacity_reproduced: float. Share of the pixels whose opacity is
            reproduced; None without opacity on both sides.
    """

    opacity_reproduced: float | None = None
