"""Callbacks: pictures, ladders of priors, and adaptive instance noise."""

from keras_affsr.callbacks.adaptive_instance_noise import (
    AdaptiveInstanceNoise as AdaptiveInstanceNoise,
)
from keras_affsr.callbacks.draw_grid import bicubic as bicubic
from keras_affsr.callbacks.draw_grid import draw_grid as draw_grid
from keras_affsr.callbacks.draw_grid import save_png as save_png
from keras_affsr.callbacks.image_grid import ImageGrid as ImageGrid
from keras_affsr.callbacks.ladder_checkpoint import (
    LadderCheckpoint as LadderCheckpoint,
)
from keras_affsr.callbacks.prior_ladder import PriorLadder as PriorLadder
