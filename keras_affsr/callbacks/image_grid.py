"""ImageGrid: a picture of the same few images after every epoch."""

import importlib.util
import os

import keras
import numpy as np

from keras_affsr import checks
from keras_affsr.callbacks.draw_grid import bicubic
from keras_affsr.callbacks.draw_grid import draw_grid
from keras_affsr.callbacks.draw_grid import save_png

NAMES = ("low_res", "high_res")


class ImageGrid(keras.callbacks.Callback):
    """Writes a picture of what the model makes of a few images, as it learns.

    The pictures are `<directory>/epoch_0001.png` and so on, with one row for
    each image and four columns: the low-resolution image, its bicubic
    interpolation, the model's output, and the truth. All are clipped to
    [0, 1] to be drawn.

    Args:
        data: Pair of arrays `(low_res, high_res)`, each `(batch, height,
            width, channels)` of floats in [0, 1], with 1 or 3 channels; or a
            dataset of such pairs, whose first batch is taken, once.
        directory: string or path. Where to write. It is made when training
            begins.
        every: int. Epochs from one picture to the next. Defaults to 1.
        tensorboard: bool. Whether to write the pictures to TensorBoard as
            well, in the same directory. Defaults to False.
        num_images: int. At most so many images of the batch are drawn.
            Defaults to 8.

    Raises:
        ValueError: If the data is not a batch of such pairs.
        ImportError: If `tensorboard=True` and TensorBoard is not installed.
        OSError: When training begins, if the directory cannot be made.

    Example:

    ```python
    import keras
    import keras_affsr.callbacks
    import keras_affsr.data
    import keras_affsr.layers

    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    patches = keras_affsr.data.texture_patches(
        keras_affsr.data.grass("test"), num_batches=1)
    data = keras_affsr.data.pairs(patches, downsample)
    model = keras.Sequential([keras.layers.Conv2DTranspose(1, 4, 4)])
    model.compile(loss="mse")
    grid = keras_affsr.callbacks.ImageGrid(data, "pictures")
    model.fit(data, epochs=2, callbacks=[grid])
    ```
    """

    def __init__(
        self, data, directory, every=1, tensorboard=False, num_images=8
    ):
        super().__init__()
        owner = type(self).__name__
        self.directory = os.fspath(directory)
        self.every = checks.check_count(every, "every", owner)
        num_images = checks.check_count(num_images, "num_images", owner)
        low_res, high_res = _first_batch(data, owner)
        self.low_res = low_res[:num_images]  # [rows, h, w, channels]
        self.high_res = high_res[:num_images]  # [rows, H, W, channels]
        size = self.high_res.shape[1:3]
        self.bicubic = [bicubic(image, size) for image in self.low_res]
        self.tensorboard = tensorboard
        self.writer = None
        if tensorboard and importlib.util.find_spec("tensorboard") is None:
            raise ImportError(
                f"`{owner}` needs TensorBoard for tensorboard=True, which "
                "TensorFlow no longer brings along. Install it with "
                "`pip install tensorboard`."
            )

    def on_train_begin(self, logs=None):
        # Before the first epoch, so that a bad path does not cost one.
        os.makedirs(self.directory, exist_ok=True)

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        grid = self.draw(f"epoch {epoch + 1}")
        name = f"epoch_{epoch + 1:04d}.png"
        save_png(grid, os.path.join(self.directory, name))
        if self.tensorboard:
            self._write_summary(grid, epoch)

    def on_train_end(self, logs=None):
        if self.writer is not None:
            self.writer.close()
            self.writer = None

    def draw(self, title=None):
        """Returns the picture of the model as it is, as a uint8 array."""
        # `predict` would trace a new function and keep it, at every epoch.
        generated = self.model.predict_on_batch(self.low_res)
        columns = {
            "low res": self.low_res,
            "bicubic": self.bicubic,
            "generated": np.asarray(generated, "float32"),
            "truth": self.high_res,
        }
        # A model that diverged draws black, and does not end the training.
        clipped = {
            label: [np.clip(np.nan_to_num(image), 0, 1) for image in images]
            for label, images in columns.items()
        }
        return draw_grid(clipped, title)

    def _write_summary(self, grid, epoch):
        import tensorflow as tf

        if self.writer is None:
            self.writer = tf.summary.create_file_writer(self.directory)
        # The step is given: the one that TensorFlow keeps stays at zero.
        with self.writer.as_default():
            tf.summary.image("images", grid[None], step=epoch)
        self.writer.flush()


def _first_batch(data, owner):
    if not isinstance(data, tuple | list):
        data = next(iter(data), None)
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ValueError(
            f"`{owner}` expects data as a pair of arrays (low_res, high_res), "
            f"or a dataset of such pairs. Received: {type(data).__name__}. "
            "`keras_affsr.data.pairs(images, downsample)` makes one."
        )
    pair = [_as_array(images, name, owner) for images, name in zip(data, NAMES)]
    for images, name in zip(pair, NAMES):
        checks.check_image_shape(images.shape, name, owner)
    for images, name in zip(pair, NAMES):
        if images.shape[-1] not in (1, 3):
            raise ValueError(
                f"`{owner}` draws images of one channel or of three. "
                f"Received: `{name}` with {images.shape[-1]} channels."
            )
    if len(pair[0]) != len(pair[1]):
        raise ValueError(
            f"`{owner}` expects as many low_res as high_res images. Received: "
            f"{len(pair[0])} and {len(pair[1])}."
        )
    return pair


def _as_array(images, name, owner):
    # The range is not checked: bicubic downsampling overshoots a little.
    images = keras.ops.convert_to_tensor(images)
    checks.check_floats(images, name, owner)
    return keras.ops.convert_to_numpy(images).astype("float32")
