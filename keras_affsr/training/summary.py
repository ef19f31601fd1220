"""What is measured of a trained model, in one place for all that ask."""

import keras
import numpy as np

from keras_affsr import metrics
from keras_affsr.models import noise


def generate(model, low_res, seed=0):
    """Returns a model's images for one batch; a sample if it is stochastic.

    Args:
        model: A model of this package.
        low_res: `(batch, h, w, channels)` in [0, 1].
        seed: int. Of the noise of a stochastic generator. Defaults to 0.

    Returns:
        float32 array, `(batch, scale * h, scale * w, channels)`.
    """
    inputs = low_res
    if model.is_stochastic:  # What `sample` does, but for one batch.
        shape = model.noise_shape(low_res)
        inputs = (low_res, noise.normal(shape, seed, 0, noise.SAMPLE_STREAM))
    # `predict` would trace its function anew for each call.
    return np.asarray(model.predict_on_batch(inputs), "float32")


def scores(model, pairs, references, seed=0):
    """Scores the images that a model makes of held-out measurements.

    Args:
        model: A model of this package.
        pairs: Batches `(low_res, high_res)`.
        references: Batches of real images, at least as many as `pairs` has:
            those that the sliced Wasserstein distance is to. Let them be other
            ones than in `pairs`, so that nothing is closer to them than real
            images are to each other.
        seed: int. Of the noise of a stochastic generator. Defaults to 0.

    Returns:
        dict of floats: "mse", "psnr" and "ssim" to the truth, "low_res_mse",
        which is `mean{ (A G(x) - A y)^2 }`, and "sliced_wasserstein".

    Raises:
        ValueError: If there is no batch, or too few real images.

    Example:

    >>> import keras_affsr
    >>> from keras_affsr import data, models, networks, training
    >>> downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    >>> crops = data.texture_patches(data.grass("test"), num_batches=2)
    >>> others = data.texture_patches(data.grass("test"), seed=1)
    >>> model = models.SuperResolver(
    ...     networks.generator(downsample, channels=1), downsample)
    >>> found = training.scores(model, data.pairs(crops, downsample), others)
    >>> found["low_res_mse"] < 1e-14
    True
    """
    paired = [
        keras.metrics.MeanSquaredError(name="mse"),
        metrics.PSNR(),
        metrics.SSIM(),
        metrics.LowResMSE(model.downsample, name="low_res_mse"),
    ]
    looks = metrics.SlicedWasserstein()
    references, count = iter(references), 0
    for low_res, high_res in pairs:
        images = generate(model, low_res, seed)
        for metric in paired:
            metric.update_state(high_res, images)
        looks.update_state(_next_images(references, len(images)), images)
        count += len(images)
    if not count:
        raise ValueError("`scores` received no batch of `pairs` to score.")
    found = {each.name: float(each.result()) for each in (*paired, looks)}
    return {**found, "images": count}


def _next_images(references, count):
    real = next(references, ())
    if len(real) < count:
        raise ValueError(
            f"`scores` compares {count} generated images with as many real "
            f"ones. Received: a batch of {len(real)} `references`. Give as "
            "many batches as `pairs` has, of the same size or larger."
        )
    return real[:count]
