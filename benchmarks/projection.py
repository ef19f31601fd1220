"""What the affine projection costs, beside the networks it is attached to.

    python benchmarks/projection.py

For each image size, the median time of the small texture generator without and
with the projection as its last layer, and of the projection by itself (with the
fixed cost of calling a compiled function); then the same for the CelebA
generator at 64 x 64, the exactness, and the memory that a 2048 x 2048
projection takes beyond its input and output. The times of a row are taken in
turns; a single time on a shared machine means little.
"""

import os
import statistics
import time

from absl import app
from absl import flags
from worker import resident

REPEATS = flags.DEFINE_integer("repeats", 15, "Timed runs of each function.")
SIZES = flags.DEFINE_list(
    "sizes", "64,128,256,512,1024,2048", "Sides of the output, in pixels."
)


def main(_):
    import keras_affsr

    print_setting()
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    print(
        "| generator | output | without ms | with projection ms | added | "
        "projection alone ms | LR MSE |\n|---|---|---|---|---|---|---|"
    )
    for size in map(int, SIZES.value):
        print(measure(downsample, "grass", size), flush=True)
    print(measure(downsample, "celeba", 64), flush=True)
    print()
    print_memory(2048)


def measure(downsample, preset, size):
    """Returns a row of the table for one network and image size."""
    import keras
    import tensorflow as tf

    import keras_affsr

    generator = keras_affsr.networks.generator(
        downsample, preset, project=False
    )
    project = keras_affsr.layers.AffineProjection(downsample)
    network = tf.function(lambda x: generator(x, training=False))
    both = tf.function(lambda x: project(generator(x, training=False), x))
    projection = tf.function(lambda guess, x: project(guess, x))
    images = keras.random.uniform((1, size, size, 3), seed=0)
    low_res = downsample(images)
    guess = network(low_res)
    seconds = interleaved(
        lambda: network(low_res),
        lambda: both(low_res),
        lambda: projection(guess, low_res),
    )
    added = seconds[1] / seconds[0] - 1
    error = downsample(both(low_res)) - low_res
    return (
        f"| {preset} | {size} x {size} | {1e3 * seconds[0]:.2f} | "
        f"{1e3 * seconds[1]:.2f} | {added:.1%} | {1e3 * seconds[2]:.2f} | "
        f"{float(keras.ops.mean(error**2)):.1e} |"
    )


def interleaved(*functions):
    """Returns the median seconds of each function, run in turns."""
    times = [[] for _ in functions]
    for repeat in range(REPEATS.value + 3):
        for function, record in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()[0, 0, 0, 0].numpy()  # Waits for the result.
            if repeat >= 3:
                record.append(time.perf_counter() - start)
    return [statistics.median(record) for record in times]


def print_memory(size):
    """Prints what a projection needs beyond its input and output (Linux)."""
    import tensorflow as tf

    import keras_affsr

    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    project = tf.function(keras_affsr.layers.AffineProjection(downsample))
    guess = tf.random.uniform((1, size, size, 3), seed=0)
    low_res = tf.random.uniform((1, size // 4, size // 4, 3), seed=1)
    project(guess[:, :64, :64], low_res[:, :16, :16])  # Loads what is lazy.
    before = resident("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # Forgets the peak so far.
    result = project(guess, low_res)
    output = result.numpy().nbytes / 2**20
    extra = resident("VmHWM") - before - output
    print(
        f"Projecting {size} x {size} x 3 took at most {extra:.0f} MiB beyond "
        f"its input and its output of {output:.0f} MiB."
    )


def print_setting():
    import keras
    import tensorflow as tf

    print(
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}, "
        f"{os.cpu_count()} processors, float32, batch 1, medians of "
        f"{REPEATS.value} runs in turns\n"
    )


if __name__ == "__main__":
    app.run(main)
