"""Keras layers: downsampling operators, pseudo-inverses, the projection."""

from keras_affsr.layers.affine_projection import (
    AffineProjection as AffineProjection,
)
from keras_affsr.layers.box_downsample import BoxDownsample as BoxDownsample
from keras_affsr.layers.downsample import Downsample as Downsample
from keras_affsr.layers.fit_pseudo_inverse import (
    fit_pseudo_inverse as fit_pseudo_inverse,
)
from keras_affsr.layers.fused_batch_normalization import (
    FusedBatchNormalization as FusedBatchNormalization,
)
from keras_affsr.layers.gaussian_downsample import (
    GaussianDownsample as GaussianDownsample,
)
from keras_affsr.layers.linear_downsample import (
    LinearDownsample as LinearDownsample,
)
from keras_affsr.layers.local_inverse import local_inverse as local_inverse
from keras_affsr.layers.mirrored_conv2d import MirroredConv2D as MirroredConv2D
from keras_affsr.layers.penrose_report import penrose_report as penrose_report
from keras_affsr.layers.pseudo_inverse_upsample import (
    PseudoInverseUpsample as PseudoInverseUpsample,
)
from keras_affsr.layers.range_projection import (
    RangeProjection as RangeProjection,
)
from keras_affsr.layers.resize_downsample import (
    ResizeDownsample as ResizeDownsample,
)
from keras_affsr.layers.separable_downsample import (
    SeparableDownsample as SeparableDownsample,
)
from keras_affsr.layers.sub_pixel import SubPixel as SubPixel
from keras_affsr.layers.unmatched import unmatched as unmatched
