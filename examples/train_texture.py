"""Trains AffMSE and AffGAN on a texture, and compares them on held-out crops.

    python examples/train_texture.py --output_dir=runs/grass

This is the paper's section 5.3: four-fold super-resolution of random crops of
grass. It prints one table (bicubic, A+ x, AffMSE, AffGAN) and writes
comparison.png, the pictures made during training, and the models. About four
minutes on two CPU cores. The photograph comes with scikit-image; its rows 0 to
383 are for training and 384 to 511 for the test.
"""

import contextlib
import os
import sys
import time

from absl import app
from absl import flags
from absl import logging

TEST_SIZE = 64  # Side of a held-out crop.

FLAGS = flags.FLAGS
flags.DEFINE_string("output_dir", "runs/texture", "Where to write.")
flags.DEFINE_enum("texture", "grass", ["grass", "gravel", "brick"], "Of what.")
flags.DEFINE_integer("scale", 4, "Ratio of high to low resolution.", 1)
flags.DEFINE_float("width", 0.5, "Multiplies the generator's filters.", 0.01)
flags.DEFINE_integer("patch_size", 64, "Side of a training crop.", 8)
flags.DEFINE_integer("batch_size", 16, "Crops per step.", 1)
flags.DEFINE_integer("mse_steps", 800, "Steps of AffMSE.", 1)
flags.DEFINE_integer("gan_steps", 2500, "Steps of AffGAN, after AffMSE's.", 1)
flags.DEFINE_integer("epochs", 5, "Parts that each training is split into.", 1)
flags.DEFINE_bool("jit_compile", True, "Compile the steps with XLA.")
flags.DEFINE_integer("seed", 0, "Of weights, crops and noise.")


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}")
    # After the flags, so that --help does not wait for TensorFlow.
    import keras

    import keras_affsr

    os.makedirs(FLAGS.output_dir, exist_ok=True)
    keras.utils.set_random_seed(FLAGS.seed)
    downsample = keras_affsr.layers.GaussianDownsample(FLAGS.scale)
    train, test = datasets(downsample)
    seconds = {}
    mse = timed("AffMSE", seconds, train_mse, downsample, train, test)
    gan = timed("AffGAN", seconds, train_gan, mse, downsample, train, test)

    low_res, high_res = as_arrays(test)
    upsample = keras_affsr.layers.PseudoInverseUpsample(downsample)
    images = {
        "bicubic": bicubic(low_res),
        "Affinit": upsample(low_res),
        "AffMSE": mse.predict(low_res, verbose=0),
        "AffGAN": gan.predict(low_res, verbose=0),
    }
    print_table(images, seconds, high_res, downsample)
    draw_comparison(low_res, images, high_res)


def datasets(downsample):
    """Returns training pairs without end, and held-out pairs."""
    from keras_affsr import data

    photograph = getattr(data, FLAGS.texture)("train")
    crops = data.texture_patches(
        photograph, FLAGS.patch_size, FLAGS.batch_size, FLAGS.seed
    )
    pairs = data.pairs(crops, downsample)
    return pairs, data.pairs(held_out_crops(FLAGS.seed), downsample)


def held_out_crops(seed):
    """Returns 128 crops of the rows that no training crop has touched."""
    from keras_affsr import data

    photograph = getattr(data, FLAGS.texture)("test")
    return data.texture_patches(photograph, TEST_SIZE, 16, seed, num_batches=8)


def timed(name, seconds, train, *args):
    """Trains a model, saves it, and notes the seconds that it took."""
    logging.info("Training %s", name)
    start = time.perf_counter()
    model = train(*args)
    seconds[name] = time.perf_counter() - start
    model.save(os.path.join(FLAGS.output_dir, f"{name.lower()}.keras"))
    return model


def train_mse(downsample, train, test):
    """Trains a generator, projection included, on the mean squared error."""

    from keras_affsr import models
    from keras_affsr import networks

    generator = networks.generator(
        downsample, "grass", channels=1, width=FLAGS.width
    )
    model = models.SuperResolver(generator, downsample, seed=FLAGS.seed)
    model.compile(
        adam(2e-3, FLAGS.mse_steps), "mse", jit_compile=FLAGS.jit_compile
    )
    return fit(model, train, test, FLAGS.mse_steps, "affmse")


def train_gan(mse, downsample, train, test):
    """Trains AffGAN, from the weights of AffMSE on."""
    import keras

    from keras_affsr import models
    from keras_affsr import networks

    generator = keras.models.clone_model(mse.generator)
    generator.set_weights(mse.generator.get_weights())
    model = models.GANSuperResolver(
        generator,
        networks.discriminator("grass", channels=1),
        downsample,
        noise_stddev=keras.optimizers.schedules.PolynomialDecay(
            0.02, FLAGS.gan_steps, 0.0
        ),
        seed=FLAGS.seed,
    )
    model.compile(
        optimizer=adam(2e-3, FLAGS.gan_steps, beta_1=0.5),
        discriminator_optimizer=adam(1e-3, FLAGS.gan_steps, beta_1=0.5),
        jit_compile=FLAGS.jit_compile,
    )
    return fit(model, train, test, FLAGS.gan_steps, "affgan")


def adam(learning_rate, steps, **kwargs):
    """Returns Adam with a learning rate that falls to zero along a cosine."""
    import keras

    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    return keras.optimizers.Adam(schedule, **kwargs)


def fit(model, train, test, steps, name):
    import keras

    from keras_affsr import callbacks

    folder = os.path.join(FLAGS.output_dir, name)
    with contextlib.redirect_stdout(sys.stderr):  # The table is the output.
        model.fit(
            train,
            epochs=FLAGS.epochs,
            steps_per_epoch=max(1, steps // FLAGS.epochs),
            shuffle=False,  # The crops are random already.
            verbose=1 if sys.stderr.isatty() else 2,
            callbacks=[
                callbacks.ImageGrid(test, folder, num_images=4),
                keras.callbacks.TerminateOnNaN(),
            ],
        )
    return model


def as_arrays(pairs):
    import numpy as np

    low_res, high_res = zip(*pairs.as_numpy_iterator(), strict=True)
    return np.concatenate(low_res), np.concatenate(high_res)


def bicubic(low_res):
    import numpy as np

    from keras_affsr import callbacks

    size = [FLAGS.scale * number for number in low_res.shape[1:3]]
    # 9 taps are half a pixel off the centre of an even block.
    shift = 0.5 if FLAGS.scale % 2 == 0 else 0.0
    return np.stack(
        [callbacks.bicubic(image, size, shift) for image in low_res]
    )


def print_table(images, seconds, high_res, downsample):
    """Prints one row for each method, over all held-out crops."""
    import numpy as np

    from keras_affsr import metrics

    # Texture is judged against crops that are not those behind the low-res
    # images. So the true images too have a distance: that of sampling.
    others = np.concatenate(list(held_out_crops(FLAGS.seed + 1)))
    print(f"\n{'':10}{'PSNR':>8}{'SSIM':>8}{'LR MSE':>10}{'SWD':>8}{'s':>7}")
    for name, generated in {**images, "truth": high_res}.items():
        psnr, ssim, low_res_mse, distance = (
            score(metric, reference, generated)
            for metric, reference in (
                (metrics.PSNR(), high_res),
                (metrics.SSIM(), high_res),
                (metrics.LowResMSE(downsample), high_res),
                (metrics.SlicedWasserstein(), others),
            )
        )
        took = f"{seconds[name]:.0f}" if name in seconds else "-"
        print(
            f"{name:10}{psnr:8.2f}{ssim:8.3f}{low_res_mse:10.1e}"
            f"{distance:8.3f}{took:>7}"
        )
    print("SWD: sliced Wasserstein distance to patches of other held-out crops")


def score(metric, reference, generated):
    metric.update_state(reference, generated)
    return float(metric.result())


def draw_comparison(low_res, images, high_res):
    """Writes comparison.png: the methods side by side on held-out crops."""
    import numpy as np

    from keras_affsr import callbacks

    columns = {"low res": low_res, **images, "truth": high_res}
    rows = slice(0, 4)
    grid = callbacks.draw_grid(
        {
            label: np.clip(np.asarray(column)[rows], 0, 1)
            for label, column in columns.items()
        }
    )
    path = os.path.join(FLAGS.output_dir, "comparison.png")
    callbacks.save_png(grid, path)
    logging.info("Wrote %s", path)


if __name__ == "__main__":
    app.run(main)
