"""The paper's numerical estimate of the pseudo-inverse, by gradient descent."""

import keras
import numpy as np
from keras import ops

from keras_affsr import checks
from keras_affsr.layers.local_inverse import apply_local_inverse
from keras_affsr.layers.separable_downsample import SeparableDownsample


def fit_pseudo_inverse(
    downsample, kernel_size=5, steps=4000, batch_size=4, seed=0, verbose="auto"
):
    """Fits a local `B` by stochastic gradient descent, as the paper does.

    Minimises `l1 + l2` with
    `l1 = mean{ (A y - A B A y)^2 }`, `y` white noise of high resolution, and
    `l2 = mean{ (B x - B A B x)^2 }`, `x` white noise of low resolution, each a
    mean over pixels. The images are small and periodic, so that the borders do
    not spoil a kernel that is meant for the inside. Adam's learning rate falls
    to zero along a cosine.

    The loss vanishes for every local right inverse, not only for the one
    closest to `A+`: prefer `local_inverse`, which is exact and immediate.

    Args:
        downsample: SeparableDownsample. The operator `A`.
        kernel_size: int. Low-resolution taps each way, odd. Defaults to 5.
        steps: int. Steps of gradient descent. Defaults to 4000.
        batch_size: int. Images per step. Defaults to 4.
        seed: int. Seed of the noise and of the initial kernel. Defaults to 0.
        verbose: "auto", 0, 1 or 2. As in `fit`; 1 is a progress bar.

    Returns:
        Pair of the kernel, `(kernel_size, kernel_size, rows * columns)`, and
        its `l1 + l2` on fresh noise, a float.

    Raises:
        ValueError: If `kernel_size` is not odd.

    Example:

    ```python
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    kernel, loss = keras_affsr.layers.fit_pseudo_inverse(downsample)
    print(loss)  # Less than 1e-8.
    ```

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), appendix B
    """
    owner = "fit_pseudo_inverse"
    checks.check_odd(kernel_size, "kernel_size", owner)
    checks.check_count(steps, "steps", owner)
    checks.check_count(batch_size, "batch_size", owner)
    checks.check_instance(downsample, SeparableDownsample, "downsample", owner)
    rows, columns = downsample.rows, downsample.columns
    periodic = SeparableDownsample(
        (rows.taps, columns.taps), downsample.scale, padding="circular"
    )
    model = _LocalInverse(periodic, kernel_size, steps // 5, seed)
    schedule = keras.optimizers.schedules.CosineDecay(5e-2, steps)
    model.compile(keras.optimizers.Adam(schedule))
    noise = _Noise(periodic, kernel_size, steps, batch_size, seed)
    model.fit(noise, verbose=verbose, shuffle=False)
    fresh = _Noise(periodic, kernel_size, 16, batch_size, seed + 1)
    loss = model.evaluate(fresh, verbose=0)
    return ops.convert_to_numpy(model.kernel), float(loss)


def penrose_losses(downsample, upsample, low_res, high_res):
    """Returns the paper's `l1` and `l2` of two linear maps, on given noise."""
    shrunk, enlarged = downsample(high_res), upsample(low_res)
    first = shrunk - downsample(upsample(shrunk))
    second = enlarged - upsample(downsample(enlarged))
    return ops.mean(first**2), ops.mean(second**2)


class _LocalInverse(keras.Model):
    """Holds the kernel while it is fitted, from pixel repetition on."""

    def __init__(self, downsample, kernel_size, convex_steps, seed):
        super().__init__(name="local_inverse", dtype="float32")
        self.downsample = downsample
        self.convex_steps = convex_steps
        phases = downsample.rows.scale * downsample.columns.scale
        start = np.random.default_rng(seed).normal(
            0.0, 0.01, (kernel_size, kernel_size, phases)
        )
        start[kernel_size // 2, kernel_size // 2] += 1.0
        self.kernel = self.add_weight(name="kernel", shape=start.shape)
        self.kernel.assign(start)
        self.built = True

    def call(self, low_res):
        return apply_local_inverse(self.kernel, self.downsample, low_res)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        first, second = penrose_losses(self.downsample, self, x, y)
        both = self.optimizer.iterations >= self.convex_steps
        return first + ops.cast(both, first.dtype) * second


class _Noise(keras.utils.PyDataset):
    """Batches of white noise at both resolutions, element `i` from its seed."""

    def __init__(self, downsample, kernel_size, steps, batch_size, seed):
        super().__init__()
        # Wide enough that B A B does not meet itself round the period.
        side = 2 * kernel_size
        self.low_shape = (batch_size, side, side, 1)
        self.high_shape = downsample.compute_input_shape(self.low_shape)
        self.steps, self.seed = steps, seed

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        generator = np.random.default_rng((self.seed, index))
        return tuple(
            generator.standard_normal(shape, "float32")
            for shape in (self.low_shape, self.high_shape)
        )
