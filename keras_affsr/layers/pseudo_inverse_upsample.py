"""The pseudo-inverse `A+` of a downsampling operator."""

import keras
from keras import ops

from keras_affsr import checks
from keras_affsr.layers.downsample import Downsample
from keras_affsr.layers.fit_pseudo_inverse import fit_pseudo_inverse
from keras_affsr.layers.local_inverse import apply_local_inverse
from keras_affsr.layers.local_inverse import local_inverse
from keras_affsr.layers.separable_downsample import SeparableDownsample

METHODS = ("exact", "conv")

# Of A A'. Measured up to 1e8: one round of refinement in `AffineProjection`
# still brings the consistency to 1e-15 there.
MAX_CONDITION = 1e10


@keras.saving.register_keras_serializable(package="keras_affsr")
class PseudoInverseUpsample(keras.layers.Layer):
    """Computes `A+ x`, the smallest image that downsamples to `x`.

    `method="exact"` is the Moore-Penrose inverse `A+ = A' (A A')^-1` over the
    whole frame, for every border rule and size. It has no weights.

    `method="conv"` is the paper's: one kernel of `kernel_size` squared
    low-resolution pixels for each of the `scale` squared phases, then a
    sub-pixel shuffle. Away from the borders `A B = I` can hold exactly for
    such a local `B`, but it is not `A+` (whose kernel has no end), and near
    the borders it does not hold: `penrose_report` tells how much.

    Args:
        downsample: Downsample. The operator `A`.
        method: str. `"exact"` (the default) or `"conv"`.
        kernel_size: int. Low-resolution taps each way, odd. Only for `"conv"`.
            Defaults to 5.
        trainable: bool. Whether the kernels are trained with the network. Only
            for `"conv"`. Defaults to False.
        kernel_initializer: str or `keras.initializers.Initializer`. Only for
            `"conv"`. `"pseudo_inverse"` (the default): the closed-form
            least-squares solution closest to `A+`. `"fit"`: stochastic
            gradient descent on `|A y - A B A y|^2 + |B x - B A B x|^2`, the
            paper's appendix B. Otherwise any Keras initializer.
        **kwargs: Base layer keyword arguments, such as `name`.

    Call arguments:
        low_res: Low-resolution images, `(batch, height, width, channels)`;
            vectors `(..., n_low)` if `A` is a `LinearDownsample`.

    Returns:
        float32 images of the shape that `A` shrinks to that of `low_res`. They
        can leave the range of the input.

    Raises:
        ValueError: If an argument will not do, or if `A` is rank-deficient.

    Example:

    >>> downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    >>> upsample = keras_affsr.layers.PseudoInverseUpsample(downsample)
    >>> low_res = keras.random.uniform((1, 16, 16, 3))
    >>> error = downsample(upsample(low_res)) - low_res
    >>> bool(keras.ops.mean(error**2) < 1e-14)
    True

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), section 3.1
       and appendix B
    """

    def __init__(
        self,
        downsample,
        method="exact",
        kernel_size=5,
        trainable=False,
        kernel_initializer="pseudo_inverse",
        **kwargs,
    ):
        kwargs["dtype"] = checks.full_precision(kwargs.get("dtype"))
        super().__init__(trainable=trainable, **kwargs)
        self.downsample = checks.check_instance(
            downsample, Downsample, "downsample", self.name
        )
        self.method = checks.check_choice(method, METHODS, "method", self.name)
        self.kernel_size = checks.check_odd(
            kernel_size, "kernel_size", self.name
        )
        self.kernel_initializer = _get_initializer(
            kernel_initializer, self.name
        )
        if method == "conv":
            checks.check_instance(
                downsample, SeparableDownsample, "downsample", self.name
            )

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        if self.method == "exact":
            _check_rank(self.downsample, input_shape, self.name)
            return
        phases = self.downsample.rows.scale * self.downsample.columns.scale
        size = self.kernel_size
        self.kernel = self.add_weight(
            name="kernel",
            shape=(size, size, phases),
            initializer=self._make_initializer(),
        )

    def call(self, low_res):
        checks.check_floats(low_res, "low_res", self.name)
        self.compute_output_shape(low_res.shape)
        if self.method == "exact":
            _check_rank(self.downsample, low_res.shape, self.name)
            return self.downsample.pseudo_inverse(low_res)
        return apply_local_inverse(self.kernel, self.downsample, low_res)

    def compute_output_shape(self, input_shape):
        return self.downsample.compute_input_shape(input_shape)

    def get_config(self):
        config = super().get_config()
        initializer = self.kernel_initializer
        if initializer == "fit" and self.built:
            # The fitted kernel is a weight by now: no need to fit it again.
            initializer = "pseudo_inverse"
        if not isinstance(initializer, str):
            initializer = keras.initializers.serialize(initializer)
        config.update(
            {
                "downsample": keras.saving.serialize_keras_object(
                    self.downsample
                ),
                "method": self.method,
                "kernel_size": self.kernel_size,
                "kernel_initializer": initializer,
            }
        )
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["downsample"] = keras.saving.deserialize_keras_object(
            config["downsample"]
        )
        return cls(**config)

    def _make_initializer(self):
        if self.kernel_initializer == "pseudo_inverse":
            kernel = local_inverse(self.downsample, self.kernel_size)
        elif self.kernel_initializer == "fit":
            # Now: while a variable is initialised, no gradient is recorded.
            kernel = fit_pseudo_inverse(self.downsample, self.kernel_size)[0]
        else:
            return self.kernel_initializer

        def initializer(shape, dtype=None):
            return ops.cast(ops.convert_to_tensor(kernel), dtype)

        return initializer


def _check_rank(downsample, low_res_shape, owner):
    condition = downsample.gram_condition(low_res_shape)
    if not condition <= MAX_CONDITION:
        raise ValueError(
            f"`{owner}` cannot invert `{downsample.name}` for low-resolution "
            f"images of shape {tuple(low_res_shape)}: the operator is "
            "rank-deficient, or too close to it for float32. Received: "
            f"A A' with condition number {condition:.1e}. Expected: at most "
            f"{MAX_CONDITION:.0e}. Use a narrower kernel (a smaller sigma or "
            "kernel_size) or another padding."
        )


def _get_initializer(initializer, owner):
    if initializer in ("pseudo_inverse", "fit"):
        return initializer
    try:
        return keras.initializers.get(initializer)
    except ValueError:
        raise ValueError(
            f"`{owner}` does not know kernel_initializer={initializer!r}. "
            "Expected 'pseudo_inverse', 'fit' or a Keras initializer, such as "
            "'glorot_uniform'."
        ) from None
