"""Networks: functions that return functional Keras models."""

from keras_affsr.networks.denoiser import denoiser as denoiser
from keras_affsr.networks.discriminator import discriminator as discriminator
from keras_affsr.networks.generator import generator as generator
from keras_affsr.networks.make_consistent import (
    make_consistent as make_consistent,
)
