"""The states of callbacks, which a checkpoint keeps with the model's."""

import gc
import warnings

import keras

from keras_affsr.callbacks.ladder_checkpoint import LadderCheckpoint

# Of callbacks that do not tell it themselves, where their state is.
ATTRIBUTES = {
    LadderCheckpoint: ("number", "lowest"),
    keras.callbacks.EarlyStopping: (
        *("best", "best_epoch", "best_weights"),
        *("stopped_epoch", "wait"),
    ),
    keras.callbacks.ModelCheckpoint: ("best",),
    keras.callbacks.ReduceLROnPlateau: ("best", "wait", "cooldown_counter"),
}


def check_callbacks(callbacks, owner):
    """Returns a list of callbacks whose state is known, or raises."""
    callbacks = list(callbacks)
    for callback in callbacks:
        if not hasattr(callback, "get_state") and not _attributes(callback):
            names = ", ".join(kind.__name__ for kind in ATTRIBUTES)
            raise ValueError(
                f"`{owner}` keeps the state of callbacks that have methods "
                f"get_state() and set_state(state), and of {names}. Received: "
                f"callbacks with a {type(callback).__name__}. Leave it out, or "
                "subclass it with these two methods."
            )
    return callbacks


def warn_of_others(checkpoint):
    """Warns of callbacks of the same `fit` whose state is not kept."""
    kept = {id(each) for each in (checkpoint, *checkpoint.callbacks)}
    others = [each for each in _beside(checkpoint) if id(each) not in kept]
    names = sorted({type(each).__name__ for each in others if _counts(each)})
    if names:
        warnings.warn(
            f"`{checkpoint.owner}` does not keep the state of "
            f"{', '.join(names)}, of the same `fit`: started again, a run "
            "would not end as if it had not been stopped. Give the same "
            f"objects to `{checkpoint.owner}` too, as callbacks=[...].",
            stacklevel=2,
        )


def get_states(callbacks):
    """Returns the states of callbacks, of which arrays may be a part."""
    return [[type(each).__name__, _get(each)] for each in callbacks]


def set_states(callbacks, states, owner):
    """Sets what `get_states` returned, or raises if it is of others."""
    names = [type(each).__name__ for each in callbacks]
    found = [name for name, _ in states]
    if names != found:
        raise ValueError(
            f"`{owner}` found the states of other callbacks: {found} in the "
            f"checkpoint, and callbacks={names} now. Start with the same ones, "
            "in the same order."
        )
    for callback, (_, state) in zip(callbacks, states):
        _set(callback, state)


def _attributes(callback):
    kinds = (kind for kind in ATTRIBUTES if isinstance(callback, kind))
    return ATTRIBUTES.get(next(kinds, None), ())


def _beside(callback):
    """Returns all callbacks of the same `fit`.

    Keras does not tell one callback of the others. What they have in common is
    the dict of `params`, which is the very same object.
    """
    kind = keras.callbacks.Callback
    found = (each for each in gc.get_objects() if issubclass(type(each), kind))
    params = callback.params
    return [each for each in found if getattr(each, "params", None) is params]


def _counts(callback):
    """Returns whether a callback has a state that a resume would need."""
    if isinstance(callback, keras.callbacks.ModelCheckpoint):
        return callback.save_best_only
    return hasattr(callback, "get_state") or bool(_attributes(callback))


def _get(callback):
    if hasattr(callback, "get_state"):
        return callback.get_state()
    return {name: getattr(callback, name) for name in _attributes(callback)}


def _set(callback, state):
    if hasattr(callback, "set_state"):
        callback.set_state(state)
        return
    for name, value in state.items():
        setattr(callback, name, value)
