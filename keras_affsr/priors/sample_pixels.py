"""Draws images from a PixelCNN, pixel after pixel."""

import tensorflow as tf

from keras_affsr import stateless

SAMPLE_STREAM = 10**8  # See `stateless.key`.


@tf.function
def sample_pixels(prior, num_samples, height, width, seed):
    """Draws standardised images in the order of reading.

    Each layer's past features are kept, so that the next pixel needs each
    layer at that pixel alone. A layer of radius r sees r rows above: of its
    input only these and the present row are kept, between the zeros that the
    layer itself would put beyond the border.

    Args:
        prior: PixelCNN.
        num_samples: int tensor.
        height: int tensor.
        width: int tensor.
        seed: int tensor.

    Returns:
        float32 tensor `(num_samples, height, width, channels)`.
    """
    inputs = _empty_rows(prior.network, num_samples, width)
    pixels = tf.TensorArray("float32", size=height * width)
    for row in tf.range(height):
        inputs = [_next_row(rows) for rows in inputs]
        for column in tf.range(width):
            index = row * width + column
            key = tf.cast(stateless.key(seed, index, SAMPLE_STREAM), "int32")
            pixel, inputs = _next_pixel(prior, inputs, column, key)
            pixels = pixels.write(index, pixel)
    shape = (height, width, num_samples, prior.channels)
    return tf.transpose(tf.reshape(pixels.stack(), shape), (2, 0, 1, 3))


def _empty_rows(network, num_samples, width):
    """Returns the inputs of all layers above the image: zeros."""
    sizes = [network.channels] + [network.filters] * len(network.radii)
    return [
        tf.zeros((num_samples, radius + 1, width + 2 * radius, size))
        for radius, size in zip(network.radii, sizes)
    ]


def _next_row(rows):
    """Drops the oldest row and adds an empty one."""
    return tf.concat([rows[:, 1:], tf.zeros_like(rows[:, :1])], axis=1)


def _next_pixel(prior, inputs, column, key):
    """Draws a pixel in the last row; returns it and the layers' inputs."""
    from keras_affsr.priors.mcgsm import MCGSM  # Slow to import.

    network = prior.network
    pixels, features, known = inputs[0], None, []
    for layer, rows in zip(network.convolutions, inputs):
        if features is not None:
            rows = _put(features, rows, column)
        known.append(rows)
        features = layer.convolve(_around(rows, column, layer.radius))
    past = _around(pixels, column, network.radii[0])
    context = network.with_neighbours(features, past)  # [samples, 1, 1, size]
    pixel = MCGSM(**prior.head.parameters(context)).sample(seed=key)
    return pixel[:, 0, 0], [_put(pixel, pixels, column), *known[1:]]


def _around(rows, column, radius):
    """Cuts out what a layer of that radius sees from the last row's column."""
    more = rows.shape[1] - 1 - radius  # If another layer sees further.
    start = column + more
    return rows[:, more:, start : start + 2 * radius + 1]


def _put(pixel, rows, column):
    """Writes a pixel into the last of the rows."""
    radius, columns = rows.shape[1] - 1, tf.shape(rows)[2]
    is_row = tf.range(radius + 1)[:, None, None] == radius
    is_column = tf.range(columns)[:, None] == column + radius
    return tf.where(is_row & is_column, pixel, rows)
