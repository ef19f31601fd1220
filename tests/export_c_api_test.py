import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.export_tiny import WARMUP_SIZES
from tests.export_tiny import deep_file_of
from tests.export_tiny import file_of
from tests.export_tiny import folder
from tests.export_tiny import image_of
from tests.export_tiny import pixels
from tests.export_tiny import run
from tests.export_tiny import run_by_c

pytestmark = pytest.mark.slow

INVALID_ARGUMENT = 3
PNG = file_of(pixels(9, 7, 3))
FILES = [
    PNG,
    file_of(pixels(6, 8, 3), "JPEG"),
    deep_file_of(pixels(5, 6, 3, dtype="uint16")),
]
LOW_RES = np.random.default_rng(0).random((2, 9, 7, 3), dtype="float32")
REQUESTS = [
    ("serving_default", {"low_res": LOW_RES}),
    ("serving_default", {"low_res": LOW_RES[:1, :3, :4]}),
    ("serve_uint8", {"low_res": pixels(8, 6, 3)[None]}),
    ("serve_png", {"low_res_bytes": FILES}),
    ("serve_png", {"low_res_bytes": [PNG, b"not an image"]}),
    ("serve_png", {"low_res_bytes": [PNG[:-30], PNG]}),
    ("serve_png", {"low_res_bytes": [PNG]}),
]
REFUSED = {
    4: "low_res_bytes[1] is neither a JPEG nor a PNG file.",
    5: "low_res_bytes[0] is damaged or cut off.",
}
WARMUP = os.path.join("assets.extra", "tf_serving_warmup_requests")


def array(value):
    return np.array(value, object) if isinstance(value, list) else value


def warmup_logs(kind):
    """Returns the warm-up requests, as the server's own class reads them."""
    from tensorflow_serving.apis import prediction_log_pb2

    path = os.path.join(folder(kind), WARMUP)
    return [
        prediction_log_pb2.PredictionLog.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(path)  # It checks the CRCs.
    ]


def warmup_requests(kind):
    requests = []
    for log in warmup_logs(kind):
        request = log.predict_log.request
        inputs = {
            name: tf.make_ndarray(tensor)
            for name, tensor in request.inputs.items()
        }
        for name, value in inputs.items():
            if value.dtype == object:
                inputs[name] = value.tolist()
        requests.append((request.model_spec.signature_name, inputs))
    return requests


@pytest.fixture(scope="module")
def replies(tmp_path_factory):
    """What a process without TensorFlow's Python package made of requests."""
    requests = REQUESTS + warmup_requests("colour")
    return run_by_c(folder(), requests, tmp_path_factory.mktemp("colour"))


@pytest.mark.parametrize("number", sorted(set(range(7)) - REFUSED.keys()))
def test_each_signature_runs_without_python_to_the_same_bits(replies, number):
    signature, inputs = REQUESTS[number]
    expected = run(signature, **inputs)
    assert replies[number].keys() == expected.keys()
    for name, value in replies[number].items():
        np.testing.assert_array_equal(array(value), expected[name])


@pytest.mark.parametrize("number", sorted(REFUSED))
def test_bad_bytes_are_an_invalid_argument_and_the_next_is_served(
    replies, number
):
    assert replies[number].startswith(f"[{INVALID_ARGUMENT}] ")
    assert REFUSED[number] in replies[number]
    assert isinstance(replies[number + 2 if number == 4 else 6], dict)


def test_the_warm_up_requests_are_replayed(replies):
    sizes = [(6, 5), (7, 7)]
    assert WARMUP_SIZES == [(6, 5), 7]
    found = replies[len(REQUESTS) :]
    assert len(found) == 3 * len(sizes)
    for number, size in enumerate(sizes):
        floats, integers, files = found[3 * number : 3 * number + 3]
        shape = (1, 2 * size[0], 2 * size[1], 3)
        assert floats["high_res"].shape == shape
        assert integers["high_res"].shape == shape
        assert image_of(files["high_res_bytes"][0]).shape == shape[1:]


def test_the_warm_up_requests_of_a_stochastic_model_too(tmp_path):
    found = run_by_c(folder("grey"), warmup_requests("grey"), str(tmp_path))
    assert [type(reply) for reply in found] == 6 * [dict]


def test_the_warm_up_requests_are_the_servers_own_messages():
    logs = warmup_logs("colour")
    names = [log.predict_log.request.model_spec.name for log in logs]
    assert names == 6 * ["colour"]
    signatures = ["serving_default", "serve_uint8", "serve_png"]
    assert [
        log.predict_log.request.model_spec.signature_name for log in logs
    ] == 2 * signatures
    for log in logs:  # Nothing but what the class knows, and no field lost.
        assert type(log)().FromString(log.SerializeToString()) == log
        log.DiscardUnknownFields()
        assert len(log.predict_log.request.inputs) == 1


def test_a_damaged_warm_up_file_is_noticed(tmp_path):
    with open(os.path.join(folder(), WARMUP), "rb") as file:
        content = bytearray(file.read())
    content[20] ^= 1
    path = tmp_path / "damaged"
    path.write_bytes(content)
    with pytest.raises(tf.errors.DataLossError):
        list(tf.data.TFRecordDataset(str(path)))


def saved_model_cli(*arguments):
    program = os.path.join(os.path.dirname(sys.executable), "saved_model_cli")
    done = subprocess.run(
        [program, *arguments, "--dir", folder(), "--tag_set", "serve"],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_line_tool_shows_the_signatures():
    shown = saved_model_cli("show", "--signature_def", "serve_png")
    assert re.search(r"inputs\['low_res_bytes'\].*\n\s+dtype: DT_STRING", shown)
    for name in ("high_res_bytes", "consistency_error", "unmatched"):
        assert f"outputs['{name}']" in shown


def test_the_command_line_tool_runs_the_model(tmp_path):
    source = tmp_path / "low_res.npy"
    np.save(source, LOW_RES)
    saved_model_cli(
        "run",
        "--signature_def=serving_default",
        f"--inputs=low_res={source}",
        f"--outdir={tmp_path}",
    )
    expected = run("serving_default", low_res=LOW_RES)["high_res"]
    found = np.load(tmp_path / "high_res.npy")
    np.testing.assert_array_equal(found, expected)
