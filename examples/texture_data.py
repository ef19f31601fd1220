"""The data of the texture example: crops of a photograph, and measurements.

`settings` are the flags of train_texture.py, here and in its other parts.
"""

TEST_SIZE = 64  # Side of a held-out crop.


def operator(settings):
    import keras_affsr

    return keras_affsr.layers.GaussianDownsample(settings.scale)


def crops(settings, size):
    """Returns batches of training crops without end."""
    from keras_affsr import data

    photograph = getattr(data, settings.texture)("train")
    return data.texture_patches(
        photograph, size, settings.batch_size, settings.seed
    )


def sample_crops(settings, size, num_batches=16):
    """Returns some of them as one array."""
    import numpy as np

    return np.concatenate(list(crops(settings, size).take(num_batches)))


def pairs(settings, size):
    """Returns training pairs (low_res, high_res) without end."""
    from keras_affsr import data

    return data.pairs(crops(settings, size), operator(settings))


def held_out_crops(settings, seed):
    """Returns 128 crops of the rows that no training crop has touched."""
    from keras_affsr import data

    photograph = getattr(data, settings.texture)("test")
    return data.texture_patches(photograph, TEST_SIZE, 16, seed, num_batches=8)


def held_out_pairs(settings):
    from keras_affsr import data

    return data.pairs(
        held_out_crops(settings, settings.seed), operator(settings)
    )


def held_out_arrays(settings):
    """Returns low_res `(128, h, w, 1)` and high_res `(128, H, W, 1)`."""
    import numpy as np

    batches = held_out_pairs(settings).as_numpy_iterator()
    low_res, high_res = zip(*batches, strict=True)
    return np.concatenate(low_res), np.concatenate(high_res)


def other_crops(settings):
    """Returns held-out crops that are not those behind `held_out_arrays`."""
    import numpy as np

    return np.concatenate(list(held_out_crops(settings, settings.seed + 1)))


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
