"""Whether networks, data and operator fit each other."""

import keras

from keras_affsr import checks


def check_network(network, argument, owner):
    """Returns a built keras.Model, or raises."""
    checks.check_instance(network, keras.Model, argument, owner)
    if not network.built:
        raise ValueError(
            f"`{owner}` needs a {argument} whose weights exist, to give them "
            f"to its optimizer. Received: {argument}=`{network.name}`, not "
            "built yet. Call it on a batch of images once, or make it a "
            "functional model with `keras.Input((None, None, channels))`."
        )
    return network


def check_logits(discriminator, owner):
    """Raises unless a discriminator gives one logit for each image."""
    shape = getattr(discriminator, "output_shape", None)
    if shape is not None and (len(shape) != 2 or shape[-1] != 1):
        raise ValueError(
            f"`{owner}` needs a discriminator that gives one logit for each "
            f"image, of shape (batch, 1). Received: `{discriminator.name}` "
            f"with output of shape {shape}."
        )
    activation = getattr(discriminator.layers[-1], "activation", None)
    if activation not in (None, keras.activations.linear):
        raise ValueError(
            f"`{owner}` needs a discriminator that gives logits, and applies "
            f"the sigmoid itself. Received: `{discriminator.name}`, which ends "
            f"in {activation.__name__!r}. Leave that activation out."
        )


def check_sizes(model, low_res, high_res, generated):
    """Raises unless real and generated images are of the operator's sizes."""
    expected = tuple(low_res.shape[1:])
    for name, images in (("high_res", high_res), ("generated", generated)):
        shape = model.downsample.compute_output_shape(images.shape)
        found = tuple(shape[1:])
        if None not in (*expected, *found) and found != expected:
            raise ValueError(
                f"`{model.name}` received images that do not fit each other. "
                f"Received: low_res of shape {tuple(low_res.shape)}, and "
                f"{name} images of shape {tuple(images.shape)}, which "
                f"`{model.downsample.name}` shrinks to {tuple(shape)}. Give "
                "the generator, the data and the model the same operator."
            )
