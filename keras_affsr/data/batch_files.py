"""From which files a batch is made."""

import tensorflow as tf

from keras_affsr.data.image_folder import image_folder
from keras_affsr.data.origins import origin_of


def batch_files(batch, *args, **kwargs):
    """Tells from which files a dataset makes a batch.

    It says, for instance, which images led to a loss that is not finite:

        StopOnNaN(describe_batch=lambda b: str(batch_files(b, images)))

    Args:
        batch: int. The number of the batch, counted from the very first, even
            if the dataset itself starts later.
        *args: `tf.data.Dataset`, made by `image_folder`, `celeb_a` or
            `imagenet`; not what `pairs` has made of it. Or the arguments of
            `image_folder`, whose files are then looked for in each call.
        **kwargs: The arguments of `image_folder`.

    Returns:
        list with the path of each image in the batch, or with `lr_dir` a pair
        of paths for each. They are those that were found when the dataset was
        made; a file that had to be replaced when it was decoded is named
        itself. A record of TFDS is named by its file and place.

    Raises:
        ValueError: If the dataset is not one of those, or has no such batch;
            and as `image_folder` does.

    Example:

    >>> import os
    >>> import skimage
    >>> import keras_affsr.data
    >>> folder = os.path.join(os.path.dirname(skimage.__file__), "data")
    >>> images = keras_affsr.data.image_folder(
    ...     folder, patch_size=32, batch_size=4)
    >>> len(keras_affsr.data.batch_files(7, images))
    4
    """
    images = args[0] if args else None
    if not isinstance(images, tf.data.Dataset):
        images = image_folder(*args, **kwargs)
    groups = origin_of(images, "batch_files").files(batch)
    paths = [tuple(file.path for file in group) for group in groups]
    return [group if len(group) > 1 else group[0] for group in paths]
