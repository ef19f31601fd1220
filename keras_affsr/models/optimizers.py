"""What a model with an optimizer for each of its networks needs of them."""

import keras
import tensorflow as tf


def check_optimizer(optimizer, argument, owner):
    """Returns a Keras optimizer, or raises where none was given."""
    if optimizer is None:
        raise ValueError(
            f"`{owner}` trains two networks and needs an optimizer for each. "
            f"Received: {argument}=None. Call, for instance, `model.compile("
            "optimizer='adam', discriminator_optimizer='adam')`."
        )
    return keras.optimizers.get(optimizer)


def check_two(optimizer, discriminator_optimizer, owner):
    """Returns the discriminator's optimizer, or raises unless there are two."""
    check_optimizer(optimizer, "optimizer", owner)
    second = check_optimizer(
        discriminator_optimizer, "discriminator_optimizer", owner
    )
    if second is optimizer:
        raise ValueError(
            f"`{owner}` trains two networks and needs an optimizer for each. "
            "Received: the same object as optimizer and "
            "discriminator_optimizer. Make two, with the same settings if you "
            "like."
        )
    return second


def with_loss_scaling(optimizer, model):
    """Wraps an optimizer as Keras does with a model's first one.

    The small gradients of float16 vanish unless the loss is scaled up.
    """
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if model.dtype_policy.name == "mixed_float16" and not scaled:
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def build(optimizer, network):
    """Makes the slots of an optimizer for the weights of its network.

    Left to Keras, the first optimizer would get slots for all networks and the
    second none until the first step, which is too late to restore them.
    """
    if not optimizer.built:
        optimizer.build(network.trainable_variables)


def minimize(optimizer, tape, loss, network):
    """Updates a network by the gradient of its (scaled) loss."""
    variables = network.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)


def check_strategy(owner, strategy, optimizers, jit_compile, steps):
    """Refuses what Keras cannot do under a distribution strategy.

    Left alone, these end in a message about placeholders or merge_call.
    """
    if strategy.num_replicas_in_sync == 1:
        return
    # With loss scaling, the optimizer proper is the inner one.
    inner = [getattr(each, "inner_optimizer", each) for each in optimizers]
    accumulates = any(each.gradient_accumulation_steps for each in inner)
    for option, used in (
        ("jit_compile=True", jit_compile is True),
        (f"steps_per_execution={steps}", steps != 1),
        ("gradient_accumulation_steps", accumulates),
    ):
        if used:
            raise ValueError(
                f"`{owner}` was compiled with {option} under "
                f"{type(strategy).__name__} with "
                f"{strategy.num_replicas_in_sync} replicas, which Keras 3 "
                "does not support on TensorFlow. Leave the option out, or "
                "train on one device."
            )


def num_replicas():
    """Returns the number of replicas whose gradients will be added."""
    return tf.distribute.get_strategy().num_replicas_in_sync
