"""What the affine projection costs, beside the networks it is attached to.

    python benchmarks/projection.py

For each image size, the median time of the small texture generator without and
with the projection, and of the projection alone; then the same for the CelebA
generator at 64 x 64, the exactness on these images, and the memory that a
2048 x 2048 projection takes beyond its input and output. Each ratio is of times
measured in turns in one run; a single time on a shared machine means little.
"""

import os
import resource
import statistics
import subprocess
import sys
import time

from absl import app
from absl import flags

REPEATS = flags.DEFINE_integer("repeats", 15, "Timed runs of each function.")
SIZES = flags.DEFINE_list(
    "sizes", "64,128,256,512,1024,2048", "Sides of the output, in pixels."
)
MEMORY_OF = flags.DEFINE_integer(
    "memory_of", 0, "Only print the peak memory, in MiB, of this size."
)


def main(_):
    if MEMORY_OF.value:
        print(peak_memory(MEMORY_OF.value))
        return
    import keras_affsr

    print_setting()
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    print(
        "| generator | output | generator ms | projection ms | "
        "projection / generator | LR MSE |\n|---|---|---|---|---|---|"
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
    projection = tf.function(lambda guess, x: project(guess, x))
    images = keras.random.uniform((1, size, size, 3), seed=0)
    low_res = downsample(images)
    guess = network(low_res)
    seconds = interleaved(
        lambda: network(low_res), lambda: projection(guess, low_res)
    )
    error = downsample(projection(guess, low_res)) - low_res
    return (
        f"| {preset} | {size} x {size} | {1e3 * seconds[0]:.2f} | "
        f"{1e3 * seconds[1]:.2f} | {seconds[1] / seconds[0]:.1%} | "
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
    """Prints what a projection needs beyond its input and output."""
    peaks = [
        float(subprocess.check_output([sys.executable, *command], text=True))
        for command in (
            (__file__, f"--memory_of={-size}"),
            (__file__, f"--memory_of={size}"),
        )
    ]
    print(
        f"Peak memory of projecting {size} x {size} x 3: {peaks[1]:.0f} MiB, "
        f"{peaks[1] - peaks[0]:.0f} MiB beyond a process that only holds the "
        f"guess, the measurement and the result."
    )


def peak_memory(size):
    """Returns this process's peak MiB; a negative size leaves out the work."""
    import tensorflow as tf

    import keras_affsr

    side = abs(size)
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    project = tf.function(keras_affsr.layers.AffineProjection(downsample))
    for number in (64, side):  # The first loads what TensorFlow loads late.
        guess = tf.random.uniform((1, number, number, 3), seed=0)
        low_res = tf.random.uniform((1, number // 4, number // 4, 3), seed=1)
        if number == 64 or size > 0:
            result = project(guess, low_res)
        else:
            result = guess + 1.0
        result[0, 0, 0, 0].numpy()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


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
