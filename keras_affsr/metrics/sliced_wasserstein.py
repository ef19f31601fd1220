"""SlicedWasserstein: how far apart two sets of images look."""

import keras
import numpy as np
from keras import ops

from keras_affsr import checks
from keras_affsr.metrics.image_metric import to_float32
from keras_affsr.metrics.laplacian_pyramid import laplacian_pyramid

# Fills the unused columns of a set, so that they sort behind all values.
UNUSED = 1e30
# A quarter of a grey level of 8 bits: real images with less contrast than this
# at some level are flat, and dividing by it would only amplify rounding.
SMALLEST_STDDEV = 1e-3


@keras.saving.register_keras_serializable(package="keras_affsr")
class SlicedWasserstein(keras.metrics.Metric):
    """Measures how far the generated images, as a set, are from the real ones.

    Unlike `PSNR` and `SSIM`, it does not compare an image with its own truth:
    it asks whether the generated images *look like* real ones, patch by patch,
    at several scales. Blurred images are far from real ones however close each
    is to its truth, and sharp ones are near even if they show other details.

    Every image is split into a Laplacian pyramid, and every level into patches
    on a fixed grid without overlap. With `a` and `b` the sorted projections of
    the real and of the generated patches on one random unit vector,

        distance = mean |a - b| / stddev(real patches)

    is averaged over the vectors of a level, and then over levels. Both sets
    are divided by the standard deviation of the *real* one, which makes the
    levels count alike. Nothing else is normalised: dividing each set by its
    own contrast, as is often done, would hide blur, which is lost contrast.
    A level of the generated images with no contrast at all is at about 0.8.

    The state is the projections of the first `max_patches` patches of the
    finest level (the coarser ones keep a quarter of the level before, as they
    have about a quarter of the patches); patches beyond are ignored. Compare
    figures only for the same number of images of the same size: the distance
    between two samples of the same kind of images falls as they grow.

    `result` sorts the state, which takes some 0.1 s on a CPU with the default
    size, and Keras asks for it after every batch: use the metric in
    `evaluate`, in few batches, rather than in `fit`. It is for one device:
    under a `tf.distribute` strategy the replicas' states do not add up.

    Args:
        num_levels: int. Levels of the pyramid. Defaults to 3.
        patch_size: int. Side of the square patches. Defaults to 7.
        num_projections: int. Random unit vectors per level. Defaults to 64.
        max_patches: int. Patches kept of each set at the finest level.
            Defaults to 16384: about 200 images of 64 x 64.
        seed: int. Seed of the unit vectors. Defaults to 0.
        name: string. Defaults to `"sliced_wasserstein"`.

    Call arguments:
        y_true: Real images, `(batch, height, width, channels)`, in any order.
        y_pred: As many generated images, of the same shape.
        sample_weight: Refused: sets have no weights here.

    Returns:
        A float32 scalar, zero or more; zero for equal sets. Lower is better.

    Raises:
        ValueError: If the shapes differ, the images are integers, or they are
            too small for a patch at the coarsest level.

    Example:

    >>> import keras
    >>> import keras_affsr.metrics
    >>> images = keras.random.uniform((4, 64, 64, 3))
    >>> metric = keras_affsr.metrics.SlicedWasserstein()
    >>> float(metric(images, images))
    0.0

    Reference:
     - [Karras et al., 2018](https://arxiv.org/abs/1710.10196), section 5
    """

    _direction = "down"

    def __init__(
        self,
        num_levels=3,
        patch_size=7,
        num_projections=64,
        max_patches=16384,
        seed=0,
        name="sliced_wasserstein",
    ):
        super().__init__(name=name, dtype="float32")
        self.num_levels = checks.check_count(num_levels, "num_levels", name)
        self.patch_size = checks.check_count(patch_size, "patch_size", name)
        self.num_projections = checks.check_count(
            num_projections, "num_projections", name
        )
        self.max_patches = checks.check_count(
            max_patches, "max_patches", name, least=4 ** (self.num_levels - 1)
        )
        self.seed = checks.check_count(seed, "seed", name, least=0)
        self.levels = [
            self._make_state(self.max_patches // 4**level, level)
            for level in range(self.num_levels)
        ]

    def update_state(self, y_true, y_pred, sample_weight=None):
        if sample_weight is not None:
            raise ValueError(
                f"`{self.name}` compares sets of images, which have no "
                "weights. Received: a sample_weight. Pass the metric to "
                "`compile(metrics=...)`, not to `weighted_metrics`."
            )
        y_true = to_float32(y_true, "y_true", self.name)
        y_pred = to_float32(y_pred, "y_pred", self.name)
        self._check_images(y_true.shape, y_pred.shape)
        pyramids = zip(
            self.levels,
            laplacian_pyramid(y_true, self.num_levels),
            laplacian_pyramid(y_pred, self.num_levels),
        )
        for level, (state, *images) in enumerate(pyramids):
            vectors = self._unit_vectors(level, y_true.shape[-1])
            _keep(state, *(project(image, vectors) for image in images))

    def result(self):
        distances = [
            sorted_distance(real, generated, count)
            for real, generated, count in self.levels
        ]
        return ops.mean(ops.stack(distances))

    def reset_state(self):
        # What lies beyond the count is never read, so it may stay.
        for _, _, count in self.levels:
            count.assign(0.0)

    def get_config(self):
        return {
            "name": self.name,
            "num_levels": self.num_levels,
            "patch_size": self.patch_size,
            "num_projections": self.num_projections,
            "max_patches": self.max_patches,
            "seed": self.seed,
        }

    def _make_state(self, size, level):
        real, generated = (
            self.add_variable(
                (self.num_projections, size), "zeros", name=f"{kind}_{level}"
            )
            for kind in ("real", "generated")
        )
        # A float: XLA on a GPU cannot use TensorFlow's int32 variables, which
        # live on the host. It is exact up to 2^24.
        count = self.add_variable((), "zeros", name=f"count_{level}")
        return real, generated, count

    def _unit_vectors(self, level, channels):
        shape = (self.patch_size, self.patch_size, channels)
        random = np.random.default_rng((self.seed, level))
        vectors = random.normal(size=(*shape, self.num_projections))
        vectors /= np.sqrt(np.sum(vectors**2, axis=(0, 1, 2)))
        return vectors.astype("float32")

    def _check_images(self, shape, other):
        names = ("y_true", "y_pred")
        checks.check_image_shape(shape, names[0], self.name)
        checks.check_same_shape(shape, other, names, self.name)
        least = 2 ** (self.num_levels - 1) * (self.patch_size - 1) + 1
        checks.check_least_size(shape, least, names[0], self.name)


def project(images, vectors):
    """Projects all patches of a grid without overlap on unit vectors.

    Args:
        images: Float tensor, `(batch, height, width, channels)`.
        vectors: Array, `(patch_size, patch_size, channels, num_vectors)`.

    Returns:
        Tensor of shape `(num_vectors, num_patches)`.
    """
    values = ops.conv(
        images, vectors, strides=vectors.shape[0], padding="valid"
    )  # [batch, rows, columns, num_vectors]
    return ops.transpose(ops.reshape(values, (-1, vectors.shape[-1])))


def sorted_distance(real, generated, count):
    """Returns the mean over rows of `mean |sorted a - sorted b| / stddev`.

    Args:
        real: Projections, `(num_vectors, size)`.
        generated: Projections, of the same shape.
        count: Float scalar. The number of columns in use, the first ones.

    Returns:
        Float scalar; zero if no column is in use.
    """
    used = ops.arange(real.shape[1], dtype="float32") < count  # [size]
    count = ops.maximum(count, 1.0)
    real = ops.convert_to_tensor(real)
    mean = _row_sum(used, real) / count  # [num_vectors, 1]
    variance = _row_sum(used, ops.square(real - mean)) / count
    stddev = ops.maximum(ops.sqrt(ops.mean(variance)), SMALLEST_STDDEV)
    first, second = (
        ops.sort(ops.where(used, values, UNUSED), axis=-1)
        for values in (real, ops.convert_to_tensor(generated))
    )
    gap = _row_sum(used, ops.abs(first - second)) / count
    return ops.mean(gap) / stddev


def _row_sum(used, values):
    values = ops.where(used, values, 0.0)
    return ops.sum(values, axis=-1, keepdims=True)


def _keep(state, *projections):
    *variables, count = state
    start = ops.cast(count, "int32")
    size = variables[0].shape[1]
    for variable, values in zip(variables, projections):
        # Room for all new columns; those beyond `size` fall off again.
        longer = ops.concatenate([ops.convert_to_tensor(variable), values], 1)
        longer = ops.slice_update(longer, (0, start), values)
        variable.assign(longer[:, :size])
    added = ops.cast(ops.shape(projections[0])[1], "float32")
    count.assign(ops.minimum(count + added, float(size)))
