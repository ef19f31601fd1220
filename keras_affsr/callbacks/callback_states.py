"""The states of callbacks, which a checkpoint keeps with the model's."""

import keras

from keras_affsr.callbacks.ladder_checkpoint import LadderCheckpoint

# Of callbacks that do not tell it themselves, where their state is.
ATTRIBUTES = {
    LadderCheckpoint: ("number", "lowest"),
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


def get_states(callbacks):
    """Returns the states of callbacks as a JSON-able list."""
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


def _get(callback):
    if hasattr(callback, "get_state"):
        return callback.get_state()
    state = {name: getattr(callback, name) for name in _attributes(callback)}
    # NumPy's numbers as Python's, which JSON knows.
    return {k: v.item() if hasattr(v, "item") else v for k, v in state.items()}


def _set(callback, state):
    if hasattr(callback, "set_state"):
        callback.set_state(state)
        return
    for name, value in state.items():
        setattr(callback, name, value)
