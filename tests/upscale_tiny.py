"""Networks and image files small enough to upscale within a test."""

import numpy as np

from keras_affsr.layers import GaussianDownsample
from keras_affsr.networks import generator
from keras_affsr.upscale import ImageFile
from keras_affsr.upscale import Upscaler
from tests import reference

DOWNSAMPLE = GaussianDownsample(scale=2, kernel_size=5)
SIZE = (7, 10)


def tiny_generator(channels, **options):
    """Makes a generator of one layer, that ends in a projection."""
    return generator(
        DOWNSAMPLE, channels=channels, filters=(4,), skip_every=0, **options
    )


def tiny_upscaler(channels, noise_channels=0, **options):
    """Makes an upscaler of a tiny generator."""
    network = tiny_generator(channels, noise_channels=noise_channels)
    return Upscaler(network, **options)


def high_res_image(channels=3, bits=8, seed=0):
    """Returns a smooth image; an even number of channels has opacity."""
    random = np.random.default_rng(seed)
    rows, columns = (np.arange(2 * size) for size in SIZE)
    waves = [
        np.outer(*(np.sin(axis / 3 + random.uniform(0, 6)) for axis in axes))
        for axes in [(rows, columns)] * channels
    ]
    samples = np.stack(waves, axis=-1) * 0.45 + 0.5
    samples = np.rint(samples * (2**bits - 1)).astype(f"uint{bits}")
    if channels % 2:
        return ImageFile(samples)
    return ImageFile(samples[..., :-1], samples[..., -1])


def low_res_image(channels=3, bits=8, seed=0):
    """Returns the image that a smooth one downsamples to."""
    samples = shrink(high_res_image(channels, bits, seed).samples, bits)
    if channels % 2:
        return ImageFile(samples)
    return ImageFile(samples[..., :-1], samples[..., -1])


def shrink(samples, bits):
    """Returns the integers of `A y`, by a dense matrix of float64."""
    levels = shrink_to_levels(samples, bits)
    return np.rint(levels).astype(f"uint{bits}")


def shrink_to_levels(samples, bits):
    """Returns `A y` in levels of so many bits, not rounded."""
    white = np.iinfo(samples.dtype).max
    dense = reference.matrix(DOWNSAMPLE, SIZE)
    images = samples[None] / white  # [1, H, W, channels]
    return (2**bits - 1) * reference.multiply(dense, images, SIZE)[0]


def theirs(image, seed=0):
    """Returns an image with noise, as another program's would be."""
    random = np.random.default_rng(seed)
    step = image.white // 50

    def disturb(samples):
        noise = random.integers(-step, step + 1, samples.shape)
        levels = np.clip(samples.astype("int64") + noise, 0, image.white)
        return levels.astype(samples.dtype)

    alpha = None if image.alpha is None else disturb(image.alpha)
    return ImageFile(disturb(image.pixels), alpha)
