"""Callbacks: pictures of the progress of training."""

from keras_affsr.callbacks.draw_grid import bicubic as bicubic
from keras_affsr.callbacks.draw_grid import draw_grid as draw_grid
from keras_affsr.callbacks.draw_grid import save_png as save_png
from keras_affsr.callbacks.image_grid import ImageGrid as ImageGrid
