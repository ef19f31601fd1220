"""Telling whether a dataset is still made of the same files."""

from keras_affsr.data.origins import origin_of


def fingerprint(images):
    """Tells, in a line, which files a dataset is made of.

    The order of the batches depends on how many images there are and on their
    names: with a file more or less, a run that goes on would get other batches
    than it would have had. Put this line into the config of the run, and
    `callbacks.Checkpoint` refuses to go on with other files.

    It is made of the names below the folder and the sizes in bytes, of the
    images that are used, in their order; of TFDS's data, of those of the
    records. A folder may be moved. An image that is replaced by another of the
    same name and size goes unnoticed: no file is read.

    Args:
        images: `tf.data.Dataset`, made by `image_folder`, `celeb_a` or
            `imagenet`; not what `pairs` has made of it.

    Returns:
        string, such as `"162770 images of 1130000000 bytes, sha256
        0123456789abcdef"`.

    Raises:
        ValueError: If the dataset is not one of those.

    Example:

    ```python
    flags = {"seed": 0, "steps": 100}
    images = keras_affsr.data.image_folder("photographs", seed=flags["seed"])
    checkpoint = keras_affsr.callbacks.Checkpoint(
        "run/checkpoints",
        {**flags, "images": keras_affsr.data.fingerprint(images)},
    )
    epoch = checkpoint.restore(model)  # Refuses, if there are other files.
    images = keras_affsr.data.image_folder(
        "photographs", seed=flags["seed"], start_batch=flags["steps"] * epoch
    )
    ```
    """
    return origin_of(images, "fingerprint").fingerprint()
