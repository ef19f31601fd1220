"""Floating-point operations and tensors of networks, counted on the models.

A multiplication and the addition that follows it are two operations, and those
of convolutions and dense layers are counted exactly. What acts on elements
alone is a small share of the operations, and a large one of the memory's work.
"""

import collections
import functools
import math

# Operations for each element of what a layer makes, roughly.
PER_ELEMENT = {
    "FusedBatchNormalization": 4,
    "ReLU": 1,
    "Add": 1,
    "Activation": 4,  # The sigmoid.
    "GlobalAveragePooling2D": 1,
    "AffineProjection": 100,  # Nine taps each way, down, up, and what is added.
}

# What one operation of a network, mostly a layer, does for one image.
Work = collections.namedtuple("Work", "kind, products, others, made, first")


@functools.lru_cache(maxsize=8)
def work(model, shape):
    """Walks a functional model of one input.

    Args:
        model: Model, functional.
        shape: Of an image, `(height, width, channels)`.

    Returns:
        List of `Work`: the class of the operation, the floating-point
        operations of its matrix products and its other ones, the elements that
        it makes, and whether no layer with weights comes before, so that
        training needs no gradient of its input.
    """
    import keras

    # The same layers again, for images whose size is known.
    sized = keras.models.clone_model(model, input_tensors=keras.Input(shape))
    after_weights, works = set(), []
    for operation in sized.operations[1:]:
        first = not any(
            id(tensor) in after_weights
            for tensor in keras.tree.flatten(operation.input)
        )
        if not first or getattr(operation, "weights", ()):
            after_weights.add(id(operation.output))
        if type(operation).__name__ == "MirroredConv2D":
            works.append(_mirror(operation))
        works.append(_work(operation, first))
    return works


def _mirror(convolution):
    """Returns the work of mirroring, which makes a larger image."""
    _, *sizes, channels = convolution.input.shape
    taps = convolution.kernel_size
    made = [size + tap - 1 for size, tap in zip(sizes, taps, strict=True)]
    return Work("Mirror", 0, 0, math.prod(made) * channels, True)


def _work(operation, first):
    kind, shape = type(operation).__name__, operation.output.shape[1:]
    made, products, others = math.prod(shape), 0, 0
    if kind in ("Conv2D", "MirroredConv2D", "Dense"):
        pixels = math.prod(shape[:-1])
        products = 2 * pixels * math.prod(operation.kernel.shape)
        others = made if operation.use_bias else 0
    elif getattr(operation, "kernel", None) is not None:
        raise ValueError(f"The operations of a {kind} are not known here.")
    others += PER_ELEMENT.get(kind, 0) * made
    return Work(kind, products, others, made, first)


def forward(model, shape):
    """Returns the operations of products in a forward pass of one image."""
    return sum(each.products for each in work(model, shape))


def elementwise(model, shape):
    """Returns the other operations of a forward pass, roughly."""
    return sum(each.others for each in work(model, shape))


def input_gradients(model, shape):
    """Returns the operations of all gradients that go on to other weights."""
    return sum(each.products for each in work(model, shape) if not each.first)


def activations(model, shape, kinds=None):
    """Returns how many elements operations of these classes, or all, make."""
    return sum(
        each.made
        for each in work(model, shape)
        if kinds is None or each.kind in kinds
    )


def gan_step(generator, discriminator, size):
    """Returns the operations of a step of AffGAN, for each image of its batch.

    The generator's forward pass serves both losses. The discriminator sees the
    real and the generated image; both losses are of these logits. Its own loss
    wants the gradients of its weights, the generator's those of its input. As
    batch norm ties the images of a batch to each other, the latter are
    computed for the real ones as well.

    Args:
        generator: Model.
        discriminator: Model.
        size: int. Pixels each way of the high-resolution images.
    """
    low, high = shapes(generator, size)
    # Each weight's gradient is a product as large as the forward one.
    generate = 2 * forward(generator, low) + input_gradients(generator, low)
    judge = 3 * forward(discriminator, high)
    judge += input_gradients(discriminator, high)
    return generate + 2 * judge


def shapes(generator, size):
    """Returns the shapes of low- and of high-resolution images."""
    channels = generator.inputs[0].shape[-1]
    made = generator.compute_output_shape((1, size, size, channels))
    low_size = size * size // made[1]
    return (low_size, low_size, channels), (size, size, channels)
