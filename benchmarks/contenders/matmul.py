"""The rate of a matrix product: what this machine can do at best."""

from contenders.clock import timed


def keras(size=2048):
    import tensorflow as tf

    left, right = (tf.random.uniform((size, size)) for _ in range(2))
    product = tf.function(lambda: tf.matmul(left, right))
    return timed(lambda: product()[0, 0].numpy(), times=5)


def torch(size=2048):
    import torch

    left, right = (torch.rand(size, size) for _ in range(2))
    return timed(lambda: torch.matmul(left, right), times=5)
