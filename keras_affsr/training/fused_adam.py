"""Adam with one operation for each weight."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_affsr")
class FusedAdam(keras.optimizers.Adam):
    """`keras.optimizers.Adam`, one operation for each weight.

    With the gradient `g` at step `t`,

        m <- m + (1 - beta_1) (g - m)
        v <- v + (1 - beta_2) (g^2 - v)
        w <- w - rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + eps)

    for which Keras takes a dozen operations, each of which goes through the
    memory. TensorFlow has one that does all, `ResourceApplyAdam`. It is taken
    under TensorFlow, outside of distribution strategies, without `amsgrad`,
    and not for sparse gradients, as of embeddings; elsewhere this is Keras's
    Adam. Arguments, weights and results are Keras's, up to rounding.

    Args:
        *args: Those of `keras.optimizers.Adam`.
        **kwargs: Those of `keras.optimizers.Adam`.

    Example:

    ```python
    model.compile(keras_affsr.training.FusedAdam(1e-3), loss="mse")
    ```

    Reference:
     - [Kingma and Ba, 2015](https://arxiv.org/abs/1412.6980)
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._slots = {}

    def add_variable_from_reference(self, reference_variable, *args, **kwargs):
        made = super().add_variable_from_reference(
            reference_variable, *args, **kwargs
        )
        name = kwargs.get("name") or (args[0] if args else None)
        self._slots[_key(reference_variable), name] = made
        return made

    def update_step(self, gradient, variable, learning_rate):
        if self.amsgrad or not _fits(gradient):
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        momentum, velocity = (
            self._slots[_key(variable), name]
            for name in ("momentum", "velocity")
        )
        dtype = variable.dtype
        step = ops.cast(self.iterations + 1, dtype)
        betas = [ops.cast(beta, dtype) for beta in (self.beta_1, self.beta_2)]
        tf.raw_ops.ResourceApplyAdam(
            var=_value(variable).handle,
            m=momentum.value.handle,
            v=velocity.value.handle,
            beta1_power=betas[0] ** step,
            beta2_power=betas[1] ** step,
            lr=ops.cast(learning_rate, dtype),
            beta1=betas[0],
            beta2=betas[1],
            epsilon=ops.cast(self.epsilon, dtype),
            grad=ops.cast(gradient, dtype),
        )


def _fits(gradient):
    """Returns whether the operation can take a gradient, here and now."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    # Strategies pass on each replica's part of a variable, even of one alone.
    alone = not tf.distribute.has_strategy()
    return alone and not isinstance(gradient, tf.IndexedSlices)


def _value(variable):
    """Returns TensorFlow's variable, which `update_step` is given."""
    return variable.value if isinstance(variable, keras.Variable) else variable


def _key(variable):
    value = _value(variable)
    return value.ref() if hasattr(value, "ref") else id(variable)
