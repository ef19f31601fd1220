"""CelebA: photographs of faces, cut square."""

from keras_affsr.data.celeb_a_files import face_files
from keras_affsr.data.square import check_square
from keras_affsr.data.square import square_batches
from keras_affsr.data.tfds_builder import Archives
from keras_affsr.data.tfds_builder import prepared_split

OWNER = "celeb_a"

FILES = (
    "img_align_celeba.zip",
    "list_eval_partition.txt",
    "list_attr_celeba.txt",
    "list_landmarks_align_celeba.txt",
    "identity_CelebA.txt",
)
ARCHIVES = Archives(
    name="celeb_a",
    files=FILES,
    downloads=True,
    advice=(
        "Google Drive often refuses to send CelebA to a program. Download "
        f"{', '.join(FILES)} with a browser from "
        "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html, put the five files "
        "as they are into one folder, and pass it as manual_dir. Or unpack "
        "img_align_celeba.zip alone and pass the folder of its pictures as "
        "image_dir, for which TensorFlow Datasets is not needed."
    ),
)


def celeb_a(
    split,
    size=64,
    batch_size=16,
    crop_size=None,
    seed=0,
    flips=True,
    start_batch=0,
    num_batches=None,
    image_dir=None,
    manual_dir=None,
    data_dir=None,
):
    """Makes a dataset of batches of CelebA's faces, cut square and resized.

    Of the 178 x 218 pixels of a picture the default is the largest centred
    square: all columns, and rows 20 to 197. It is resized by the antialiased
    cubic filter, as Pillow's. The paper says "center cropped and resized to
    64 x 64", and not by what; `crop_size` gives a smaller square.

    The split is the standard one: 162,770 pictures for training, 19,867 for
    validation and 19,962 for testing. `"train"` is endless, in another order
    each epoch, and batch `b` is a function of the seed and `b` alone, so that
    `start_batch=b` goes on at once where a run has stopped. The other two are
    one pass: each picture once, always in the same order, a random one.

    The pictures come from the first of these that is given:

    - `image_dir`: a folder of JPEGs, 000001.jpg and so on. It is split by
      list_eval_partition.txt if that lies in it or beside it, else by the
      numbers that the standard split has. Other photographs of faces will do
      as well: if fewer than half of the files are numbered so, 80, 10 and 10 %
      of them are drawn by a hash of the name of each below the folder, so that
      none changes its split when others are added.
    - `manual_dir`: a folder of the five files of CelebA, which TensorFlow
      Datasets (TFDS) prepares without a network: img_align_celeba.zip,
      list_eval_partition.txt, list_attr_celeba.txt,
      list_landmarks_align_celeba.txt and identity_CelebA.txt.
    - else what TFDS has prepared in `data_dir`, or downloads now.

    All three give the same batches. With files of your own, put
    `data.fingerprint` of this dataset into the config of a `Checkpoint`.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        size: int. Side of the pictures that come out. Defaults to 64.
        batch_size: int. Pictures per batch. Defaults to 16.
        crop_size: int or None. Side of the centred square, in pixels of the
            file. A picture that is smaller gives its largest square, as all do
            for None. Defaults to None.
        seed: int. Of the order and the flips of training. Defaults to 0.
        flips: bool. Whether training pictures are mirrored left to right by
            the toss of a coin. Defaults to True.
        start_batch: int. Number of the first batch. Defaults to 0.
        num_batches: int or None. How many batches there are at most: in
            training, the same ones in each epoch of `fit`. Defaults to None.
        image_dir: string or None. Defaults to None.
        manual_dir: string or None. Defaults to None.
        data_dir: string or None. A local folder, where TFDS keeps all its data;
            None for `~/tensorflow_datasets`. Defaults to None.

    Returns:
        `tf.data.Dataset` of float32 batches `(batch_size, size, size, 3)`, in
        [0, 1]. The last one of `"validation"` and `"test"` may be smaller.

    Raises:
        ValueError: If an argument will not do, or the split has no picture.
        FileNotFoundError: If one of the five files is missing.
        OSError: If the system cannot read the folder.
        RuntimeError: If TFDS can neither download nor prepare CelebA.
        ImportError: If TFDS is needed and not installed.

    Example:

    ```python
    faces = keras_affsr.data.celeb_a("train", image_dir="img_align_celeba")
    downsample = keras_affsr.layers.GaussianDownsample(scale=4)
    model.fit(keras_affsr.data.pairs(faces, downsample), steps_per_epoch=1000)
    ```

    Reference:
     - [Sonderby et al., 2017](https://arxiv.org/abs/1610.04490), section 5.4
       and appendix D
     - Liu et al., Deep Learning Face Attributes in the Wild, ICCV 2015
    """
    check_square(split, size, crop_size, OWNER)
    if image_dir is not None:
        index = face_files(image_dir, split, OWNER)
    else:
        index = prepared_split(ARCHIVES, split, data_dir, manual_dir, OWNER)
    return square_batches(
        index,
        split,
        size,
        crop_size,
        batch_size,
        seed,
        flips,
        start_batch,
        num_batches,
        OWNER,
    )
