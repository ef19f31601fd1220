"""Priors: models of what natural images look like."""

from keras_affsr.priors.denoiser import Denoiser as Denoiser
from keras_affsr.priors.dequantize import dequantize as dequantize
from keras_affsr.priors.kernel_density import KernelDensity as KernelDensity
from keras_affsr.priors.pixel_cnn import PixelCNN as PixelCNN
from keras_affsr.priors.prior import Prior as Prior
