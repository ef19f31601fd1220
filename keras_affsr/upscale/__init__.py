"""Upscaling by a trained model, of arrays and of files."""

from keras_affsr.upscale.encode_image import encode_image as encode_image
from keras_affsr.upscale.image_error import ImageError as ImageError
from keras_affsr.upscale.image_file import ImageFile as ImageFile
from keras_affsr.upscale.project_file import project_file as project_file
from keras_affsr.upscale.projector import Projector as Projector
from keras_affsr.upscale.read_image import read_image as read_image
from keras_affsr.upscale.upscale import upscale as upscale
from keras_affsr.upscale.upscale_file import upscale_bytes as upscale_bytes
from keras_affsr.upscale.upscale_file import upscale_file as upscale_file
from keras_affsr.upscale.upscaled import Upscaled as Upscaled
from keras_affsr.upscale.upscaler import Upscaler as Upscaler
from keras_affsr.upscale.write_image import write_image as write_image
