"""Priors: models of what natural images look like."""

from keras_affsr.priors.prior import Prior as Prior
