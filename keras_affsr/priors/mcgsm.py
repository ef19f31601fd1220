"""The MCGSM as a distribution of TensorFlow Probability.

Importing this file imports TensorFlow Probability, which takes seconds; those
who need it only sometimes import it where they do.
"""

import tensorflow as tf
import tensorflow_probability as tfp

from keras_affsr.priors.mcgsm_head import log_normalizers
from keras_affsr.priors.mcgsm_head import mixture_log_prob

tfd = tfp.distributions


class MCGSM(tfd.Distribution):
    """A mixture of Gaussians of C components at S scales, of M-vectors.

        p(y) = sum_cs softmax(gate_logits)_cs N(y; loc_c, Sigma_cs)
        Sigma_cs = e^-log_precision_cs (L_c L_c')^-1,    L_c = precision_tril_c

    This is the conditional density of Theis et al. once its parameters have
    been computed from the context, as `MCGSMHead.parameters` does. All
    arguments broadcast over their leading axes, the batch shape.

    Args:
        gate_logits: `(..., C, S)` floats. Logits of p(c, s), over both axes.
        loc: `(..., C, M)` floats. Means of the components.
        log_precision: `(..., C, S)` floats.
        precision_tril: `(..., C, M, M)` floats, lower triangular with a
            positive diagonal. Cholesky factors of the components' precisions.
        name: str.

    Raises:
        ValueError: If the shapes do not fit each other.

    Example:

    >>> from keras_affsr.priors.mcgsm import MCGSM
    >>> normal = MCGSM(
    ...     gate_logits=np.zeros((2, 3)), loc=np.zeros((2, 1)),
    ...     log_precision=np.zeros((2, 3)), precision_tril=np.ones((2, 1, 1)))
    >>> float(normal.log_prob([0.0]))
    -0.9189385332046727

    Reference:
     - [Theis et al., 2012](https://doi.org/10.1371/journal.pone.0039857)
    """

    def __init__(
        self, gate_logits, loc, log_precision, precision_tril, name="MCGSM"
    ):
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            self.loc = tf.convert_to_tensor(loc)
            dtype = self.loc.dtype
            self.gate_logits = tf.convert_to_tensor(gate_logits, dtype)
            self.log_precision = tf.convert_to_tensor(log_precision, dtype)
            self.precision_tril = tf.convert_to_tensor(precision_tril, dtype)
            self._check_shapes(name.rstrip("/"))
            super().__init__(
                dtype=dtype,
                reparameterization_type=tfd.NOT_REPARAMETERIZED,
                validate_args=False,
                allow_nan_stats=True,
                parameters=parameters,
                name=name,
            )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {
            "gate_logits": tfp.util.ParameterProperties(event_ndims=2),
            "loc": tfp.util.ParameterProperties(event_ndims=2),
            "log_precision": tfp.util.ParameterProperties(event_ndims=2),
            "precision_tril": tfp.util.ParameterProperties(
                event_ndims=3,
                default_constraining_bijector_fn=tfp.bijectors.FillScaleTriL,
            ),
        }

    def _check_shapes(self, owner):
        """Raises unless C, S and M are the same in all arguments."""
        components, size = self.loc.shape[-2:]
        experts = (components, self.gate_logits.shape[-1])
        for name, last_axes in (
            ("gate_logits", experts),
            ("log_precision", experts),
            ("precision_tril", (components, size, size)),
        ):
            shape = getattr(self, name).shape
            if shape[-len(last_axes) :] != last_axes:
                raise ValueError(
                    f"`{owner}` needs {name} of shape (..., "
                    f"{', '.join(map(str, last_axes))}) beside loc of shape "
                    f"{tuple(self.loc.shape)}. Received: {name} of shape "
                    f"{tuple(shape)}."
                )

    def _event_shape(self):
        return self.loc.shape[-1:]

    def _event_shape_tensor(self):
        return tf.shape(self.loc)[-1:]

    def _log_prob(self, value):
        residuals = value[..., None, :] - self.loc  # [..., C, M]
        whitened = tf.linalg.matvec(
            self.precision_tril, residuals, transpose_a=True
        )
        squares = tf.reduce_sum(whitened**2, axis=-1)[..., None]
        log_experts = -0.5 * tf.exp(self.log_precision) * squares
        log_experts += log_normalizers(self.log_precision, self.precision_tril)
        return mixture_log_prob(
            _pairs(self.gate_logits), _pairs(self.gate_logits + log_experts)
        )

    def _sample_n(self, n, seed=None):
        gate_seed, noise_seed = tfp.random.split_seed(seed, salt="MCGSM")
        expert = self._draw_expert(n, gate_seed)  # [n, ..., C, S], one-hot.
        component = tf.reduce_sum(expert, axis=-1)  # [n, ..., C]
        loc = tf.reduce_sum(component[..., None] * self.loc, axis=-2)
        log_precision = tf.reduce_sum(
            expert * self.log_precision, axis=(-2, -1)
        )  # [n, ...]
        precision_tril = tf.reduce_sum(
            component[..., None, None] * self.precision_tril, axis=-3
        )  # [n, ..., M, M]
        noise = tf.random.stateless_normal(
            tf.shape(loc), noise_seed, dtype=self.dtype
        )
        noise *= tf.exp(-0.5 * log_precision)[..., None]
        offset = tf.linalg.triangular_solve(
            precision_tril, noise[..., None], adjoint=True
        )
        return loc + offset[..., 0]

    def _draw_expert(self, n, seed):
        """Draws pairs of component and scale, as ones among zeros."""
        experts = tf.shape(self.gate_logits)[-2:]
        shape = tf.concat([self.batch_shape_tensor(), experts], axis=0)
        logits = _pairs(tf.broadcast_to(self.gate_logits, shape))
        drawn = tfd.OneHotCategorical(logits, dtype=self.dtype).sample(n, seed)
        return tf.reshape(drawn, tf.concat([[n], shape], axis=0))

    def _mean(self):
        gates = tf.exp(
            self.gate_logits
            - tf.reduce_logsumexp(self.gate_logits, (-2, -1), keepdims=True)
        )
        weights = tf.reduce_sum(gates, axis=-1, keepdims=True)  # [..., C, 1]
        mean = tf.reduce_sum(weights * self.loc, axis=-2)
        shape = [self.batch_shape_tensor(), self.event_shape_tensor()]
        return tf.broadcast_to(mean, tf.concat(shape, axis=0))


def _pairs(values):
    """Makes one axis of the last two, components and scales."""
    shape = tf.concat([tf.shape(values)[:-2], [-1]], axis=0)
    return tf.reshape(values, shape)
