"""How far the layers of Keras see: a step from one tensor to the next."""

import dataclasses
from fractions import Fraction

from keras_affsr import checks

BORDERS = ("constant", "reflect", "symmetric")

# What makes each pixel of its own place alone, in inference.
LAYERS = (
    "InputLayer Activation ReLU LeakyReLU PReLU ELU Softmax Dense Rescaling "
    "BatchNormalization FusedBatchNormalization LayerNormalization "
    "RMSNormalization Identity Dropout "
    "SpatialDropout2D AlphaDropout GaussianDropout GaussianNoise "
    "ActivityRegularization Add Subtract Multiply Average Maximum Minimum "
    "Concatenate"
)
# By the names of their classes.
OPERATIONS = (
    "Divide TrueDivide Negative Absolute Square Sqrt Rsqrt Exp Log Log1p Expm1 "
    "Power Clip Cast Relu Relu6 LeakyRelu Elu Selu Gelu Silu Sigmoid HardSilu "
    "HardSigmoid LogSigmoid Softplus Softsign Tanh HardTanh Sin Cos"
)
POINTWISE = frozenset(f"{LAYERS} {OPERATIONS}".split())
WINDOWS = (
    "Conv2D",
    "MirroredConv2D",
    "DepthwiseConv2D",
    "SeparableConv2D",
    "MaxPooling2D",
    "AveragePooling2D",
)


@dataclasses.dataclass(frozen=True)
class Reach:
    """Output pixel `i` reads the pixels of `i * ratio` and around it.

    Args:
        ratio: Fraction or int. Pixels read, from one output pixel to the next.
        before: Fraction or int. How far it reads to the left, or up.
        after: Fraction or int. How far it reads to the right, or down.
    """

    ratio: Fraction = Fraction(1)
    before: Fraction = Fraction(0)
    after: Fraction = Fraction(0)


def of_layer(name, config):
    """Returns the reaches of a layer along rows and columns.

    Args:
        name: str. The layer's class.
        config: dict. Its config.

    Returns:
        List of two `Reach`, or None if the layer is unknown. A reach may be
        too long, never too short.
    """
    if config.get("data_format") == "channels_first":
        return None
    if not _is_pointwise(config.get("activation")):
        return None
    if name in WINDOWS:
        return [_window(config, axis) for axis in (0, 1)]
    if name == "Conv2DTranspose":
        return [_transposed(config, axis) for axis in (0, 1)]
    if name in ("ZeroPadding2D", "Cropping2D"):
        sign = 1 if name == "ZeroPadding2D" else -1
        edges = config["padding" if sign == 1 else "cropping"]
        return [_shifted(sign * first) for first, _ in edges]
    if name == "Pad":
        return _pad(config)
    if name in ("SubPixel", "DepthToSpace", "UpSampling2D"):
        return _enlarged(name, config)
    is_ours = name in POINTWISE and _acts_on_channels(name, config)
    return [Reach(), Reach()] if is_ours else None


def _window(config, axis):
    """Convolutions and pooling."""
    size = config.get("kernel_size", config.get("pool_size"))[axis]
    stride = config["strides"][axis]
    dilation = config.get("dilation_rate", (1, 1))[axis]
    span = dilation * (size - 1)
    if config["padding"] == "valid":
        return Reach(Fraction(stride), 0, span)
    if stride == 1:
        return Reach(Fraction(1), span // 2, span - span // 2)
    # Where the first window lies depends on the size of the image.
    return Reach(Fraction(stride), span, span)


def _transposed(config, axis):
    size, stride = config["kernel_size"][axis], config["strides"][axis]
    span = config["dilation_rate"][axis] * (size - 1)
    # Between what is cropped off with "same" and with "valid".
    ratio = Fraction(1, stride)
    return Reach(ratio, Fraction(span, stride), Fraction(span, stride))


def _shifted(pixels):
    return Reach(Fraction(1), Fraction(pixels), Fraction(-pixels))


def _pad(config):
    (batch, rows, columns, channels) = config["pad_width"]
    if config["mode"] not in BORDERS or any((*batch, *channels)):
        return None
    return [_shifted(rows[0]), _shifted(columns[0])]


def _enlarged(name, config):
    key = {"UpSampling2D": "size", "DepthToSpace": "block_size"}.get(
        name, "scale"
    )
    scales = checks.check_pair(config[key], key, name)
    if config.get("interpolation", "nearest") == "nearest":
        return [
            Reach(Fraction(1, scale), Fraction(scale - 1, scale))
            for scale in scales
        ]
    if config["interpolation"] == "bilinear":
        return [Reach(Fraction(1, scale), 2, 1) for scale in scales]
    return None


def _is_pointwise(activation):
    """Whether an activation is one of Keras's, which see a pixel alone."""
    if isinstance(activation, dict):
        return (activation.get("module") or "").split(".")[0] == "keras"
    return True


def _acts_on_channels(name, config):
    """Whether what has an axis, or weights for pixels, leaves these alone."""
    if name == "PReLU":
        return {1, 2} <= set(config["shared_axes"] or ())
    axis = config.get("axis", -1)
    axes = axis if isinstance(axis, tuple | list) else [axis]
    return all(each in (-1, 3) for each in axes)
