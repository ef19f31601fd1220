"""Servers that answer as TensorFlow Serving does, for the example client."""

import base64
import concurrent.futures
import contextlib
import http.server
import json
import threading

import numpy as np
import tensorflow as tf

from tests.export_tiny import run

MODEL = "super_resolution"


def answer(signature, files, seed=None):
    """What a server makes of a request; "grey" is for those with a seed."""
    inputs = {} if seed is None else {"seed": np.array(seed, "int64")}
    kind = "colour" if seed is None else "grey"
    return run(signature, kind, low_res_bytes=files, **inputs)


class RestHandler(http.server.BaseHTTPRequestHandler):
    """Answers as TensorFlow Serving's REST interface does, in columns."""

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        request = json.loads(self.rfile.read(length))
        if self.path != f"/v1/models/{MODEL}:predict":
            self.reply(404, {"error": "Servable not found"})
            return
        inputs = request["inputs"]
        files = [
            base64.b64decode(each["b64"]) for each in inputs["low_res_bytes"]
        ]
        try:
            outputs = answer(
                request["signature_name"], files, inputs.get("seed")
            )
        except tf.errors.InvalidArgumentError as error:
            self.reply(400, {"error": str(error)})
            return
        encoded = {name: value.tolist() for name, value in outputs.items()}
        encoded["high_res_bytes"] = [
            {"b64": base64.b64encode(each).decode()}
            for each in outputs["high_res_bytes"]
        ]
        self.reply(200, {"outputs": encoded})

    def reply(self, code, content):
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def rest_server():
    """Yields the address of a server of `RestHandler`."""
    server = http.server.ThreadingHTTPServer(("localhost", 0), RestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@contextlib.contextmanager
def grpc_server():
    """Yields the address of a server of tensorflow-serving-api's own class."""
    import grpc
    from tensorflow_serving.apis import predict_pb2
    from tensorflow_serving.apis import prediction_service_pb2_grpc as service

    class Servicer(service.PredictionServiceServicer):
        def Predict(self, request, context):
            assert request.model_spec.name == MODEL
            inputs = {
                name: tf.make_ndarray(tensor)
                for name, tensor in request.inputs.items()
            }
            try:
                outputs = answer(
                    request.model_spec.signature_name,
                    inputs["low_res_bytes"].tolist(),
                    inputs.get("seed"),
                )
            except tf.errors.InvalidArgumentError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            response = predict_pb2.PredictResponse()
            for name, value in outputs.items():
                tensor = tf.make_tensor_proto(value)
                response.outputs[name].CopyFrom(tensor)
            return response

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    service.add_PredictionServiceServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield f"localhost:{port}"
    server.stop(None).wait()
