"""What of a model a checkpoint holds, and whether the two fit each other."""

import math
import warnings

import keras
import numpy as np
from keras import ops


def check_compiled(model, owner):
    """Raises unless a model has all weights and optimizers it trains with."""
    if not (model.built and model.compiled):
        raise ValueError(
            f"`{owner}` restores weights and the state of optimizers, which "
            f"have to exist. Received: `{model.name}`, not built or not "
            "compiled yet. Call `compile` before, and a model of your own on "
            "a batch of data."
        )
    for optimizer in optimizers(model):
        if not optimizer.built:  # As Keras does when training begins.
            optimizer.build(model.trainable_variables)


def describe(model):
    """Returns what two models must have in common to share a checkpoint."""
    return {
        "class": type(model).__name__,
        "dtype policy": model.dtype_policy.name,
        "optimizers": [type(each).__name__ for each in optimizers(model)],
        "variables": [
            f"{each.dtype} {list(each.shape)}" for each in variables(model)
        ],
    }


def check_fits(description, model, path, owner):
    """Raises unless a model is such as the one a checkpoint was written of."""
    for key, found in describe(model).items():
        if description[key] != found:
            raise ValueError(
                f"`{owner}` found the checkpoint of another model: {path} has "
                f"{_difference(key, description[key], found)}. Build and "
                "compile the model as in the run that wrote it, or give "
                "another directory."
            )


def load(model, path):
    """Loads weights and the state of optimizers from a checkpoint."""
    with warnings.catch_warnings():
        # Keras only warns if the state of an optimizer is left out.
        warnings.filterwarnings("error", "Skipping variable loading")
        model.load_weights(path)


def random_states(model):
    """Returns the states of layers' random numbers, which Keras saves not."""
    return [ops.convert_to_numpy(each).tolist() for each in _seeds(model)]


def set_random_states(model, states):
    """Sets what `random_states` returned."""
    for variable, state in zip(_seeds(model), states):
        variable.assign(state)


def num_bytes(model):
    """Returns the size of all that a checkpoint holds."""
    return sum(
        math.prod(v.shape) * np.dtype(v.dtype).itemsize
        for v in variables(model)
    )


def check_finite(model, owner):
    """Raises if training has ruined a model.

    Only what is trained may not be infinite: the coarseness of a prior is,
    before its training.
    """
    trained = {id(each) for each in model.trainable_variables}
    trained |= {id(v) for each in optimizers(model) for v in each.variables}
    for variable in variables(model):
        is_good = ops.isfinite if id(variable) in trained else _is_number
        # Where the variable is: but for one bool, nothing is copied.
        if "float" in variable.dtype and not ops.all(is_good(variable)):
            good = ops.convert_to_numpy(is_good(variable))
            raise FloatingPointError(
                f"`{owner}` does not keep a ruined model, and stops the "
                f"training: {np.sum(~good)} of {good.size} numbers in "
                f"{variable.path} are NaN or infinite. The last checkpoint is "
                "a good one. `callbacks.StopOnNaN` finds the batch."
            )


def optimizers(model):
    """Returns all optimizers of a model."""
    kind = keras.optimizers.Optimizer
    return [each for each in vars(model).values() if isinstance(each, kind)]


def variables(model):
    """Returns all that changes in training, but metrics."""
    found = list(model.variables)
    for optimizer in optimizers(model):
        found += optimizer.variables
    return found


def _seeds(model):
    """Returns the variables of `keras.random.SeedGenerator`s in layers."""
    weights = {id(each) for each in model.weights}
    return [each for each in model.variables if id(each) not in weights]


def _difference(key, expected, found):
    if not isinstance(found, list):
        return f"{key} {expected!r}, and `restore` received {found!r}"
    if len(expected) != len(found):
        return (
            f"{len(expected)} {key}, and the model that `restore` received has "
            f"{len(found)}"
        )
    pairs = zip(expected, found)
    number, (one, other) = next(
        (i, pair) for i, pair in enumerate(pairs, 1) if pair[0] != pair[1]
    )
    return (
        f"{one} as number {number} of its {key}, and the model that `restore` "
        f"received has {other}"
    )


def _is_number(values):
    return ops.logical_not(ops.isnan(values))
