"""How fast a folder of images is read, beside plain decoding of its files.

    python benchmarks/input_pipeline.py

For photographs of several sizes, written as JPEG and as PNG to a temporary
folder, the median of the images per second of `image_folder`, which checks,
shuffles, cuts a random patch, flips, converts and batches, and of a `tf.data`
map that reads and decodes the whole of the same files and does nothing else.
The two are timed in turns, and the ratio is the median of that of each turn; a
single number on a shared machine means little.

    python benchmarks/input_pipeline.py --start_files=20000

prints how long `image_folder` takes to begin with so many small JPEGs: first,
when it opens them all, and later, when it knows them from its cache.
"""

import os
import statistics
import tempfile
import time

from absl import app
from absl import flags

REPEATS = flags.DEFINE_integer("repeats", 7, "Timed runs of each pipeline.")
SECONDS = flags.DEFINE_float("seconds", 1.0, "What a run should take.")
PATCH_SIZE = flags.DEFINE_integer("patch_size", 64, "Side of the patches.")
BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Patches per batch.")
SIZES = flags.DEFINE_list(
    "sizes", "178x218,500x375,2040x1356", "Widths and heights, in pixels."
)
START_FILES = flags.DEFINE_integer(
    "start_files", None, "How many files to time the start with, alone.", 1
)

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")
NUM_FILES = 32


def main(_):
    if START_FILES.value:
        return print_starts(START_FILES.value)
    print_setting()
    print(
        "| files | size | plain decoding /s | image_folder /s | ratio |\n"
        "|---|---|---|---|---|"
    )
    for size in SIZES.value:
        for kind in ("jpg", "png"):
            with tempfile.TemporaryDirectory() as folder:
                width, height = map(int, size.split("x"))
                files = write_photographs(folder, width, height, kind)
                print(measure(folder, files, size, kind), flush=True)


def write_photographs(folder, width, height, kind):
    """Writes photographs of one size, and returns their paths."""
    import numpy as np
    from PIL import Image

    import keras_affsr

    files = []
    for number in range(NUM_FILES):
        name = PHOTOGRAPHS[number % len(PHOTOGRAPHS)]
        pixels = np.uint8(255 * keras_affsr.data.photograph(name))
        image = Image.fromarray(pixels).rotate(number)  # All files differ.
        path = os.path.join(folder, f"{number:02}.{kind}")
        image.resize((width, height)).save(path, quality=92)
        files.append(path)
    return files


def print_starts(count):
    """Prints the seconds until a dataset of `count` files is there."""
    import PIL.Image
    import tensorflow as tf  # Not to be timed, either.

    from keras_affsr.data import fingerprint
    from keras_affsr.data import image_folder

    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = os.path.join(folder, "cache")
        images = os.path.join(folder, "images")
        write_small(images, count)
        PIL.Image.init()
        print(f"TensorFlow {tf.__version__}, {os.cpu_count()} processors")
        for start in ("first", "second", "third"):
            begin = time.perf_counter()
            dataset = image_folder(images, patch_size=32)
            seconds = time.perf_counter() - begin
            print(f"{start} start with {count} files: {seconds:.2f} s")
        begin = time.perf_counter()
        print(f"{fingerprint(dataset)}: {time.perf_counter() - begin:.2f} s")


def write_small(folder, count):
    """Writes JPEGs of 64 x 64 pixels, a hundred to a folder."""
    import io

    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), "uint8")
    for number in range(count):
        place = os.path.join(folder, f"{number // 100:05}")
        if number % 100 == 0:
            os.makedirs(place)
            stream = io.BytesIO()
            Image.fromarray(np.roll(noise, number)).save(stream, "JPEG")
        with open(os.path.join(place, f"{number:07}.jpg"), "wb") as file:
            file.write(stream.getvalue())


def measure(folder, files, size, kind):
    """Returns a row of the table."""
    from keras_affsr.data.image_folder import image_folder

    batch = BATCH_SIZE.value
    ours = image_folder(folder, patch_size=PATCH_SIZE.value, batch_size=batch)
    pipelines = ((plain_decoding(files, kind), 1), (ours, batch))
    lengths = [SECONDS.value * rate(*pipeline, 10) for pipeline in pipelines]
    rates = []
    for _ in range(REPEATS.value):
        rates.append(
            [
                rate(*pipeline, int(max(length, 4 * batch) / pipeline[1]))
                for pipeline, length in zip(pipelines, lengths, strict=True)
            ]
        )
    plain, folders = (statistics.median(column) for column in zip(*rates))
    ratio = statistics.median(ours / plain for plain, ours in rates)
    name = {"jpg": "JPEG", "png": "PNG"}[kind]
    return f"| {name} | {size} | {plain:.0f} | {folders:.0f} | {ratio:.2f} |"


def plain_decoding(files, kind):
    """Returns an endless dataset of the decoded files, and nothing else."""
    import tensorflow as tf

    decode = {"jpg": tf.io.decode_jpeg, "png": tf.io.decode_png}[kind]

    def load(path):
        return decode(tf.io.read_file(path), channels=3)

    return (
        tf.data.Dataset.from_tensor_slices(files)
        .repeat()
        .map(load, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )


def rate(dataset, images, count):
    """Returns the images per second of `count` elements, once it is warm."""
    iterator = iter(dataset)
    for _ in range(64 // images or 4):  # More than are read ahead.
        next(iterator)
    start = time.perf_counter()
    for _ in range(count):
        next(iterator)
    return images * count / (time.perf_counter() - start)


def print_setting():
    import tensorflow as tf

    print(
        f"TensorFlow {tf.__version__}, {os.cpu_count()} processors, patches of "
        f"{PATCH_SIZE.value} x {PATCH_SIZE.value} in batches of "
        f"{BATCH_SIZE.value}, medians of {REPEATS.value} runs in turns\n"
    )


if __name__ == "__main__":
    app.run(main)
