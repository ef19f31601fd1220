"""Priors small enough to train within a test, and slow versions of them."""

import keras
import numpy as np
from scipy.special import logsumexp

from keras_affsr.priors.pixel_cnn import PixelCNN

SIZES = {
    "filters": 6,
    "kernel_sizes": (5, 3),
    "components": 3,
    "scales": 2,
    "features": 4,
    "neighbours": 1,
}


def images(count=4, height=7, width=8, channels=1, seed=0):
    """Returns random images of 8-bit levels, float32 in [0, 1]."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 256, (count, height, width, channels))
    return (levels / 255).astype("float32")


def tiny_prior(channels=1, weights_seed=0, adapt=True, **kwargs):
    """Makes a prior that is ready for use, with weights of some size."""
    keras.utils.set_random_seed(weights_seed)
    prior = PixelCNN(channels, **{**SIZES, **kwargs})
    rng = np.random.default_rng(weights_seed)
    for weight in prior.trainable_weights:
        weight.assign_add(rng.normal(0, 0.2, weight.shape))
    if adapt:
        prior.adapt(images(channels=channels))
    return prior


def past(images, kernel_size, mask_type):
    """Lists what each pixel sees, with zeros beyond the border.

    Returns:
        `(batch, height, width, pixels seen, channels)`.
    """
    radius = kernel_size // 2
    seen = [
        (i, j)
        for i in range(-radius, 1)
        for j in range(-radius, radius + 1)
        if i < 0 or j < 0 or (j == 0 and mask_type == "B")
    ]
    batch, height, width, channels = images.shape
    values = np.zeros((batch, height, width, len(seen), channels))
    for row, column in np.ndindex(height, width):
        for number, (i, j) in enumerate(seen):
            if row + i >= 0 and 0 <= column + j < width:
                values[:, row, column, number] = images[:, row + i, column + j]
    return values


def reference_convolution(layer, images):
    """What a `CausalConvolution` without activation does, in float64."""
    kernel, bias = (np.asarray(each, "float64") for each in layer.weights)
    seen = past(images, layer.kernel_size, layer.mask_type)
    return np.einsum("bhwpi,pio->bhwo", seen, kernel) + bias


def reference_head(head, x, y):
    """What an `MCGSMHead` does: its formula, term by term, in float64."""
    w = {each.name: np.asarray(each, "float64") for each in head.weights}
    alpha = -np.logaddexp(-w["alpha"], 2 * np.log(head.min_stddev))
    energy = ((x @ w["b"]) ** 2) @ w["beta"] ** 2  # [n, c]
    gates = w["eta"] - 0.5 * np.exp(alpha) * energy[..., None]  # [n, c, s]
    size, experts = y.shape[1], np.zeros(gates.shape)
    for c in range(head.components):
        tril = np.eye(size)
        if size > 1:
            tril = np.tril(w["tril"][c], -1) + np.diag(
                np.exp(np.append(0.0, np.diag(w["tril"][c])[1:]))
            )
        residual = (y - x @ w["a"][:, c] - w["u"][c]) @ tril  # [n, m]
        squares = np.sum(residual**2, axis=1, keepdims=True)
        experts[:, c] = (
            0.5 * size * (alpha[c] - np.log(2 * np.pi))
            + np.sum(np.log(np.diag(tril)))
            - 0.5 * np.exp(alpha[c]) * squares
        )
    return logsumexp(gates + experts, (1, 2)) - logsumexp(gates, (1, 2))


def reference_log_prob(prior, images):
    """The log density of images by a tiny prior, in float64."""
    mean, stddev = np.asarray(prior.mean), np.asarray(prior.stddev)
    pixels = (images.astype("float64") - mean) / stddev
    network = prior.network
    features = pixels
    for layer in network.convolutions:
        features = reference_convolution(layer, features)
        is_last = layer is network.convolutions[-1]
        features = np.tanh(features) if is_last else np.maximum(features, 0)
    near = past(pixels, 2 * network.neighbours + 1, "A")
    near = near.reshape(*pixels.shape[:3], -1)
    context = np.concatenate([features, near], axis=-1)
    log_probs = reference_head(
        prior.head,
        context.reshape(-1, context.shape[-1]),
        pixels.reshape(-1, pixels.shape[-1]),
    ).reshape(pixels.shape[:3])
    return np.sum(log_probs - np.sum(np.log(stddev)), axis=(1, 2))
