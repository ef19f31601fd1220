"""Folders of image files, as datasets for training and evaluation."""

from keras_affsr.data.folder_batches import FolderBatches


def image_folder(
    hr_dir,
    lr_dir=None,
    scale=None,
    patch_size=64,
    batch_size=None,
    channels=3,
    training=True,
    flips=True,
    seed=0,
    paired=True,
    min_bytes=0,
    on_error="skip",
    start_batch=0,
    num_batches=None,
):
    """Makes a dataset of the images, or of patches, of a folder of files.

    All images in the folder and the folders below it are used, of any sizes;
    give the dataset to `keras_affsr.data.pairs` for their low resolution. Or
    the low resolution is read from files, too: `lr_dir` has an image for each
    of `hr_dir`, of the same path below it and `1 / scale` of the size, and both
    patches show the same. With `paired=False` any images will do as `lr_dir`,
    and the two patches have nothing to do with each other.

    For training, patches lie anywhere in an image, each image gives one per
    epoch, and each epoch has its own order and patches, without end: give `fit`
    its `steps_per_epoch`. Batch `b` depends on `seed` and `b` alone, so that
    `start_batch=b` goes on where a run has stopped, at once. It depends on the
    list of files as well: put `data.fingerprint` of this dataset into the
    config of a `Checkpoint`, and a run does not go on with others. Otherwise
    every image is seen once, in the order of the names, in its centre,
    unflipped.

    The headers of all files are read at first; of a thousand and more, what is
    found is kept in the user's cache (`keras_affsr` in `XDG_CACHE_HOME`, or in
    `~/.cache`), and the next start opens new and changed files alone. Broken
    files are skipped with one warning that names them, images smaller than a
    patch with one that counts them. A file found broken only when it is decoded
    is replaced by the next one, and named. What the system cannot read, for its
    disk, network or rights, is an error at any time. The orientation of EXIF is
    not applied, and opacity is left out.

    Of several workers, each decodes whole global batches, and trains on its
    rows: give each the processors for that.

    Args:
        hr_dir: string or path. Folder of high-resolution images: JPEG, PNG of
            8 or 16 bits, WebP, BMP or TIFF, in grey or colour.
        lr_dir: string or path. Folder of low-resolution images, or None to
            have high-resolution ones alone. Names may have the usual
            additions, such as `0001x4.png` for `0001.png`. Defaults to None.
        scale: int, or pair of ints (rows, columns). How many times larger
            high-resolution images are; needed with `lr_dir`. Whole images are
            cropped to a multiple of it. Defaults to None.
        patch_size: int. Side of high-resolution patches; None for whole
            images, one per batch. Defaults to 64.
        batch_size: int. Defaults to 16, and to 1 for whole images.
        channels: int. 1 (colours become grey) or 3 (grey becomes colour).
            Defaults to 3.
        training: bool. Whether batches are shuffled, random and endless, and
            not one pass in order. Defaults to True.
        flips: bool. Whether, in training, each patch is mirrored left to right,
            and upside down, by the toss of a coin. Defaults to True.
        seed: int. Defaults to 0.
        paired: bool. Whether images of `lr_dir` belong to those of `hr_dir`.
            Defaults to True.
        min_bytes: int. Smaller files of `hr_dir` are left out. Defaults to 0.
        on_error: `"skip"`, or `"raise"` to refuse files that are broken.
            Defaults to `"skip"`.
        start_batch: int. Number of the first batch. Defaults to 0.
        num_batches: int or None. How many batches there are at most: in
            training, the same ones in each epoch of `fit`. Defaults to None.

    Returns:
        `tf.data.Dataset` of float32 batches in [0, 1]: `(batch_size,
        patch_size, patch_size, channels)`, or, with `lr_dir`, pairs of them
        with `(batch_size, patch_size / scale, patch_size / scale, channels)`
        first.

    Raises:
        ValueError: If an argument will not do, no image is left, the sizes of
            a pair do not fit, or, with `on_error="raise"`, a file is broken.
        OSError: If the system cannot read a file or folder.

    Example:

    >>> import os
    >>> import skimage
    >>> import keras_affsr.data
    >>> folder = os.path.join(os.path.dirname(skimage.__file__), "data")
    >>> patches = keras_affsr.data.image_folder(folder, patch_size=32)
    >>> next(iter(patches)).shape
    TensorShape([16, 32, 32, 3])
    """
    return FolderBatches(
        hr_dir=hr_dir,
        lr_dir=lr_dir,
        scale=scale,
        patch_size=patch_size,
        batch_size=batch_size,
        channels=channels,
        training=training,
        flips=flips,
        seed=seed,
        paired=paired,
        min_bytes=min_bytes,
        on_error=on_error,
    ).dataset(start_batch, num_batches)
