"""What instance noise does for an AffGAN whose discriminator is too strong.

    python benchmarks/instance_noise.py

On crops of grass, the generator starts from AffMSE's weights, and the
discriminator takes four steps for each of its own, both at a high learning
rate. The rows of the table are AffMSE, where all begin, and AffGAN without
instance noise, with constant noise, with noise that falls linearly to zero, and
with noise adapted to keep the discriminator's loss at a target.

SWD is the sliced Wasserstein distance of 64 held-out crops to 64 others, and
"worst" the largest of the last four of the six that are taken in training: a
run that is well in the end may have been lost on the way. L(D) is the mean over
the last sixth of training. Five minutes on two cores shared with other work.
"""

import sys
import time

from absl import app
from absl import flags

PARTS = 6  # Of a training: the distance is taken after each.

FLAGS = flags.FLAGS
flags.DEFINE_list("seeds", "0,1", "Of weights, crops and noise.")
flags.DEFINE_integer("mse_steps", 200, "Steps of AffMSE.", 1)
flags.DEFINE_integer("gan_steps", 300, "Steps of AffGAN.", PARTS)
flags.DEFINE_integer("discriminator_steps", 4, "For one of the generator.", 1)
flags.DEFINE_float("learning_rate", 1e-2, "Of both networks of AffGAN.", 0)
flags.DEFINE_float("width", 0.25, "Multiplies the generator's filters.", 0.01)
flags.DEFINE_float("constant", 0.2, "Constant noise; adaptive noise at first.")
flags.DEFINE_float("linear", 0.4, "Noise that falls linearly, at first.")
flags.DEFINE_float("target", 0.7, "Loss of the discriminator to be kept.")
flags.DEFINE_float("rate", 0.02, "How fast adaptive noise follows the loss.")


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}")
    import keras_affsr

    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    evaluate = evaluation(downsample)
    print(
        "| noise | seed | SWD | worst | PSNR | L(D) | sigma | s |\n"
        "|---|---|---|---|---|---|---|---|",
        flush=True,
    )
    for seed in map(int, FLAGS.seeds):
        mse = train_mse(downsample, seed)
        distance, psnr = evaluate(mse)
        print(f"| (AffMSE) | {seed} | {distance:.3f} | | {psnr:.2f} | | | |")
        for name in ("none", "constant", "linear", "adaptive"):
            print(f"{name}, seed {seed}", file=sys.stderr)
            row = train_gan(name, mse, downsample, seed, evaluate)
            print(f"| {name} | {seed} | {row} |", flush=True)


def evaluation(downsample):
    """Returns a function from a model to its distance and PSNR."""
    from keras_affsr import metrics

    high_res = crops("test", 64, seed=0, num_batches=4)
    others = crops("test", 64, seed=1, num_batches=4)
    low_res = downsample(high_res)
    pairs = ((metrics.SlicedWasserstein(), others), (metrics.PSNR(), high_res))

    def evaluate(model):
        generated = model(low_res, training=False)
        scores = []
        for metric, reference in pairs:
            metric.reset_state()
            metric.update_state(reference, generated)
            scores.append(float(metric.result()))
        return scores

    return evaluate


def crops(part, size, seed, num_batches):
    """Returns crops of the photograph's rows for training or for the test."""
    import numpy as np

    from keras_affsr import data

    photograph = data.grass(part)
    batches = data.texture_patches(
        photograph, size, 16, seed, num_batches=num_batches
    )
    return np.concatenate(list(batches))


def training_pairs(downsample, seed):
    from keras_affsr import data

    patches = data.texture_patches(data.grass("train"), 32, 16, seed)
    return data.pairs(patches, downsample)


def train_mse(downsample, seed):
    """Trains the generator that all variants start from."""
    import keras

    from keras_affsr import models
    from keras_affsr import networks

    keras.utils.set_random_seed(seed)
    generator = networks.generator(
        downsample, "grass", channels=1, width=FLAGS.width
    )
    model = models.SuperResolver(generator, downsample)
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, FLAGS.mse_steps)
    model.compile(keras.optimizers.Adam(schedule), "mse")
    pairs = training_pairs(downsample, seed)
    model.fit(pairs, steps_per_epoch=FLAGS.mse_steps, shuffle=False, verbose=0)
    return model


def train_gan(name, mse, downsample, seed, evaluate):
    """Trains one variant; returns the rest of its row."""
    import keras

    keras.utils.set_random_seed(seed)
    model = gan(name, mse, downsample, seed)
    scores, levels = [], []

    def watch(epoch, logs):
        scores.append(evaluate(model))
        levels.append(model.instance_noise)
        print(*logs.items(), *scores[-1], levels[-1], file=sys.stderr)

    start = time.perf_counter()
    history = model.fit(
        training_pairs(downsample, seed + 1),
        epochs=PARTS,
        steps_per_epoch=FLAGS.gan_steps // PARTS,
        shuffle=False,
        verbose=0,
        callbacks=[
            *adaptation(name),
            keras.callbacks.LambdaCallback(on_epoch_end=watch),
        ],
    ).history
    seconds = time.perf_counter() - start
    worst = max(distance for distance, _ in scores[-4:])
    distance, psnr = scores[-1]
    loss = history["discriminator_loss"][-1]
    return (
        f"{distance:.3f} | {worst:.3f} | {psnr:.2f} | {loss:.2f} | "
        f"{levels[-1]:.3f} | {seconds:.0f}"
    )


def gan(name, mse, downsample, seed):
    """Makes the AffGAN of a variant, from AffMSE's weights."""
    import keras

    from keras_affsr import models
    from keras_affsr import networks

    stddev = {
        "none": 0.0,
        "constant": FLAGS.constant,
        "linear": keras.optimizers.schedules.PolynomialDecay(
            FLAGS.linear, FLAGS.gan_steps, 0.0
        ),
        "adaptive": FLAGS.constant,
    }[name]
    generator = keras.models.clone_model(mse.generator)
    generator.set_weights(mse.generator.get_weights())
    model = models.GANSuperResolver(
        generator,
        networks.discriminator("grass", channels=1, width=0.5),
        downsample,
        noise_stddev=stddev,
        discriminator_steps=FLAGS.discriminator_steps,
        seed=seed,
    )
    model.compile(
        optimizer=keras.optimizers.Adam(FLAGS.learning_rate, beta_1=0.5),
        discriminator_optimizer=keras.optimizers.Adam(
            FLAGS.learning_rate, beta_1=0.5
        ),
    )
    return model


def adaptation(name):
    """Returns the callbacks of a variant."""
    from keras_affsr import callbacks

    if name != "adaptive":
        return []
    return [callbacks.AdaptiveInstanceNoise(FLAGS.target, FLAGS.rate)]


if __name__ == "__main__":
    app.run(main)
