"""One-dimensional kernels of downsampling operators, as NumPy float64 taps.

The tap at position `t` of a kernel with `size` taps reads the high-resolution
pixel `scale * i + t - (size - scale) // 2` for the low-resolution pixel `i`.
So a kernel is centred on the block of `scale` pixels that `i` stands for when
`size - scale` is even, and half a pixel to the right of (or below) that centre
otherwise, as TensorFlow's "SAME" convolution does it.
"""

import numpy as np


def gaussian_kernel(size, sigma):
    """Samples a Gaussian at `size` pixels around its centre, with sum one."""
    offsets = np.arange(size) - (size - 1) / 2
    exponents = -0.5 * (offsets / sigma) ** 2
    taps = np.exp(exponents - exponents.max())  # Of the smallest sigma, too.
    return taps / taps.sum()


def box_kernel(size):
    """Weighs `size` pixels alike, with sum one."""
    return np.full(size, 1 / size)


def resize_kernel(method, scale):
    """Stretches an interpolation kernel by `scale`, which is antialiasing.

    Args:
        method: str. `"bicubic"` (Keys, a = -0.5), `"bilinear"`, `"lanczos3"`
            or `"area"`.
        scale: int. Ratio of high to low resolution.

    Returns:
        Array of taps with sum one; zeros at either end are left out.
    """
    profile, radius = PROFILES[method]
    size = int(np.ceil(2 * radius * scale))
    size -= (size - scale) % 2  # The centre of a block is the kernel's too.
    taps = profile((np.arange(size) - (size - 1) / 2) / scale)
    return taps / taps.sum()


def _bicubic(x):
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _bilinear(x):
    return np.maximum(1 - np.abs(x), 0.0)


def _lanczos3(x):
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


def _area(x):
    return np.where(np.abs(x) < 0.5, 1.0, 0.0)


PROFILES = {  # method: (kernel at scale one, half its width)
    "bicubic": (_bicubic, 2),
    "bilinear": (_bilinear, 1),
    "lanczos3": (_lanczos3, 3),
    "area": (_area, 0.5),
}
