"""The parameters of an MCGSM as a layer, and its density."""

import math

import keras
from keras import ops

from keras_affsr import checks
from keras_affsr.layers.exact_matmul import exact_matmul


@keras.saving.register_keras_serializable(package="keras_affsr")
class MCGSMHead(keras.layers.Layer):
    """A mixture of conditional Gaussian scale mixtures, p(y | x).

    Of `components` c and `scales` s, the gates know how likely each pair is
    given the context `x`, and each pair is an expert with an opinion of `y`:

        p(c, s | x)    ~ exp(eta_cs - 1/2 e^alpha_cs sum_n beta_cn^2 (b_n'x)^2)
        p(y | x, c, s) = N(y; a_c x + u_c, e^-alpha_cs (L_c L_c')^-1)

    with `L_c` lower triangular and the first number of its diagonal one, as
    the scale is `alpha`'s affair. A network trained with it may make `alpha`
    grow without end where the data are constant, so the standard deviations
    `e^(-alpha / 2)` are held above `min_stddev`, smoothly.

    Computed in float32, or in float64 if that is the dtype, whatever the policy
    of the network that makes `x`.

    Args:
        outputs: int. Size of `y`.
        components: int. Defaults to 32.
        scales: int. Defaults to 4.
        features: int. Number of the quadratic features `b_n'x`. Defaults to 32.
        min_stddev: float. Defaults to 1e-3.
        **kwargs: Base layer keyword arguments, such as `name`.

    Call arguments:
        context: `(..., size)`, what is known.
        targets: `(..., outputs)`.

    Returns:
        log p(targets | context) in nats, `(...)`.

    Raises:
        ValueError: If an argument will not do.

    Reference:
     - [Theis et al., 2012](https://doi.org/10.1371/journal.pone.0039857)
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), appendix D,
       for the sizes
    """

    def __init__(
        self,
        outputs,
        components=32,
        scales=4,
        features=32,
        min_stddev=1e-3,
        **kwargs,
    ):
        kwargs["dtype"] = checks.full_precision(kwargs.get("dtype"))
        super().__init__(**kwargs)
        self.outputs = outputs
        self.components = checks.check_count(
            components, "components", self.name
        )
        self.scales = checks.check_count(scales, "scales", self.name)
        self.features = checks.check_count(features, "features", self.name)
        self.min_stddev = checks.check_positive(
            min_stddev, "min_stddev", self.name
        )

    def build(self, context_shape, targets_shape=None):
        size = context_shape[-1]
        experts = (self.components, self.scales)
        self.eta = self._add("eta", experts, 0.0)
        self.alpha = self.add_weight(
            name="alpha", shape=experts, initializer=_from_wide_to_narrow
        )
        self.beta = self._add("beta", (self.features, self.components), 0.1)
        self.b = self._add("b", (size, self.features), size**-0.5)
        self.a = self._add(
            "a", (size, self.components, self.outputs), 0.1 * size**-0.5
        )
        self.u = self._add("u", (self.components, self.outputs), 0.1)
        self.tril = None
        if self.outputs > 1:
            self.tril = self._add(
                "tril", (self.components, self.outputs, self.outputs), 0.0
            )

    def _add(self, name, shape, stddev):
        initializer = keras.initializers.RandomNormal(0.0, stddev)
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer if stddev else "zeros",
        )

    def call(self, context, targets):
        targets = ops.reshape(ops.cast(targets, self.dtype), (-1, self.outputs))
        tril = self.precision_tril()
        energies, loc = self._energies_and_means(context, tril)
        # L'(y - a x - u), with L multiplied into the weights: for colours four
        # times as fast as into each residual.
        rows = _columns(ops.transpose(tril, (1, 0, 2)))  # [M, C M]
        residuals = ops.reshape(
            exact_matmul(targets, rows) - loc,
            (-1, self.components, self.outputs),
        )
        squares = ops.sum(ops.square(residuals), axis=-1)  # [N, C]
        normalizers = log_normalizers(self.log_precision(), tril)  # [C, S]
        log_prob = mixture_log_prob(
            self._logits(energies, self.eta),
            self._logits(energies + squares, self.eta + normalizers),
        )
        return ops.reshape(log_prob, ops.shape(context)[:-1])

    def parameters(self, context):
        """Returns the arguments of `MCGSM` for `context`, `(..., size)`."""
        batch = ops.shape(context)[:-1]
        eye = ops.eye(self.outputs, dtype=self.dtype)
        energies, loc = self._energies_and_means(context, eye[None])
        gate_logits = self._logits(energies, self.eta)
        experts = (self.components, self.scales)
        return {
            "gate_logits": ops.reshape(gate_logits, (*batch, *experts)),
            "loc": ops.reshape(loc, (*batch, self.components, self.outputs)),
            "log_precision": self.log_precision(),
            "precision_tril": self.precision_tril(),
        }

    def _energies_and_means(self, context, tril):
        """Returns sum_n beta_cn^2 (b_n'x)^2 and L_c' (a_c x + u_c).

        Args:
            context: `(..., size)`.
            tril: `(C or 1, M, M)`.

        Returns:
            `(N, C)` and `(N, C M)`.
        """
        context = ops.cast(context, self.dtype)
        context = ops.reshape(context, (-1, context.shape[-1]))  # [N, D]
        # Both in one product, as reading the context is most of the work.
        predictors = _columns(ops.matmul(self.a[:, :, None], tril))
        weights = ops.concatenate([self.b, predictors], axis=1)
        products = exact_matmul(context, weights)  # [N, F + C M]
        squares = ops.square(products[:, : self.features])
        energies = exact_matmul(squares, ops.square(self.beta))
        offsets = ops.reshape(ops.matmul(self.u[:, None], tril), (-1,))
        return energies, products[:, self.features :] + offsets

    def _logits(self, squares, bias):
        """Returns bias_cs - 1/2 e^alpha_cs squares_c, `(N, C S)`.

        By a matrix of a block for each component: products of matrices, and
        the sums in their gradients, are much faster than broadcasting.
        """
        factors = -0.5 * ops.exp(self.log_precision())  # [C, S]
        eye = ops.eye(self.components, dtype=self.dtype)
        blocks = _columns(eye[..., None] * factors)  # [C, C S]
        return exact_matmul(squares, blocks) + ops.reshape(bias, (-1,))

    def log_precision(self):
        """Returns alpha, held below that of `min_stddev`, `(C, S)`."""
        least = ops.full_like(self.alpha, 2.0 * math.log(self.min_stddev))
        return -ops.logaddexp(-self.alpha, least)

    def precision_tril(self):
        """Returns the factors `L`, `(C, outputs, outputs)`."""
        eye = ops.eye(self.outputs, dtype=self.dtype)
        if self.tril is None:
            return ops.tile(eye, (self.components, 1, 1))
        first = ops.arange(self.outputs)[:, None] == 0
        log_diagonal = ops.where(first, 0.0, eye * self.tril)  # [C, M, M]
        return ops.tril(self.tril, k=-1) + eye * ops.exp(log_diagonal)

    def compute_output_shape(self, context_shape, targets_shape=None):
        return tuple(context_shape[:-1])

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "outputs": self.outputs,
                "components": self.components,
                "scales": self.scales,
                "features": self.features,
                "min_stddev": self.min_stddev,
            }
        )
        return config


def mixture_log_prob(gate_logits, joint_logits):
    """Returns log sum_k p(k) N_k, where k is a pair of component and scale.

    Args:
        gate_logits: `(..., K)`, log p(k) up to a constant.
        joint_logits: `(..., K)`, the same and log N_k added.

    Returns:
        `(...)`.
    """
    joint = ops.logsumexp(joint_logits, axis=-1)
    return joint - ops.logsumexp(gate_logits, axis=-1)


def log_normalizers(log_precision, precision_tril):
    """Returns what log N_k has beside -1/2 e^alpha_cs |L_c' (y - loc_c)|^2.

        M/2 (alpha_cs - log 2 pi) + log|L_c|

    Args:
        log_precision: `(..., C, S)`, alpha.
        precision_tril: `(..., C, M, M)`, L.

    Returns:
        `(..., C, S)`.
    """
    size = precision_tril.shape[-1]
    diagonal = ops.diagonal(precision_tril, axis1=-2, axis2=-1)
    log_det = ops.sum(ops.log(diagonal), axis=-1)  # [..., C]
    log_scale = 0.5 * size * (log_precision - math.log(2.0 * math.pi))
    return log_scale + log_det[..., None]


def _columns(weights):
    """Makes a matrix of weights whose last two axes are one index."""
    return ops.reshape(weights, (ops.shape(weights)[0], -1))


def _from_wide_to_narrow(shape, dtype=None):
    """Starts the scales at standard deviations from 1 down to 0.14."""
    return ops.broadcast_to(
        ops.linspace(0.0, 4.0, shape[-1], dtype=dtype), shape
    )
