"""The range projection as a graph, which is several times faster."""

import functools

import tensorflow as tf

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
    layer = RangeProjection(downsample, bits, low_res_bits)
    signature = [tf.TensorSpec(shape, "float32") for shape in shapes]

    @tf.function(input_signature=signature, autograph=False)
    def run(guess, low_res):
        return layer(guess, low_res)

    return run
