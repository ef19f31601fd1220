"""What the density prior costs to train, and how well it codes two textures.

    python benchmarks/density.py
    python benchmarks/density.py --train

First, the median time of a training step at the paper's size, 16 crops of 32 x
32, in one channel and in three, beside that of nothing but the same
convolutions in plain TensorFlow, forth and back: once with kernels of the rows
that are seen, and once with whole kernels, as masking needs them. The times of
a row are taken in turns. On a shared machine the time on the clock means
little; that of the processors, all together, stays nearly the same.

With --train, a small prior is then trained on the rows 0 to 319 of each
photograph. The rows 320 to 383 choose among its epochs, and the rows 384 to
511 are the test: the whole strip is coded as one image of 128 x 512, whose
border is the price of being a density of its own (about 0.01 bits).
"""

import os
import statistics
import time

from absl import app
from absl import flags

REPEATS = flags.DEFINE_integer("repeats", 15, "Timed runs of each step.")
TRAIN = flags.DEFINE_bool("train", False, "Train on two textures as well.")
STEPS = flags.DEFINE_integer("steps", 1500, "Of training.", 100)
SEED = flags.DEFINE_integer("seed", 0, "Of weights, crops and noise.")

SMALL = {"filters": 32, "components": 8, "features": 24}
# Bits per dimension on the same rows, inside of the strip: a linear model of
# the pixels before, and the MCGSM of Theis's C++ library `cmt` where known.
REFERENCES = {"grass": (6.526, "6.178"), "gravel": (5.602, "-")}


def main(_):
    print_setting()
    print(
        "Milliseconds on the clock (of all processors):\n\n| channels | "
        "training step | seen rows | whole kernels |\n|---|---|---|---|"
    )
    for channels in (1, 3):
        print(time_steps(channels), flush=True)
    if not TRAIN.value:
        return
    print(
        "\nBits per dimension:\n\n| texture | weights | steps | seconds | "
        "of all processors | valid | test | linear | cmt |\n"
        "|---|---|---|---|---|---|---|---|---|"
    )
    for texture in REFERENCES:
        print(train(texture), flush=True)


def time_steps(channels):
    """Returns a row of the first table."""
    import keras

    import keras_affsr

    images = keras.random.uniform((16, 32, 32, channels), seed=SEED.value)
    prior = keras_affsr.priors.PixelCNN(channels)
    prior.adapt(images)
    prior.compile()
    prior.train_on_batch(images)  # Builds `train_function`.
    batch = iter(lambda: images, None)
    times = interleaved(
        lambda: prior.train_function(batch)["loss"],
        plain_step(prior, images, whole=False),
        plain_step(prior, images, whole=True),
    )
    cells = [f"{clock:.0f} ({busy:.0f})" for clock, busy in times]
    return f"| {channels} | {' | '.join(cells)} |"


def plain_step(prior, images, whole):
    """Returns a function that trains the same convolutions, and no head."""
    import tensorflow as tf

    kernels = []
    for layer in prior.network.convolutions:
        size, (_, *channels) = layer.kernel_size, layer.kernel.shape
        rows = size if whole else layer.radius + 1
        kernels.append(tf.Variable(tf.zeros((rows, size, *channels)) + 0.01))

    def features(tensor):
        for kernel in kernels:
            radius = kernel.shape[1] // 2
            below = radius if whole else 0
            sides = ((0, 0), (radius, below), (radius, radius), (0, 0))
            tensor = tf.nn.conv2d(tf.pad(tensor, sides), kernel, 1, "VALID")
            tensor = tf.nn.relu(tensor)
        return tensor

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(features(images))
        gradients = tape.gradient(loss, kernels)
        for kernel, gradient in zip(kernels, gradients, strict=True):
            kernel.assign_sub(1e-6 * gradient)
        return loss

    return step


def interleaved(*functions):
    """Times functions in turns.

    Returns:
        For each the median milliseconds, on the clock and of all processors.
    """
    times = [[] for _ in functions]
    for repeat in range(REPEATS.value + 3):
        for function, record in zip(functions, times, strict=True):
            start = time.perf_counter(), time.process_time()
            function().numpy()  # Waits for the result.
            end = time.perf_counter(), time.process_time()
            if repeat >= 3:
                record.append([1e3 * (b - a) for a, b in zip(start, end)])
    return [
        [statistics.median(values) for values in zip(*record)]
        for record in times
    ]


def train(texture):
    """Returns a row of the second table."""
    import keras
    import tensorflow as tf

    import keras_affsr

    keras.utils.set_random_seed(SEED.value)
    load = getattr(keras_affsr.data, texture)
    upper, test = load("train"), load("test")[None]
    patches = keras_affsr.data.texture_patches(
        upper[:320], patch_size=32, seed=SEED.value
    )
    prior = keras_affsr.priors.PixelCNN(channels=1, seed=SEED.value, **SMALL)
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, STEPS.value)
    prior.compile(keras.optimizers.Adam(schedule, global_clipnorm=1.0))
    best = keras.callbacks.EarlyStopping(
        "val_bits_per_dim",
        mode="min",
        patience=STEPS.value,
        restore_best_weights=True,
    )
    start = time.perf_counter(), time.process_time()
    history = prior.fit(
        patches,
        steps_per_epoch=100,
        epochs=STEPS.value // 100,
        validation_data=tf.data.Dataset.from_tensors(upper[None, 320:]),
        callbacks=[best],
        verbose=0,
    )
    seconds = time.perf_counter() - start[0]
    busy = time.process_time() - start[1]
    valid = min(history.history["val_bits_per_dim"])
    bits = prior.evaluate(test, verbose=0, return_dict=True)["bits_per_dim"]
    linear, cmt = REFERENCES[texture]
    return (
        f"| {texture} | {prior.count_params()} | {STEPS.value} | "
        f"{seconds:.0f} | {busy:.0f} | {valid:.3f} | {bits:.3f} | "
        f"{linear:.3f} | {cmt} |"
    )


def print_setting():
    import keras
    import tensorflow as tf

    print(
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}, "
        f"{os.cpu_count()} processors, float32; medians of {REPEATS.value} "
        "runs in turns\n"
    )


if __name__ == "__main__":
    app.run(main)
