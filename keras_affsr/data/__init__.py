"""Data: photographs, folders of images, data sets, and pairs for training."""

from keras_affsr.data.batch_files import batch_files as batch_files
from keras_affsr.data.celeb_a import celeb_a as celeb_a
from keras_affsr.data.crop_to_multiple import (
    crop_to_multiple as crop_to_multiple,
)
from keras_affsr.data.fingerprint import fingerprint as fingerprint
from keras_affsr.data.image_folder import image_folder as image_folder
from keras_affsr.data.imagenet import imagenet as imagenet
from keras_affsr.data.pairs import pairs as pairs
from keras_affsr.data.pairs import unpaired as unpaired
from keras_affsr.data.photographs import brick as brick
from keras_affsr.data.photographs import grass as grass
from keras_affsr.data.photographs import gravel as gravel
from keras_affsr.data.photographs import photograph as photograph
from keras_affsr.data.swiss_roll import swiss_roll as swiss_roll
from keras_affsr.data.texture_patches import texture_patches as texture_patches
