"""What it takes to have the pseudo-inverse of an operator never seen before.

Where anything would be cached, every turn has another sigma; the check is of
the default one. It is on periodic images, as kernels of a few pixels are meant
for the inside of an image: "l1_plus_l2" is the paper's, and "ba_symmetry"
vanishes only if `B` is the pseudo-inverse, so that the projection goes to the
nearest image.
"""

import itertools
import time

import numpy as np

SIGMA = 2.0


def closed_form(size=16):
    """The exact one of all the image, applied once to `(1, size, size, 1)`."""
    import keras

    from keras_affsr import layers

    low_res = keras.random.uniform((1, size, size, 1), seed=0)

    def work(sigma):
        downsample = gaussian(sigma, "symmetric")
        return layers.PseudoInverseUpsample(downsample)(low_res).numpy()

    exact = layers.PseudoInverseUpsample(gaussian(SIGMA))
    return ready(work, exact, times=10)


def local(kernel_size=5):
    """The local one closest to it, by least squares."""
    from keras_affsr.layers import local_inverse

    def work(sigma):
        return local_inverse(gaussian(sigma), kernel_size)

    return ready(work, upsample(work(SIGMA)), times=200)


def fitted(steps=4000, kernel_size=5):
    """The paper's: a local one, fitted by stochastic gradient descent.

    Its check comes with the first turn, as one fit takes seconds.
    """
    from keras_affsr.layers import fit_pseudo_inverse

    def turn():
        start = time.perf_counter()
        kernel, _ = fit_pseudo_inverse(
            gaussian(SIGMA), kernel_size, steps, verbose=0
        )
        seconds = time.perf_counter() - start
        turn.check = turn.check or report(upsample(kernel))
        return seconds

    turn.check = {}
    return turn


def ready(work, layer, times):
    """Returns a turn of several operators, after a warm-up of two."""
    sigmas = (SIGMA + 1e-6 * number for number in itertools.count(1))

    def turn():
        start = time.perf_counter()
        for _ in range(times):
            work(next(sigmas))
        return (time.perf_counter() - start) / times

    work(next(sigmas))
    work(next(sigmas))
    turn.check = report(layer)
    return turn


def gaussian(sigma, padding="circular"):
    from keras_affsr import layers

    return layers.GaussianDownsample(scale=4, sigma=sigma, padding=padding)


def upsample(kernel):
    """Returns a local kernel as a layer."""
    from keras_affsr import layers

    layer = layers.PseudoInverseUpsample(
        gaussian(SIGMA),
        method="conv",
        kernel_size=len(kernel),
        kernel_initializer="zeros",
    )
    layer.build((None, None, None, 1))
    layer.kernel.assign(kernel)
    return layer


def report(layer):
    """Returns how nearly a layer is the pseudo-inverse, in a few numbers."""
    from keras_affsr import layers
    from keras_affsr.layers.fit_pseudo_inverse import penrose_losses

    downsample = gaussian(SIGMA)
    generator = np.random.default_rng(0)
    low_res, high_res = (
        generator.standard_normal((16, size, size, 1), "float32")
        for size in (12, 48)
    )
    losses = penrose_losses(downsample, layer, low_res, high_res)
    penrose = layers.penrose_report(downsample, layer, size=12)
    return {
        "l1_plus_l2": float(sum(losses)),
        "ba_symmetry": penrose.ba_symmetry,
    }
