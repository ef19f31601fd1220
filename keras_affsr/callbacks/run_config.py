"""The settings of a run, and whether it is started with the same ones."""

import json


def as_json(config, owner):
    """Returns a config as it will be read from a file, or raises."""
    config = dict(config or {})
    for name, value in config.items():
        try:
            json.dumps({name: value})
        except TypeError as error:
            raise ValueError(
                f"`{owner}` needs a config of values that JSON knows. "
                f"Received: {name}={value!r}. {error}. Give numbers, strings, "
                "lists and dicts."
            ) from error
    return json.loads(json.dumps(config))


def check_same(then, now, may_change, path, owner):
    """Raises if a checkpoint is of another config, but where it may be."""
    found = differences(then, now, may_change)
    if found:
        raise ValueError(
            f"`{owner}` goes on with the config of the run alone. In "
            f"{path}: {found}. Start with the same values, or give another "
            "directory."
        )


def differences(then, now, may_change=()):
    """Returns the words for what two dicts of settings differ in, or ""."""
    names = sorted((then.keys() | now.keys()) - set(may_change))
    return "; ".join(
        f"{name}: {_value(then, name)} then, {_value(now, name)} now"
        for name in names
        if _value(then, name) != _value(now, name)
    )


def _value(settings, name):
    return repr(settings[name]) if name in settings else "nothing"
