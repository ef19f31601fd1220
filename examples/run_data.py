"""The images of all trainings, and the measurements of them.

`settings` are the flags, here and in the other parts.
"""

import math

TEXTURES = ("grass", "gravel", "brick")
TEXTURE_SIZE = 64  # Side of a held-out crop.
HELD_OUT_BATCH = 16
ENOUGH = 8  # Batches of crops of held-out photographs, which have no end.
# scikit-image's own photographs, for trying things out without any data.
PHOTOGRAPHS = {
    "train": ("coffee", "rocket", "hubble_deep_field", "ihc"),
    "validation": ("chelsea",),
    "test": ("astronaut",),
}


def operator(settings):
    import keras_affsr

    return keras_affsr.layers.GaussianDownsample(settings.scale)


def channels(settings):
    return 1 if settings.data in TEXTURES else 3


def training_images(settings, size=None, start_batch=0):
    """Returns batches of training images without end.

    Args:
        settings: The flags.
        size: int or None. Side of the images; that of the flags if None.
        start_batch: int. Number of the first batch.
    """
    batch_size, seed = settings.batch_size, settings.seed
    return _training(settings, size, batch_size, seed, start_batch)


def training_pairs(settings, size=None, start_batch=0):
    """Returns training pairs (low_res, high_res) without end."""
    from keras_affsr import data

    images = training_images(settings, size, start_batch)
    return data.pairs(images, operator(settings))


def held_out_pairs(settings, split="test"):
    """Returns the pairs (low_res, high_res) of "validation" or "test"."""
    from keras_affsr import data

    return data.pairs(held_out_images(settings, split), operator(settings))


def held_out_images(settings, split):
    """Returns batches of images that no training has touched."""
    from keras_affsr import data

    count = getattr(settings, f"{split}_images")
    batches = None if count is None else math.ceil(count / HELD_OUT_BATCH)
    if settings.data in TEXTURES:
        # Other crops of the same rows: textures have no third split.
        seed = settings.seed + {"test": 0, "validation": 2}[split]
        return _texture_crops(settings, seed, batches or ENOUGH)
    if settings.data == "photographs":
        return data.texture_patches(
            [data.photograph(name) for name in PHOTOGRAPHS[split]],
            settings.image_size,
            HELD_OUT_BATCH,
            settings.seed,
            num_batches=batches or ENOUGH,
        )
    return _files(settings, split, HELD_OUT_BATCH, num_batches=batches)


def fingerprints(settings):
    """Returns which files each split is made of, for the flags of a run.

    A run that goes on has to find the same ones: by one file more, all batches
    would be others.
    """
    from keras_affsr import data

    if settings.data == "photographs" or settings.data in TEXTURES:
        return {}  # They come with scikit-image.
    return {
        f"{split}_files": data.fingerprint(_files(settings, split, 1))
        for split in ("train", "validation", "test")
    }


def references(settings):
    """Returns batches of real images to compare the generated ones with.

    They are no truth of any low-resolution image: for textures other crops of
    the held-out rows, else images that were trained on.
    """
    if settings.data in TEXTURES:
        return _texture_crops(settings, settings.seed + 1)
    return _training(settings, None, HELD_OUT_BATCH, settings.seed + 1)


def arrays(batches):
    """Returns batches of pairs as two arrays, low_res and high_res."""
    import numpy as np

    low_res, high_res = zip(*batches.as_numpy_iterator(), strict=True)
    return np.concatenate(low_res), np.concatenate(high_res)


def bicubic(low_res, scale):
    """Returns low-resolution images enlarged, each pixel where it was."""
    import numpy as np

    from keras_affsr import callbacks

    size = [scale * number for number in low_res.shape[1:3]]
    # 9 taps are half a pixel off the centre of an even block.
    shift = 0.5 if scale % 2 == 0 else 0.0
    return np.stack(
        [callbacks.bicubic(image, size, shift) for image in low_res]
    )


def _training(settings, size, batch_size, seed, start_batch=0):
    from keras_affsr import data

    if settings.data in TEXTURES:
        images = getattr(data, settings.data)("train")
        size = size or settings.patch_size
    elif settings.data == "photographs":
        images = [data.photograph(name) for name in PHOTOGRAPHS["train"]]
        size = size or settings.image_size
    else:
        return _files(settings, "train", batch_size, seed, start_batch)
    return data.texture_patches(
        images, size, batch_size, seed, start_batch=start_batch
    )


def _texture_crops(settings, seed, num_batches=None):
    from keras_affsr import data

    images = getattr(data, settings.data)("test")
    return data.texture_patches(
        images, TEXTURE_SIZE, HELD_OUT_BATCH, seed, num_batches=num_batches
    )


def _files(settings, split, batch_size, seed=0, start_batch=0, **kwargs):
    from keras_affsr import data

    dataset = getattr(data, settings.data)
    for name in ("min_bytes", "held_out"):
        if hasattr(settings, name):
            kwargs[name] = getattr(settings, name)
    return dataset(
        split,
        size=settings.image_size,
        batch_size=batch_size,
        crop_size=settings.crop_size,
        seed=seed,
        start_batch=start_batch,
        image_dir=settings.image_dir,
        manual_dir=settings.manual_dir,
        data_dir=settings.data_dir,
        **kwargs,
    )
