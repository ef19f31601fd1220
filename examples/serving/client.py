r"""Upscales image files on a TensorFlow Serving server.

    python client.py --url=http://localhost:8501 --output_dir=upscaled *.png
    python client.py --grpc=localhost:8500 --output_dir=upscaled *.png

Nothing but Python is needed for the first; the second needs grpcio. What comes
back is a PNG file for each JPEG or PNG file, and how well it agrees with it.
"""

import argparse
import base64
import json
import os
import sys
import urllib.error
import urllib.request

import messages

SIGNATURE = "serve_png"
PREDICT = "/tensorflow.serving.PredictionService/Predict"


class ServingError(Exception):
    """The server was not reached, or refused a request."""


def upscale_rest(url, model, files, seed=None, timeout=300.0):
    """Upscales files through the REST interface.

    Args:
        url: str. The server's, such as "http://localhost:8501".
        model: str. Name of the model on the server.
        files: list of bytes. JPEG or PNG files, of any sizes.
        seed: int, for a stochastic model only.
        timeout: float. Seconds to wait for the reply.

    Returns:
        dict of lists: "high_res_bytes", PNG files as bytes;
        "consistency_error" and "unmatched", numbers.

    Raises:
        ServingError: If the server was not reached or refused the files.
    """
    encoded = [{"b64": base64.b64encode(each).decode()} for each in files]
    inputs = {"low_res_bytes": encoded}
    if seed is not None:
        inputs["seed"] = [seed] * len(files)
    request = urllib.request.Request(
        f"{url.rstrip('/')}/v1/models/{model}:predict",
        json.dumps({"signature_name": SIGNATURE, "inputs": inputs}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            outputs = json.load(reply)["outputs"]
    except urllib.error.HTTPError as error:
        raise ServingError(_rest_reason(error)) from error
    except OSError as error:
        raise ServingError(f"no reply from {url}: {error}") from error
    outputs["high_res_bytes"] = [
        base64.b64decode(each["b64"]) for each in outputs["high_res_bytes"]
    ]
    return outputs


def upscale_grpc(address, model, files, seed=None, timeout=300.0):
    """Upscales files through the gRPC interface; see `upscale_rest`.

    Args:
        address: str. The server's, such as "localhost:8500".
        model: str. Name of the model on the server.
        files: list of bytes. JPEG or PNG files, of any sizes.
        seed: int, for a stochastic model only.
        timeout: float. Seconds to wait for the reply.

    Returns:
        As `upscale_rest`.

    Raises:
        ServingError: If the server was not reached or refused the files.
    """
    import grpc

    # Clients refuse more than 4 MiB unless told otherwise.
    options = [
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
    ]
    with grpc.insecure_channel(address, options) as channel:
        predict = channel.unary_unary(
            PREDICT, response_deserializer=messages.predict_response
        )
        request = messages.predict_request(model, SIGNATURE, files, seed)
        try:
            return predict(request, timeout=timeout)
        except grpc.RpcError as error:
            reason = f"{error.code().name}: {error.details()}"
            raise ServingError(reason) from error


def upscale_file(upscale, source, target, overwrite=False):
    """Upscales a file to a file, and returns what the server says of it.

    Args:
        upscale: Function from a list of files to the server's outputs.
        source: str. Path of a JPEG or PNG file.
        target: str. Path of the PNG file to write.
        overwrite: bool. Whether to replace a file.

    Returns:
        Pair (consistency_error, unmatched).
    """
    if os.path.exists(target) and not overwrite:
        raise FileExistsError(f"{target} exists; see --overwrite")
    with open(source, "rb") as file:
        outputs = upscale([file.read()])
    partial = f"{target}.partial"
    with open(partial, "wb") as file:
        file.write(outputs["high_res_bytes"][0])
    os.replace(partial, target)
    return outputs["consistency_error"][0], outputs["unmatched"][0]


def main(arguments=None):
    """Upscales all files, and returns 1 if any failed."""
    flags = _parse(arguments)
    os.makedirs(flags.output_dir, exist_ok=True)

    def upscale(files):
        reach, where = (
            (upscale_grpc, flags.grpc)
            if flags.grpc
            else (upscale_rest, flags.url)
        )
        return reach(where, flags.model, files, flags.seed, flags.timeout)

    failed = 0
    for source in flags.files:
        name = os.path.splitext(os.path.basename(source))[0] + ".png"
        target = os.path.join(flags.output_dir, name)
        try:
            error, number = upscale_file(
                upscale, source, target, flags.overwrite
            )
        except (OSError, ServingError) as reason:
            failed += 1
            print(f"{source}: {reason}", file=sys.stderr)
        else:
            print(f"{target}: consistent to {error:.1e}, {number} unmatched")
    return 1 if failed else 0


def _parse(arguments):
    parser = argparse.ArgumentParser(
        description="Upscales image files on a TensorFlow Serving server."
    )
    add = parser.add_argument
    add("files", nargs="+", help="JPEG and PNG files")
    add("--url", default="http://localhost:8501", help="for REST")
    add("--grpc", help="for gRPC instead, such as localhost:8500")
    add("--model", default="super_resolution", help="its name on the server")
    add("--output_dir", required=True, help="where the PNG files go")
    add("--seed", type=int, help="for a stochastic model")
    add("--timeout", type=float, default=300.0, help="in seconds")
    add("--overwrite", action="store_true", help="replace files that exist")
    return parser.parse_args(arguments)


def _rest_reason(error):
    content = error.read().decode(errors="replace")
    try:
        return json.loads(content)["error"]
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}: {content[:200]}"


if __name__ == "__main__":
    sys.exit(main())
