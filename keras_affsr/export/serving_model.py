"""ServingModel: the functions that a server runs."""

import tensorflow as tf

from keras_affsr import stateless
from keras_affsr.export import exportable
from keras_affsr.export import image_files
from keras_affsr.export.prepared_downsample import prepared
from keras_affsr.layers import AffineProjection
from keras_affsr.layers import RangeProjection
from keras_affsr.layers import unmatched
from keras_affsr.models.noise import SAMPLE_STREAM

SEED = tf.TensorSpec([None], "int64", "seed")


class ServingModel:
    """A generator as the signatures of a SavedModel.

    `serve` is the generator, in float32. `serve_uint8` and `serve_png` return
    what is kept in files, and therefore end in a `RangeProjection`: shrunk and
    rounded, the 8- or 16-bit result is the input to the last bit wherever that
    is the image of any.

    A stochastic generator has one more input, `seed`, of one number for each
    image: what an image becomes is a function of itself and its seed, whatever
    else the server puts into the batch. It is that of `model.sample(low_res,
    seed=seed)` for an image alone.

    Args:
        generator: Model, in float32.
        downsample: Downsample. The operator `A`.
        max_pixels: int. The most that an image in a request may have.
    """

    def __init__(self, generator, downsample, max_pixels):
        self.generator = generator
        self.downsample = downsample
        self.max_pixels = max_pixels
        self.channels = exportable.channels_of(generator)
        # What several signatures use is in the graph once, as a function.
        self.generate = _function(self._generate, [self._low_res(), SEED])
        image = tf.TensorSpec([None, None, None, self.channels])
        self.finish = {
            bits: _function(self._finish(bits), [image, self._low_res()])
            for bits in (8, 16)
        }

    def signatures(self):
        """Returns a function and the specifications of its inputs by name."""
        contents = tf.TensorSpec([None], "string", "low_res_bytes")
        signatures = {
            "serving_default": (self.serve, [self._low_res()]),
            "serve_uint8": (self.serve_uint8, [self._low_res("uint8")]),
        }
        if self.channels in (1, 3):
            signatures["serve_png"] = (self.serve_png, [contents])
        if exportable.is_stochastic(self.generator):
            for _, specs in signatures.values():
                specs.append(SEED)
        return signatures

    def serve(self, low_res, seed=None):
        """Returns high-resolution images, as the generator makes them."""
        return {"high_res": self.generate(low_res, _seeds(seed, low_res))}

    def serve_uint8(self, low_res, seed=None):
        """Returns 8-bit images that shrink to the 8-bit input."""
        low_res = tf.cast(low_res, "float32") / 255.0
        guess = self.generate(low_res, _seeds(seed, low_res))
        integers, _, _ = self.finish[8](guess, low_res)
        return {"high_res": integers}

    def serve_png(self, low_res_bytes, seed=None):
        """Returns PNG files, and how well they agree with those given."""
        count = tf.size(low_res_bytes)
        contents, error, number = tf.map_fn(
            lambda element: self._serve_file(*element),
            (tf.range(count), low_res_bytes, _seeds(seed, low_res_bytes)),
            fn_output_signature=("string", "float32", "int64"),
            parallel_iterations=1,  # One image in memory; it uses all cores.
        )
        return {
            "high_res_bytes": contents,
            "consistency_error": error,
            "unmatched": number,
        }

    def _serve_file(self, index, contents, seed):
        low_res, is_deep = image_files.decode(
            contents, index, self.channels, self.max_pixels
        )
        guess = self.generate(low_res, seed[None])

        def finish(bits):
            integers, error, number = self.finish[bits](guess, low_res)
            return tf.io.encode_png(integers[0]), error[0], number[0]

        return tf.cond(is_deep, lambda: finish(16), lambda: finish(8))

    def _generate(self, low_res, seed):
        inputs = low_res
        if exportable.is_stochastic(self.generator):
            inputs = [low_res, self._noise(low_res, seed)]
        generated = self.generator(inputs, training=False)
        return tf.cast(generated, "float32")

    def _noise(self, low_res, seed):
        channels = self.generator.inputs[1].shape[-1]
        shape = [*tf.unstack(tf.shape(low_res)[1:3]), channels]
        return tf.map_fn(
            lambda one: stateless.normal(shape, one, 0, SAMPLE_STREAM),
            seed,
            fn_output_signature=tf.TensorSpec([None, None, channels]),
        )  # [batch, h, w, channels]

    def _finish(self, bits):
        """Returns a function that makes files of guesses."""
        is_projected = exportable.ends_in_projection(self.generator)

        def finish(guess, low_res):
            downsample = prepared(self.downsample, low_res)
            if not is_projected:
                guess = AffineProjection(downsample)(guess, low_res)
            images = RangeProjection(downsample, bits=bits)(guess, low_res)
            error = (downsample(images) - low_res) ** 2
            error = tf.sqrt(tf.reduce_mean(error, axis=[1, 2, 3]))
            missed = unmatched(downsample, images, low_res, bits)
            number = tf.math.count_nonzero(missed, axis=[1, 2, 3])
            return image_files.to_integers(images, bits), error, number

        return finish

    def _low_res(self, dtype="float32"):
        shape = [None, *self.generator.inputs[0].shape[1:]]
        return tf.TensorSpec(shape, dtype, "low_res")


def _function(function, specs):
    return tf.function(function, input_signature=specs, autograph=False)


def _seeds(seed, images):
    return tf.zeros(tf.shape(images)[:1], "int64") if seed is None else seed
