"""The export for TensorFlow Serving."""

import os

import keras
import tensorflow as tf

from keras_affsr import checks
from keras_affsr.export import exportable
from keras_affsr.export import version_folder
from keras_affsr.export import warmup
from keras_affsr.export.serving_model import ServingModel

OWNER = "export_saved_model"


def export_saved_model(
    model,
    path,
    version=None,
    warmup_sizes=(),
    downsample=None,
    max_pixels=2**22,
):
    """Writes a model as a version for TensorFlow Serving.

    A SavedModel with three signatures, for images of any size:

    | signature         | input                          | output             |
    |-------------------|--------------------------------|--------------------|
    | `serving_default` | `low_res`, float32 images      | `high_res`, float32|
    | `serve_uint8`     | `low_res`, uint8 images        | `high_res`, uint8  |
    | `serve_png`       | `low_res_bytes`, files `(n,)`, | `high_res_bytes`,  |
    |                   | JPEG or PNG, of different sizes| PNG files `(n,)`   |

    Images are `(batch, height, width, channels)`, floats in [0, 1]. The float
    output is the generator's own. The other two are projected into the range of
    their files, so that what the client keeps, shrunk by `A` and rounded, is
    what it sent. `serve_png` says how well it did: `consistency_error` is
    `sqrt(mean{(A y - x)^2})` of each file, in [0, 1], and `unmatched` the
    number of pixels and channels that `A y` does not round to; it is zero
    wherever any image shrinks to the input. 16-bit PNG files become 16-bit PNG
    files, all others 8-bit ones. Transparency, EXIF orientation and colour
    profiles are dropped. A file that will not do is refused with
    INVALID_ARGUMENT and a message that says which one and why.

    A stochastic generator takes one more input, `seed`, int64 `(n,)`: with one
    seed an image becomes the same whatever is in the batch.

    All is float32 whatever the policy of the training, each weight is stored
    once, and neither this package nor Keras is needed to load it.

    Args:
        model: Model. One of `keras_affsr.models`, or a generator.
        path: str or path. The model's folder; its last part is the name that
            the warm-up requests bear.
        version: int. Defaults to the one after the last in the folder.
        warmup_sizes: sequence of ints or pairs (rows, columns). Sizes of
            low-resolution images that the server runs before it serves.
        downsample: Downsample. Defaults to that of the model, or of the
            projection in the generator.
        max_pixels: int. The most that an image in `serve_png` may have; it
            protects the server's memory. Defaults to 4,194,304, 2048 x 2048.

    Returns:
        The path of the version's folder, a string. It comes into being whole,
        when all is written.

    Raises:
        ValueError: If the model or an argument will not do.
        FileExistsError: If the version exists.
        OSError: If the folder cannot be written.

    Example:

    >>> downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    >>> generator = keras_affsr.networks.generator(downsample)
    >>> keras_affsr.export.export_saved_model(
    ...     generator, "models/photographs", warmup_sizes=[(64, 64)])
    'models/photographs/1'
    """
    path = os.fspath(path)
    sizes = warmup.check_sizes(warmup_sizes, OWNER)
    max_pixels = checks.check_count(max_pixels, "max_pixels", OWNER)
    generator = exportable.generator_of(model, OWNER)
    downsample = exportable.downsample_of(model, downsample, OWNER)
    version = version_folder.choose_version(path, version, OWNER)

    archive, endpoints = keras.export.ExportArchive(), {}
    served = ServingModel(generator, downsample, max_pixels).signatures()
    # Without `track`, which would store every weight twice.
    for name, (function, specs) in served.items():
        endpoints[name] = archive.add_endpoint(name, function, specs)
    requests = warmup.requests(endpoints, sizes, OWNER)

    # Nobody trains what is served, and gradients are half of the graph.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)

    def write(folder):
        archive.write_out(folder, options, verbose=False)
        if requests:
            model_name = os.path.basename(os.path.abspath(path))
            warmup.write(folder, model_name, requests)

    return version_folder.write_version(write, path, version, OWNER)
