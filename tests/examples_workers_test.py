"""An example on two workers of this machine."""

import json

import pytest

from tests.examples_runs import EXAMPLES
from tests.examples_runs import TINY
from tests.worker_processes import outcomes_of
from tests.worker_processes import start_two

pytestmark = pytest.mark.slow

FLAGS = (
    *TINY,
    "--data=photographs",
    "--objective=gan",
    "--image_size=32",
    "--strategy=multi_worker",
)


def words(folder, *flags):
    flags = (*FLAGS, f"--output_dir={folder}", *flags)
    return (EXAMPLES / "train_celeba.py", *flags)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of two objectives, and what became of both workers."""
    folder = tmp_path_factory.mktemp("workers")
    return folder, outcomes_of(start_two(words(folder)))


def test_two_workers_train_one_objective_after_the_other(trained):
    folder, ((status, output, errors), (other_status, silent, told)) = trained
    assert status == 0, errors
    assert other_status == 0, told
    lines = output.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["AffMSE", "AffGAN"]
    assert silent == ""  # The chief tells the results.
    for name in ("mse", "gan"):
        summary = json.loads((folder / name / "summary.json").read_text())
        assert summary["final"]["low_res_mse"] < 1e-14
        assert summary["seconds"] > 0


def test_a_run_that_the_chief_may_not_use_ends_all_workers(trained):
    folder, _ = trained
    outcomes = outcomes_of(start_two(words(folder, "--seed=5")))
    assert [status for status, _, _ in outcomes] == [1, 1]
    assert "seed: 0 then, 5 now" in outcomes[0][2]
    assert f"Another worker cannot use {folder / 'mse'}." in outcomes[1][2]
