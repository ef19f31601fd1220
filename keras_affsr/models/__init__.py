"""Models: a generator and the objective that trains it."""

from keras_affsr.models.denoiser_guided_super_resolver import (
    DenoiserGuidedSuperResolver as DenoiserGuidedSuperResolver,
)
from keras_affsr.models.density_guided_super_resolver import (
    DensityGuidedSuperResolver as DensityGuidedSuperResolver,
)
from keras_affsr.models.gan_super_resolver import (
    GANSuperResolver as GANSuperResolver,
)
from keras_affsr.models.super_resolver import SuperResolver as SuperResolver
