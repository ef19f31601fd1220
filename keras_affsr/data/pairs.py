"""Pairs of low- and high-resolution images, made by the operator itself."""

import keras
import tensorflow as tf

from keras_affsr import checks


def pairs(images, downsample, batch_size=16):
    """Makes a dataset of `(low_res, high_res)` for `fit` and `evaluate`.

    `low_res = downsample(high_res)`, by the very layer that the model uses, so
    that the two agree to the rounding of float32.

    Args:
        images: `tf.data.Dataset` of float32 batches in [0, 1], of shape
            `(batch, height, width, channels)`, or an array of that shape.
        downsample: Layer or function from high- to low-resolution images, such
            as `keras_affsr.layers.GaussianDownsample(scale=4)`.
        batch_size: int. Batches that an array is cut into. A dataset keeps its
            own. Defaults to 16.

    Returns:
        `tf.data.Dataset` of pairs of float32 batches, `(batch, height / scale,
        width / scale, channels)` and `(batch, height, width, channels)`.

    Raises:
        ValueError: If the elements are not float32 batches of images, or their
            size is not a multiple of the scale.

    Example:

    >>> import keras_affsr.data
    >>> import keras_affsr.layers
    >>> patches = keras_affsr.data.texture_patches(keras_affsr.data.grass())
    >>> downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    >>> pairs = keras_affsr.data.pairs(patches, downsample)
    >>> low_res, high_res = next(iter(pairs))
    >>> low_res.shape, high_res.shape
    (TensorShape([16, 16, 16, 1]), TensorShape([16, 64, 64, 1]))
    """
    images = _as_dataset(images, batch_size, "images", "pairs")
    shrink = _shrinker(downsample, images.element_spec.shape, "pairs")

    def make_pair(high_res):
        return shrink(high_res), high_res

    return images.map(
        make_pair, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    ).prefetch(tf.data.AUTOTUNE)


def unpaired(low_res_source, high_res_source, downsample, batch_size=16):
    """Makes a dataset of `(low_res, high_res)` that do not belong together.

    `low_res` is made of the images of the first source, and `high_res` comes
    from the second. That is all that the objectives of amortised MAP inference
    need: measurements on one side, and natural images on the other.

    Args:
        low_res_source: `tf.data.Dataset` of float32 batches of high-resolution
            images in [0, 1], or an array, from which to make `low_res`.
        high_res_source: The same, for `high_res`.
        downsample: Layer or function from high- to low-resolution images.
        batch_size: int. Batches that an array is cut into. A dataset keeps its
            own. Defaults to 16.

    Returns:
        `tf.data.Dataset` of pairs of float32 batches, `(batch, height / scale,
        width / scale, channels)` and `(batch, height, width, channels)`. It
        ends with the shorter source.

    Raises:
        ValueError: If the elements are not float32 batches of images, the size
            of the first is not a multiple of the scale, or the numbers of
            channels differ.

    Example:

    >>> import keras_affsr.data
    >>> import keras_affsr.layers
    >>> grass = keras_affsr.data.grass("train")
    >>> low_res, high_res = next(iter(keras_affsr.data.unpaired(
    ...     keras_affsr.data.texture_patches(grass, seed=0),
    ...     keras_affsr.data.texture_patches(grass, seed=1),
    ...     keras_affsr.layers.GaussianDownsample(scale=4))))
    >>> low_res.shape, high_res.shape
    (TensorShape([16, 16, 16, 1]), TensorShape([16, 64, 64, 1]))
    """
    sources = [
        _as_dataset(source, batch_size, argument, "unpaired")
        for source, argument in (
            (low_res_source, "low_res_source"),
            (high_res_source, "high_res_source"),
        )
    ]
    shapes = [source.element_spec.shape for source in sources]
    if None not in (shapes[0][-1], shapes[1][-1]) and (
        shapes[0][-1] != shapes[1][-1]
    ):
        raise ValueError(
            "`unpaired` expects sources of the same number of channels. "
            f"Received: low_res_source of shape {tuple(shapes[0])} and "
            f"high_res_source of shape {tuple(shapes[1])}."
        )
    shrink = _shrinker(downsample, shapes[0], "unpaired")
    low_res = sources[0].map(
        shrink, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    return tf.data.Dataset.zip((low_res, sources[1])).prefetch(tf.data.AUTOTUNE)


def _as_dataset(images, batch_size, argument, owner):
    if isinstance(images, tf.data.Dataset):
        _check_elements(images.element_spec, argument, owner)
        return images
    images = checks.check_unit_range(images, argument, owner)
    checks.check_image_shape(images.shape, argument, owner)
    batch_size = checks.check_count(batch_size, "batch_size", owner)
    return tf.data.Dataset.from_tensor_slices(images).batch(batch_size)


def _check_elements(spec, argument, owner):
    if not isinstance(spec, tf.TensorSpec):
        raise ValueError(
            f"`{owner}` expects `{argument}` as a dataset of batches of "
            f"images alone. Received: elements {spec}. Pick the images with "
            f"`{argument}.map(lambda low_res, high_res: high_res)`."
        )
    if spec.dtype != tf.float32:
        raise ValueError(
            f"`{owner}` expects `{argument}` as a dataset of float32 images "
            f"in [0, 1]. Received: {spec.dtype.name} of shape {spec.shape}. "
            f"Convert 8-bit images with `{argument}.map(lambda images: "
            "tf.cast(images, 'float32') / 255.0)`."
        )
    if spec.shape.rank != 4:
        raise ValueError(
            f"`{owner}` expects `{argument}` as a dataset of batches of shape "
            f"(batch, height, width, channels). Received: shape {spec.shape}. "
            f"Batch single images with `{argument}.batch(16)`."
        )


def _shrinker(downsample, shape, owner):
    """Returns `downsample` as a function for tf.data, once `shape` fits it."""
    checks.check_downsample(downsample, owner)
    if isinstance(downsample, keras.layers.Layer):
        # Refuses sizes here, by a plain message, and not from inside a graph.
        downsample.compute_output_shape(tuple(shape))

    def shrink(images):
        return tf.cast(downsample(images), "float32")

    return shrink
