"""The flags that all trainings share, and the data and models behind them."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import run_data
import run_flags
import run_models
import train_celeba
import train_imagenet
import train_texture
from absl import flags as absl_flags

from tests.examples_runs import EXAMPLES
from tests.examples_runs import run
from tests.examples_runs import settings_of

SCRIPTS = ("train_celeba", "train_imagenet", "train_texture")


@pytest.mark.parametrize("name", [*SCRIPTS, "evaluate", "projection_study"])
def test_help_does_not_wait_for_tensorflow(name):
    script = EXAMPLES / f"{name}.py"
    program = (
        f"import runpy, sys; sys.argv = [{str(script)!r}, '--help']\n"
        f"sys.path.insert(0, {str(EXAMPLES)!r})\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit:\n"
        "  heavy = {'tensorflow', 'keras', 'numpy'} & set(sys.modules)\n"
        "  print(sorted(heavy))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--output_dir" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_all_trainings_share_one_set_of_flags():
    shared = set.intersection(
        *(
            set(vars(settings_of(script)))
            for script in (train_celeba, train_imagenet, train_texture)
        )
    )
    assert shared >= {
        "batch_size",
        "data",
        "epochs",
        "instance_noise",
        "instance_noise_target",
        "objective",
        "output_dir",
        "precision",
        "resume",
        "seed",
        "steps",
        "strategy",
        "width",
    }


@pytest.mark.parametrize(
    ("script", "flag", "names"),
    [
        (train_celeba, "gan", ["mse", "gan"]),
        (train_celeba, "gan,mae,mse", ["mae", "mse", "gan"]),
        (train_celeba, "plain_mse,softgan", ["plain_mse", "mse", "softgan"]),
        (train_celeba, "all", list(run_models.OBJECTIVES)),
        (train_texture, "softgan,ll", ["prior", "mse", "softgan", "ll"]),
        (train_texture, "typical,dg", ["denoiser", "prior", "dg", "typical"]),
        (train_texture, "all", list(train_texture.OBJECTIVES)),
    ],
)
def test_what_an_objective_goes_on_from_is_trained_too(script, flag, names):
    settings = settings_of(script, f"--objective={flag}")
    assert run_flags.chosen(settings.objective, script.OBJECTIVES) == names


def test_what_a_run_does_not_depend_on_is_not_of_the_run():
    settings = settings_of(train_celeba, "--output_dir=a", "--seed=5")
    found = run_flags.of_the_run(settings, label="AffMSE")
    assert found["seed"] == 5 and found["label"] == "AffMSE"
    assert not found.keys() & {"output_dir", "objective", "resume"}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["faces"], "Unknown arguments: faces"),
        (["--objective=wgan"], "--objective does not know wgan. Choose"),
        (["--objective="], "--objective does not know none. Choose"),
        (["--instance_noise=0.1"], "--instance_noise=0.1 needs two numbers"),
        (["--instance_noise=a,b"], "--instance_noise=a,b needs two numbers"),
        (["--instance_noise=0.1,-1"], "--instance_noise=0.1,-1 needs two"),
        (["--steps=10", "--epochs=4"], "--steps=10 does not divide into"),
        (
            ["--strategy=mirrored", "--jit_compile"],
            "--jit_compile cannot be had with --strategy=mirrored",
        ),
        (["--data=mnist"], "value should be one of <celeb_a|photographs>"),
    ],
)
def test_what_will_not_do_is_refused_before_anything_is_made(
    tmp_path, flags, message
):
    done = run("train_celeba.py", f"--output_dir={tmp_path / 'new'}", *flags)
    assert done.returncode != 0
    assert message in " ".join((done.stderr + done.stdout).split())
    assert not (tmp_path / "new").exists()


def test_a_flag_that_no_training_has_is_no_default():
    with pytest.raises(TypeError, match="No flags of these names: widht"):
        run_flags.define(["mse"], ["grass"], absl_flags.FlagValues(), widht=1.0)


def test_the_splits_of_the_photographs_have_nothing_in_common():
    names = [n for split in run_data.PHOTOGRAPHS.values() for n in split]
    assert len(set(names)) == len(names)
    settings = settings_of(
        train_celeba, "--data=photographs", "--test_images=20"
    )
    images = [
        np.asarray(each) for each in run_data.held_out_images(settings, "test")
    ]
    assert [each.shape for each in images] == [(16, 64, 64, 3)] * 2


def test_textures_are_judged_against_other_crops():
    settings = settings_of(train_texture)
    _, high_res = run_data.arrays(run_data.held_out_pairs(settings))
    _, chosen_by = run_data.arrays(
        run_data.held_out_pairs(settings, "validation")
    )
    others = np.concatenate(list(run_data.references(settings).take(8)))
    assert high_res.shape == others.shape == (128, 64, 64, 1)
    for one, other in (
        (high_res, others),
        (high_res, chosen_by),
        (others, chosen_by),
    ):
        assert not (one == other).all((1, 2, 3)).any()


def test_training_goes_on_at_the_batch_it_is_told():
    settings = settings_of(train_celeba, "--data=photographs")
    first = list(run_data.training_pairs(settings, 32).take(3))
    late = next(iter(run_data.training_pairs(settings, 32, start_batch=2)))
    for one, other in zip(first[2], late, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_stochastic_generator_begins_as_the_one_it_goes_on_from():
    settings = settings_of(train_texture, "--width=0.2", "--seed=1")
    trained = run_models.generator(settings)
    keras.utils.set_random_seed(7)
    trained.set_weights(
        [w + np.random.normal(0, 0.05, w.shape) for w in trained.get_weights()]
    )
    network = run_models.generator(settings, noise_channels=2)
    run_models.copy_weights(trained, network)
    low_res = np.random.uniform(size=(2, 8, 8, 1)).astype("float32")
    silent = network([low_res, np.zeros((2, 8, 8, 2), "float32")])
    np.testing.assert_allclose(silent, trained(low_res), atol=1e-5)
    noisy = network([low_res, np.ones((2, 8, 8, 2), "float32")])
    assert np.abs(noisy - silent).max() > 1e-3


def test_instance_noise_falls_along_a_line_or_is_left_to_adapt():
    settings = settings_of(train_celeba, "--instance_noise=0.4,0.2")
    level = run_models.noise_level(settings, 10)
    np.testing.assert_allclose([level(0), level(5), level(10)], [0.4, 0.3, 0.2])
    settings.instance_noise_target = 0.7
    assert run_models.noise_level(settings, 10) == 0.4
