"""Scores of a model on held-out images, and the best epoch by them."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_affsr import metrics
from keras_affsr.callbacks.checkpoint import Checkpoint
from keras_affsr.data import grass
from keras_affsr.data import pairs
from keras_affsr.data import texture_patches
from keras_affsr.layers import GaussianDownsample
from keras_affsr.models import SuperResolver
from keras_affsr.networks import generator
from keras_affsr.training.best_model import BestModel
from keras_affsr.training.summary import generate
from keras_affsr.training.summary import scores

DOWNSAMPLE = GaussianDownsample(4)
ROUNDING = 1e-5  # Relative: float32, with the images in another batching.


def crops(seed=0, **kwargs):
    options = {"batch_size": 4, "seed": seed, "num_batches": 3, **kwargs}
    return texture_patches(grass("test"), 32, **options)


def make_model(noise_channels=0):
    network = generator(
        DOWNSAMPLE, channels=1, width=0.1, noise_channels=noise_channels
    )
    model = SuperResolver(network, DOWNSAMPLE)
    model.compile(keras.optimizers.Adam(1e-3), loss="mse")
    return model


@pytest.mark.parametrize("noise_channels", [0, 2])
def test_scores_are_those_of_all_images_at_once(noise_channels):
    model = make_model(noise_channels)
    high_res = np.concatenate(list(crops()))
    low_res = ops.convert_to_numpy(DOWNSAMPLE(high_res))
    real = np.concatenate(list(crops(seed=1)))
    if noise_channels:  # Batch by batch, as each has the same noise.
        images = np.concatenate(
            [model.sample(low_res[i : i + 4], seed=7)[0] for i in (0, 4, 8)]
        )
    else:
        images = model.predict(low_res, verbose=0)
    found = scores(model, pairs(crops(), DOWNSAMPLE), crops(seed=1), seed=7)
    error = (images - high_res) ** 2
    np.testing.assert_allclose(found["mse"], error.mean(), rtol=ROUNDING)
    per_image = -10 * np.log10(error.mean((1, 2, 3)))
    np.testing.assert_allclose(found["psnr"], per_image.mean(), rtol=ROUNDING)
    for name, metric, reference in (
        ("ssim", metrics.SSIM(), high_res),
        ("sliced_wasserstein", metrics.SlicedWasserstein(), real),
    ):
        metric.update_state(reference, images)
        np.testing.assert_allclose(
            found[name], float(metric.result()), rtol=ROUNDING
        )
    assert found["low_res_mse"] < 1e-14
    assert found["images"] == 12


def test_a_stochastic_model_is_scored_by_what_it_samples():
    model = make_model(noise_channels=2)
    low_res = ops.convert_to_numpy(DOWNSAMPLE(next(iter(crops()))))
    images = generate(model, low_res, seed=5)
    np.testing.assert_allclose(
        images, model.sample(low_res, seed=5)[0], atol=1e-6
    )
    assert np.abs(images - generate(model, low_res, seed=6)).max() > 1e-4


def test_real_images_may_come_in_larger_batches():
    model = make_model()
    data = pairs(crops(), DOWNSAMPLE)
    endless = crops(seed=1, batch_size=6, num_batches=None)
    assert scores(model, data, endless)["images"] == 12


def test_too_few_real_images_are_refused():
    model, data = make_model(), pairs(crops(), DOWNSAMPLE)
    with pytest.raises(ValueError, match=r"4 generated .* batch of 0 `refer"):
        scores(model, data, crops(seed=1, num_batches=2))
    with pytest.raises(ValueError, match=r"4 generated .* batch of 3 `refer"):
        scores(model, data, crops(seed=1, batch_size=3))
    with pytest.raises(ValueError, match="received no batch of `pairs`"):
        scores(model, data.take(0), crops())


@pytest.mark.parametrize("monitor", ["psnr", "sliced_wasserstein"])
def test_the_best_epoch_is_kept(tmp_path, monitor):
    model = make_model()
    held_out = pairs(crops(), DOWNSAMPLE)
    path = tmp_path / "new" / "best.keras"  # In a folder that is made.
    best = BestModel(path, held_out, crops(seed=1), monitor)
    # A learning rate that ruins the last epochs.
    rates = keras.callbacks.LearningRateScheduler(
        lambda epoch: 1e-3 if epoch < 2 else 1.0
    )
    history = model.fit(
        pairs(crops(seed=9, num_batches=None), DOWNSAMPLE),
        steps_per_epoch=3,
        epochs=4,
        verbose=0,
        callbacks=[rates, best],
    ).history[f"val_{monitor}"]
    pick = np.argmax if monitor == "psnr" else np.argmin
    assert best.epoch == pick(history) + 1
    assert best.best == history[pick(history)]
    kept = scores(keras.saving.load_model(path), held_out, crops(seed=1))
    np.testing.assert_allclose(kept[monitor], best.best, rtol=ROUNDING)


def test_the_best_epoch_survives_a_restart(tmp_path):
    def start(epochs):
        keras.utils.set_random_seed(2)
        model = make_model()
        held_out = pairs(crops(), DOWNSAMPLE)
        best = BestModel(tmp_path / "best.keras", held_out, crops(seed=1))
        checkpoint = Checkpoint(tmp_path / "checkpoints", callbacks=[best])
        model.fit(
            pairs(crops(seed=9, num_batches=None), DOWNSAMPLE),
            initial_epoch=checkpoint.restore(model),
            epochs=epochs,
            steps_per_epoch=1,
            verbose=0,
            callbacks=[best, checkpoint],
        )
        return best

    first = start(1)
    again = start(1)  # With nothing left to train.
    assert (again.best, again.epoch) == (first.best, 1)


def test_a_model_that_has_gone_wrong_is_never_the_best(tmp_path):
    model = make_model()
    ruined = [np.full_like(each, np.nan) for each in model.get_weights()]
    good = model.get_weights()
    held_out = pairs(crops(), DOWNSAMPLE)
    best = BestModel(tmp_path / "best.keras", held_out, crops(seed=1))
    best.set_model(model)
    for weights, epoch in ((ruined, None), (good, 2), (ruined, 2)):
        model.set_weights(weights)
        best.on_epoch_end(1, {})
        assert best.epoch == epoch


def test_what_will_not_do_is_refused():
    with pytest.raises(ValueError, match=r"name ends in '\.keras'\. "):
        BestModel("best.h5", [], [])
    with pytest.raises(ValueError, match="`BestModel` does not know monitor="):
        BestModel("best.keras", [], [], monitor="beauty")
