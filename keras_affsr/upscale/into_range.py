"""The range projection as a graph, which is several times faster."""

import functools

import tensorflow as tf

from keras_affsr.layers import Downsample
from keras_affsr.layers import RangeProjection

# Sizes and kinds of images whose graphs are kept: with the size known, all
# matrices are constants of the graph.
KEPT = 4


def into_range(downsample, guess, low_res, bits=None, low_res_bits=None):
    """Returns the nearest image in [0, 1] to a guess that agrees.

    What `layers.RangeProjection` computes; its rounds are many small steps,
    and would take several times as long one by one.

    Args:
        downsample: Downsample. The operator `A`.
        guess: float32 `(1, scale * h, scale * w, channels)`.
        low_res: float32 `(1, h, w, channels)`.
        bits: int or None. Of the image: on the grid of integers, or not.
        low_res_bits: int. Those of `low_res`. Defaults to `bits`.

    Returns:
        float32 tensor of the shape of `guess`.
    """
    guess = tf.convert_to_tensor(guess, "float32")
    low_res = tf.convert_to_tensor(low_res, "float32")
    shapes = (tuple(guess.shape), tuple(low_res.shape))
    return _graph(downsample, bits, low_res_bits, shapes)(guess, low_res)


@functools.lru_cache(maxsize=KEPT)
def _graph(downsample, bits, low_res_bits, shapes):
    layer = RangeProjection(_TracedOnce(downsample), bits, low_res_bits)
    signature = [tf.TensorSpec(shape, "float32") for shape in shapes]

    @tf.function(input_signature=signature, autograph=False)
    def run(guess, low_res):
        return layer(guess, low_res)

    return run


class _TracedOnce(Downsample):
    """An operator whose maps are functions of a graph, and not copied into it.

    The range projection applies them in some twenty places. With their
    matrices in each, building its graph would take longer than running it.

    Args:
        downsample: Downsample. The operator `A`.
    """

    def __init__(self, downsample):
        scale, dtype = downsample.scale, downsample.dtype
        super().__init__(scale, name=downsample.name, dtype=dtype)
        self.compute_output_shape = downsample.compute_output_shape
        for name in ("apply", "adjoint", "solve"):
            function = tf.function(getattr(downsample, name), autograph=False)
            setattr(self, name, function)
