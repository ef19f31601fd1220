import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.examples_serving_servers import MODEL
from tests.examples_serving_servers import grpc_server
from tests.examples_serving_servers import rest_server
from tests.export_tiny import deep_file_of
from tests.export_tiny import file_of
from tests.export_tiny import image_of
from tests.export_tiny import pixels
from tests.export_tiny import run
from tests.export_tiny import shrunk

FOLDER = os.path.join("examples", "serving")
sys.path.insert(0, FOLDER)
import client  # noqa: E402
import messages  # noqa: E402

sys.path.remove(FOLDER)

pytestmark = pytest.mark.slow

predict_pb2 = pytest.importorskip("tensorflow_serving.apis.predict_pb2")
FILES = [
    file_of(pixels(9, 7, 3)),
    file_of(pixels(6, 8, 3), "JPEG"),
    deep_file_of(pixels(5, 6, 3, dtype="uint16")),
]


@pytest.fixture(scope="module")
def url():
    with rest_server() as url:
        yield url


@pytest.fixture(scope="module")
def address():
    with grpc_server() as address:
        yield address


@pytest.fixture(params=["url", "address"])
def upscale(request):
    """The client's function, bound to a server."""
    where = request.getfixturevalue(request.param)
    reach = {"url": client.upscale_rest, "address": client.upscale_grpc}

    def upscale(files, seed=None):
        return reach[request.param](where, MODEL, files, seed)

    return upscale


@pytest.mark.parametrize("seed", [None, 0, 300, -2, 2**62])
@pytest.mark.parametrize("count", [1, 3])
def test_a_request_is_the_servers_own_message(seed, count):
    files = FILES[:count]
    expected = predict_pb2.PredictRequest()
    expected.model_spec.name = MODEL
    expected.model_spec.signature_name = "serve_png"
    inputs = {"low_res_bytes": files}
    if seed is not None:
        inputs["seed"] = np.full(count, seed, "int64")
    for name, value in inputs.items():
        expected.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    encoded = messages.predict_request(MODEL, "serve_png", files, seed)
    found = predict_pb2.PredictRequest.FromString(encoded)
    assert found.model_spec == expected.model_spec
    assert found.inputs.keys() == expected.inputs.keys()
    for name, tensor in expected.inputs.items():
        assert found.inputs[name].dtype == tensor.dtype
        assert found.inputs[name].tensor_shape == tensor.tensor_shape
        np.testing.assert_array_equal(
            tf.make_ndarray(found.inputs[name]), tf.make_ndarray(tensor)
        )


@pytest.mark.parametrize("as_content", [False, True])
def test_a_reply_is_read_however_the_server_writes_numbers(as_content):
    values = {
        "high_res_bytes": [b"", b"\x00\xff" * 300],
        "consistency_error": np.array([0.25, 1e-3], "float32"),
        "unmatched": np.array([0, 2**40], "int64"),
        "difference": np.array([-1, 3], "int64"),
    }
    response = predict_pb2.PredictResponse()
    for name, value in values.items():
        tensor = tf.make_tensor_proto(value)
        if not as_content and tensor.tensor_content:
            tensor.ClearField("tensor_content")
            kind = "float" if value.dtype == np.float32 else "int64"
            getattr(tensor, f"{kind}_val").extend(value.tolist())
        response.outputs[name].CopyFrom(tensor)
    found = messages.predict_response(response.SerializeToString())
    assert found.keys() == values.keys()
    for name, value in values.items():
        np.testing.assert_array_equal(found[name], value)


def test_a_reply_of_another_type_is_refused():
    response = predict_pb2.PredictResponse()
    response.outputs["x"].CopyFrom(tf.make_tensor_proto([True, False]))
    with pytest.raises(ValueError, match="an unknown type, 10"):
        messages.predict_response(response.SerializeToString())


def test_both_interfaces_return_what_the_model_does(upscale):
    outputs = upscale(FILES)
    expected = run("serve_png", low_res_bytes=FILES)
    assert outputs["high_res_bytes"] == expected["high_res_bytes"].tolist()
    assert outputs["unmatched"] == [0, 0, 0]
    np.testing.assert_array_equal(
        np.array(outputs["consistency_error"], "float32"),
        expected["consistency_error"],
    )


def test_both_interfaces_send_the_seed(upscale):
    files = [file_of(pixels(6, 7, 1))]
    seeds = np.array([9])
    expected = run("serve_png", "grey", low_res_bytes=files, seed=seeds)
    outputs = upscale(files, seed=9)
    assert outputs["high_res_bytes"] == expected["high_res_bytes"].tolist()
    assert upscale(files, seed=8)["high_res_bytes"] != outputs["high_res_bytes"]


def test_both_interfaces_tell_what_the_server_refuses(upscale):
    message = r"low_res_bytes\[1\] is damaged or cut off"
    with pytest.raises(client.ServingError, match=message):
        upscale([FILES[0], FILES[0][:100]])


def test_a_model_that_is_not_there_is_told(url):
    with pytest.raises(client.ServingError, match="Servable not found"):
        client.upscale_rest(url, "other", FILES)


@pytest.mark.parametrize(
    ("reach", "where"),
    [
        (client.upscale_rest, "http://localhost:1"),
        (client.upscale_grpc, "localhost:1"),
    ],
)
def test_a_server_that_is_not_there_is_told(reach, where):
    with pytest.raises(client.ServingError, match=r"no reply|UNAVAILABLE"):
        reach(where, MODEL, FILES, timeout=5.0)


@pytest.mark.parametrize(
    ("flag", "server"), [("url", "url"), ("grpc", "address")]
)
def test_the_program_upscales_files(tmp_path, capsys, request, flag, server):
    names = ("a.png", "b.jpg", "bad.png", "c.png")
    for name, content in zip(names, [*FILES[:2], b"bad", FILES[2]]):
        (tmp_path / name).write_bytes(content)
    arguments = [
        f"--{flag}={request.getfixturevalue(server)}",
        f"--output_dir={tmp_path / 'out'}",
        *(str(tmp_path / name) for name in names),
    ]
    assert client.main(arguments) == 1
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 3
    assert "bad.png: " in printed.err
    assert "low_res_bytes[0] is neither a JPEG nor a PNG" in printed.err
    assert sorted(os.listdir(tmp_path / "out")) == ["a.png", "b.png", "c.png"]
    returned = image_of((tmp_path / "out" / "a.png").read_bytes())
    np.testing.assert_array_equal(shrunk(returned), pixels(9, 7, 3))

    assert client.main(arguments[:-2]) == 1
    assert "exists; see --overwrite" in capsys.readouterr().err
    assert client.main([*arguments[:4], "--overwrite"]) == 0


def test_the_client_needs_nothing_but_python():
    # -S leaves out all that is installed.
    program = os.path.join(FOLDER, "client.py")
    done = subprocess.run(
        [sys.executable, "-S", program, "--help"],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "--output_dir" in done.stdout


def test_the_batching_file_sets_what_the_server_knows():
    # The fields of BatchingParameters, all of a wrapper type; their message is
    # not in the package tensorflow-serving-api.
    with open(os.path.join(FOLDER, "batching.config")) as file:
        lines = file.read().splitlines()
    found = [re.fullmatch(r"(\w+) \{ value: (\d+) \}", line) for line in lines]
    assert {match[1] for match in found} == {
        "max_batch_size",
        "batch_timeout_micros",
        "num_batch_threads",
        "max_enqueued_batches",
    }
