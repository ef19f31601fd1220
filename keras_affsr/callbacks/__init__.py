"""Callbacks: exact resume, pictures, ladders, adaptive instance noise."""

from keras_affsr.callbacks.adaptive_instance_noise import (
    AdaptiveInstanceNoise as AdaptiveInstanceNoise,
)
from keras_affsr.callbacks.checkpoint import Checkpoint as Checkpoint
from keras_affsr.callbacks.draw_grid import bicubic as bicubic
from keras_affsr.callbacks.draw_grid import draw_grid as draw_grid
from keras_affsr.callbacks.draw_grid import save_png as save_png
from keras_affsr.callbacks.image_grid import ImageGrid as ImageGrid
from keras_affsr.callbacks.ladder_checkpoint import (
    LadderCheckpoint as LadderCheckpoint,
)
from keras_affsr.callbacks.prior_ladder import PriorLadder as PriorLadder
from keras_affsr.callbacks.stop_on_nan import StopOnNaN as StopOnNaN
from keras_affsr.callbacks.training_log import TrainingLog as TrainingLog
