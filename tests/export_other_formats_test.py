import os
import sys

import keras
import numpy as np
import pytest

from keras_affsr.export import export_litert
from keras_affsr.export import export_onnx
from keras_affsr.layers import GaussianDownsample
from keras_affsr.layers import PseudoInverseUpsample
from keras_affsr.models import SuperResolver
from keras_affsr.networks import generator

onnxruntime = pytest.importorskip("onnxruntime")
litert = pytest.importorskip("ai_edge_litert.interpreter")

DOWNSAMPLE = GaussianDownsample(scale=4)
EXPORTS = {".onnx": export_onnx, ".tflite": export_litert}
# What is promised. Both compute in float32, and are within about 1e-6.
TOLERANCE = 1e-4
# Of A y, in the format's own arithmetic: float32, and no step in float64.
CONSISTENCY = 2e-6


def network(**kwargs):
    kwargs = {"channels": 1, "filters": (4, 4), "skip_every": 2, **kwargs}
    made = generator(DOWNSAMPLE, **kwargs)
    for layer in made.layers:  # Moments of batch norm that matter.
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(layer.moving_mean + 0.1)
    return made


def run(path, **inputs):
    """Runs a file by the interpreter of its format."""
    if path.endswith(".onnx"):
        session = onnxruntime.InferenceSession(path)
        return session.run(["high_res"], inputs)[0]
    interpreter = litert.Interpreter(path)
    return interpreter.get_signature_runner()(**inputs)["high_res"]


def images(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype="float32")


@pytest.mark.parametrize("ending", EXPORTS)
@pytest.mark.parametrize("size", [(9, 13), (70, 5)])
def test_a_file_gives_what_the_model_gives(tmp_path, ending, size):
    made = network()
    path = EXPORTS[ending](made, tmp_path / f"m{ending}", size)
    assert path == str(tmp_path / f"m{ending}")
    low_res = images(1, *size, 1)
    high_res = run(path, low_res=low_res)
    np.testing.assert_allclose(high_res, made(low_res), atol=TOLERANCE)
    np.testing.assert_allclose(DOWNSAMPLE(high_res), low_res, atol=CONSISTENCY)


def test_an_onnx_file_takes_batches(tmp_path):
    made = network()
    path = export_onnx(made, tmp_path / "m.onnx", 8)
    low_res = images(3, 8, 8, 1)
    high_res = run(path, low_res=low_res)
    np.testing.assert_allclose(high_res, made(low_res), atol=TOLERANCE)


@pytest.mark.parametrize("ending", EXPORTS)
def test_without_a_projection_images_are_of_any_size(tmp_path, ending):
    made = network(project=False, channels=3)
    model = SuperResolver(made, DOWNSAMPLE, consistency_weight=1.0)
    path = EXPORTS[ending](model, tmp_path / f"m{ending}")
    for size in ((9, 13), (6, 5)):
        low_res = images(1, *size, 3)
        np.testing.assert_allclose(
            run(path, low_res=low_res), made(low_res), atol=TOLERANCE
        )


@pytest.mark.parametrize("ending", EXPORTS)
def test_a_stochastic_generator_takes_noise(tmp_path, ending):
    made = network(noise_channels=2)
    path = EXPORTS[ending](made, tmp_path / f"m{ending}", (9, 8))
    low_res, noise = images(1, 9, 8, 1), images(1, 9, 8, 2, seed=1)
    high_res = run(path, low_res=low_res, noise=noise)
    np.testing.assert_allclose(high_res, made([low_res, noise]), atol=TOLERANCE)
    other = run(path, low_res=low_res, noise=-noise)
    assert np.max(np.abs(other - high_res)) > TOLERANCE


@pytest.mark.parametrize("ending", EXPORTS)
def test_a_trained_pseudo_inverse_is_kept(tmp_path, ending):
    upsample = PseudoInverseUpsample(DOWNSAMPLE, method="conv", trainable=True)
    made = network(upsample=upsample)
    upsample.kernel.assign(1.1 * upsample.kernel)
    path = EXPORTS[ending](made, tmp_path / f"m{ending}", (9, 8))
    low_res = images(1, 9, 8, 1)
    np.testing.assert_allclose(
        run(path, low_res=low_res), made(low_res), atol=TOLERANCE
    )


@pytest.mark.parametrize("ending", EXPORTS)
def test_a_model_of_half_precision_is_exported_in_float32(tmp_path, ending):
    keras.config.set_dtype_policy("mixed_float16")
    half = network()
    keras.config.set_dtype_policy("float32")
    full = network()
    full.set_weights(half.get_weights())
    path = EXPORTS[ending](half, tmp_path / f"m{ending}", (9, 8))
    low_res = images(1, 9, 8, 1)
    high_res = run(path, low_res=low_res)
    np.testing.assert_allclose(high_res, full(low_res), atol=TOLERANCE)


def test_the_model_is_left_as_it_was(tmp_path):
    made = network()
    before = made.get_config()
    export_litert(made, tmp_path / "m.tflite", (9, 8))
    assert made.get_config() == before


@pytest.mark.parametrize("ending", EXPORTS)
def test_a_projection_needs_a_size(tmp_path, ending):
    message = "cannot write `projection` for images of any size.*size=.64, 64."
    with pytest.raises(ValueError, match=message):
        EXPORTS[ending](network(), tmp_path / f"m{ending}")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("ending", EXPORTS)
def test_paths_are_checked(tmp_path, ending):
    export = EXPORTS[ending]
    with pytest.raises(ValueError, match=f"ends in '{ending}'. Received: path"):
        export(network(), tmp_path / "m.pb", 8)
    path = tmp_path / f"m{ending}"
    path.write_bytes(b"older")
    with pytest.raises(FileExistsError, match="overwrite=True to replace it"):
        export(network(), path, 8)
    assert path.read_bytes() == b"older"
    missing = tmp_path / "missing" / path.name
    with pytest.raises(OSError, match=r"cannot write .* Choose a folder"):
        export(network(), missing, 8)
    export(network(), path, 8, overwrite=True)
    assert run(str(path), low_res=images(1, 8, 8, 1)).shape == (1, 32, 32, 1)


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'keras-affsr\[onnx\]'"):
        export_onnx(network(), tmp_path / "m.onnx", 8)
