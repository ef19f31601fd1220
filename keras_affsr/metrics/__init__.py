"""Metrics of super-resolution: per image, then averaged over the epoch."""

from keras_affsr.metrics.image_metric import ImageMetric as ImageMetric
from keras_affsr.metrics.low_res_mse import LowResMSE as LowResMSE
from keras_affsr.metrics.low_res_psnr import LowResPSNR as LowResPSNR
from keras_affsr.metrics.psnr import PSNR as PSNR
from keras_affsr.metrics.sliced_wasserstein import (
    SlicedWasserstein as SlicedWasserstein,
)
from keras_affsr.metrics.ssim import SSIM as SSIM
