import subprocess
import sys

import pytest

# Each is slow to import, or not among the package's requirements.
HEAVY = (
    "PIL",
    "matplotlib",
    "scipy",
    "skimage",
    "tensorflow_datasets",
    "tensorflow_probability",
)


def run(code):
    """Runs code in a new interpreter and returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "-c", code],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_import_brings_nothing_heavy_that_keras_does_not():
    found = run(
        "import sys, keras\n"
        "before = set(sys.modules)\n"
        "import keras_affsr\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        f"print(*sorted(new & {set(HEAVY)!r}))\n"
    )
    assert found == ""


def test_the_whole_package_is_there_after_one_import():
    names = (
        *("callbacks", "data", "export", "layers", "metrics", "models"),
        *("networks", "priors", "training", "upscale"),
    )
    found = run(
        "import keras_affsr\n"
        f"print(*[getattr(keras_affsr, name).__name__ for name in {names}])\n"
        "print(keras_affsr.__version__)\n"
    )
    modules, version = found.splitlines()
    assert modules.split() == [f"keras_affsr.{name}" for name in names]
    assert version[0].isdigit()


def test_the_operators_of_a_saved_model_are_found_by_the_import():
    # `keras.saving.load_model` needs no custom_objects: the classes register.
    found = run(
        "import keras, keras_affsr\n"
        "get = keras.saving.get_registered_object\n"
        "print(get('keras_affsr>AffineProjection').__name__)\n"
    )
    assert found == "AffineProjection"


@pytest.mark.parametrize("name", ["data", "models", "export", "upscale"])
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_what_needs_tensorflow_says_so_on_another_backend(name, backend):
    found = run(
        "import keras\n"
        f"keras.backend.backend = lambda: {backend!r}\n"
        "import keras_affsr\n"
        "print(keras_affsr.layers.__name__, keras_affsr.metrics.__name__)\n"
        "try:\n"
        f"    keras_affsr.{name}\n"
        "except ImportError as error:\n"
        "    print(error)\n"
        "try:\n"
        f"    from keras_affsr import {name}\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    modules, *messages = found.splitlines()
    assert modules == "keras_affsr.layers keras_affsr.metrics"
    assert len(messages) == 2
    for message in messages:
        assert f"keras_affsr.{name} is not available" in message
        assert f"On Keras's {backend} backend keras_affsr.layers" in message
        assert "KERAS_BACKEND=tensorflow" in message


def test_a_name_that_is_not_there_is_no_attribute():
    import keras_affsr

    with pytest.raises(AttributeError, match="no attribute 'super_resolve'"):
        getattr(keras_affsr, "super_resolve")  # noqa: B009
