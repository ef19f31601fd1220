"""The generator of typical images: as probable as real ones, not more.

That images have the code length of real ones does not make them look so. A
generator that is free to choose will turn its noise down until the code length
fits, and film grain is left; one that works at low resolution draws a pattern
of dots. So this one works at full resolution, on noise that goes in there, and
its detail (what the measurement does not see) has the variance of real detail.
To be no less probable than real images it has to give the noise a structure.
"""

GAIN = 0.3  # Of the noise that goes in: three times the detail of grass.
FILTERS = (64, 64, 64, 64)


def generator(downsample, detail_stddev, width=1.0):
    """Builds a stochastic generator whose detail has a given variance.

        h = f(A+ x + GAIN z),    d = (I - A+ A) h,
        y = A+ x + detail_stddev * (d - mean) / stddev

    with mean and standard deviation over a batch. (The mean is invisible to
    the projection at the end.) `f` begins as the identity, so that the first
    detail is white noise and the images far less probable than real ones; it
    is without batch norm, with which the noise became horizontal stripes.

    Args:
        downsample: Downsample. The operator `A`.
        detail_stddev: float. Standard deviation of `d` in real images.
        width: float. Multiplies the filters. Defaults to 1.

    Returns:
        A functional `keras.Model` from `[low_res, noise]`, the noise of `scale
        ** 2` channels, to images.
    """
    import keras
    from keras import ops

    from keras_affsr import layers
    from keras_affsr import networks

    scale = downsample.scale
    low_res = keras.Input((None, None, 1), name="low_res")
    noise = keras.Input((None, None, scale**2), name="noise")
    start = layers.PseudoInverseUpsample(downsample)(low_res)
    start = start + GAIN * layers.SubPixel(scale)(noise)
    network = networks.denoiser(
        channels=1, filters=FILTERS, width=width, normalization=None
    )
    project = layers.AffineProjection(downsample)
    detail = project(network(start), ops.zeros_like(low_res))
    detail = keras.layers.BatchNormalization(
        momentum=0.9, epsilon=1e-6, center=False, scale=False, name="detail"
    )(detail)
    output = project(detail_stddev * detail, low_res)
    return keras.Model([low_res, noise], output, name="typical")


def measure(downsample, prior, crops):
    """Returns the code length and the standard deviation of detail.

    Args:
        downsample: Downsample. The operator `A`.
        prior: PixelCNN, trained.
        crops: `(batch, height, width, 1)`, real images of 8 bits.

    Returns:
        Two floats: the mean of bits per dimension, and the standard deviation
        of what the measurement does not see.
    """
    import numpy as np

    from keras_affsr import layers
    from keras_affsr import priors

    spread = priors.dequantize(crops, seed=0, step=0, stream=0)
    bits = np.mean(prior.bits_per_dim(spread))
    upsample = layers.PseudoInverseUpsample(downsample)
    return float(bits), float(np.std(crops - upsample(downsample(crops))))
