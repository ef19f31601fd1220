"""Reading images: `image_folder`, beside plain decoding of the same files.

See `benchmarks/input_pipeline.py`, whose functions these are.
"""

import tempfile

PATCH_SIZE, BATCH_SIZE = 64, 16
SECONDS = 0.5  # Of a turn, about.


def folder(width, height, kind):
    """Seconds per image of all that `image_folder` does to photographs."""
    from keras_affsr.data import image_folder

    place, _ = photographs(width, height, kind)
    dataset = image_folder(
        place.name, patch_size=PATCH_SIZE, batch_size=BATCH_SIZE
    )
    return reading(dataset, BATCH_SIZE, place)


def plain(width, height, kind):
    """Seconds per image of a `tf.data` map that reads and decodes files."""
    from input_pipeline import plain_decoding

    place, files = photographs(width, height, kind)
    return reading(plain_decoding(files, kind), 1, place)


def photographs(width, height, kind):
    """Returns a temporary folder of photographs, and the paths of its files."""
    from input_pipeline import write_photographs

    place = tempfile.TemporaryDirectory()
    return place, write_photographs(place.name, width, height, kind)


def reading(dataset, images, place):
    """Returns a turn that reads elements of so many images, once warm."""
    from input_pipeline import rate

    per_second = rate(dataset, images, 64 // images)
    count = int(max(SECONDS * per_second, 4 * BATCH_SIZE) / images)

    def turn():
        return 1 / rate(dataset, images, count)

    turn.folder = place  # It is removed with the turn.
    turn()
    return turn
