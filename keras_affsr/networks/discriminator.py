"""The discriminator: from images to logits."""

import keras

from keras_affsr import checks
from keras_affsr.networks import blocks
from keras_affsr.networks.presets import DISCRIMINATORS


def discriminator(
    preset="grass",
    channels=3,
    normalization="batch",
    width=1.0,
    filters=None,
    strides=None,
    name="discriminator",
):
    """Builds a discriminator of the paper's family, for images of any size.

    Strided 3 x 3 convolutions with batch norm and ReLU, then the mean over
    pixels and a dense layer to one logit. Trained to the optimum, the logit is
    `log p(y) - log q(y)` for real images of density `p` and generated ones of
    density `q`.

    | preset       | filters                             | strides       |
    |--------------|-------------------------------------|---------------|
    | "grass"      | 32, 64, 128, 256                    | 2             |
    | "celeba"     | 2 each of 128, 256, 512, 1024       | 1, 2 in turns |
    | "imagenet"   | the same                            | 1, 2 in turns |
    | "swiss_roll" | 64, 64 (dense layers, vectors of 2) | none          |

    Args:
        preset: str. One of the above. Defaults to `"grass"`.
        channels: int. Channels of the images; for "swiss_roll" the size of the
            vectors. Defaults to 3.
        normalization: `"batch"` (the default) or None. "swiss_roll" has none.
        width: float. Multiplies the filters. Defaults to 1.
        filters: sequence of ints. Instead of the preset's.
        strides: sequence of ints, as many as filters. Instead of the preset's.
        name: str. Name of the model.

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to
        float32 logits `(batch, 1)`.

    Raises:
        ValueError: If an argument will not do.

    Example:

    >>> model = keras_affsr.networks.discriminator("grass", channels=1)
    >>> model(keras.ops.ones((2, 64, 64, 1))).shape
    TensorShape([2, 1])

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), appendix D
    """
    settings = blocks.preset(
        preset, DISCRIMINATORS, name, filters=filters, strides=strides
    )
    checks.check_choice(normalization, ("batch", None), "normalization", name)
    filters = blocks.scaled(settings["filters"], width, name)
    strides = settings["strides"]
    if len(strides) != len(filters):
        raise ValueError(
            f"`{name}` needs one stride for each layer. Received: "
            f"{len(filters)} filters and strides={strides!r}. Give both "
            "`filters` and `strides`."
        )
    if preset == "swiss_roll":
        images = keras.Input((channels,), name="images")
        tensor = images
        for number, units in enumerate(filters, start=1):
            tensor = blocks.dense(tensor, units, name=f"dense{number}")
    else:
        images = keras.Input((None, None, channels), name="images")
        tensor = images
        for number, (size, stride) in enumerate(zip(filters, strides), start=1):
            tensor = blocks.convolution(
                tensor, size, stride, normalization, name=f"block{number}"
            )
        tensor = keras.layers.GlobalAveragePooling2D(name="mean")(tensor)
    logit = keras.layers.Dense(1, dtype="float32", name="logit")(tensor)
    return keras.Model(images, logit, name=name)
