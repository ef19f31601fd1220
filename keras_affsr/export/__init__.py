"""Exports: a SavedModel for TensorFlow Serving, ONNX and LiteRT."""

from keras_affsr.export.export_litert import export_litert as export_litert
from keras_affsr.export.export_onnx import export_onnx as export_onnx
from keras_affsr.export.export_saved_model import (
    export_saved_model as export_saved_model,
)
