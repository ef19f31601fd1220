import pytest

from keras_affsr.callbacks import PriorLadder
from keras_affsr.models import DenoiserGuidedSuperResolver
from keras_affsr.models import SuperResolver
from tests.models_guided_tiny import tiny_denoiser
from tests.models_guided_tiny import write_ladder
from tests.models_tiny import DOWNSAMPLE
from tests.models_tiny import FIT
from tests.models_tiny import assert_same_arrays
from tests.models_tiny import images
from tests.models_tiny import tiny_generator
from tests.models_tiny import weights


@pytest.fixture
def model():
    model = DenoiserGuidedSuperResolver(
        tiny_generator(), tiny_denoiser(pretrained=False), DOWNSAMPLE
    )
    model.compile("adam")
    return model


def fit(model, ladder, steps=1, **kwargs):
    callback = PriorLadder(ladder, steps, **kwargs)
    model.fit(images(), callbacks=[callback], **FIT)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ((), r"at least one rung. Received: ladder=.*no files rung_\*"),
        ((0.1, 0.2), r"from coarse to fine.*coarseness \[0.1, 0.2\]"),
        ((0.2, 0.2), r"coarseness \[0.2, 0.2\]. Give the files as a list"),
    ],
)
def test_ladders_that_will_not_do_are_refused(levels, message, model, tmp_path):
    write_ladder(tmp_path / "ladder", levels)
    before = weights(model)
    with pytest.raises(ValueError, match=message):
        fit(model, tmp_path / "ladder")
    assert_same_arrays(weights(model), before)


# Keras warns before it raises.
@pytest.mark.filterwarnings("ignore")
def test_rungs_that_do_not_fit_are_refused(model, tmp_path):
    rungs = write_ladder(tmp_path / "ladder")
    other, untrained, missing = (
        tmp_path / f"{name}.weights.h5" for name in ("other", "new", "missing")
    )
    tiny_denoiser(0.05, normalization=None).save_weights(other)
    tiny_denoiser(pretrained=False).save_weights(untrained)
    message = "cannot load .*other.weights.h5 into `denoiser.*`: (.|\n)*same"
    with pytest.raises(ValueError, match=message):
        fit(model, [*rungs, other])
    with pytest.raises(ValueError, match=r"trained priors.*0.1, inf\]"):
        fit(model, [*rungs, untrained])
    with pytest.raises(ValueError, match=r"cannot load .*missing.weights.h5"):
        fit(model, [*rungs, missing])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "at least 1 as steps. Received: steps=0"),
        ({"steps": [0, 5]}, "Received: 2 steps for 3 rungs"),
        ({"steps": [1, 2, 3]}, r"rising from 0. Received: steps=\[1, 2, 3\]"),
        ({"steps": [0, 5, 5]}, "first step of each rung, rising from 0"),
        ({"steps": []}, r"Received: steps=\[\]"),
        ({"steps": 1, "rescue": "model.h5"}, "ends in '.keras'. Received:"),
    ],
)
def test_arguments_that_will_not_do_are_refused(
    arguments, message, model, tmp_path
):
    write_ladder(tmp_path)
    with pytest.raises(ValueError, match=message):
        fit(model, tmp_path, **arguments)


def test_models_that_follow_no_prior_are_refused(tmp_path):
    write_ladder(tmp_path)
    model = SuperResolver(tiny_generator(), DOWNSAMPLE, name="sr")
    model.compile("adam", loss="mse")
    message = "models that follow a prior.*Received: a model `sr` of type Super"
    with pytest.raises(ValueError, match=message):
        fit(model, tmp_path)
