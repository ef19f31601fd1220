"""Training as a whole: run directories, scores, and the best model."""

from keras_affsr.training.any_worker import any_worker as any_worker
from keras_affsr.training.best_model import BestModel as BestModel
from keras_affsr.training.fit import fit as fit
from keras_affsr.training.fused_adam import FusedAdam as FusedAdam
from keras_affsr.training.predict_alone import (
    predicting_alone as predicting_alone,
)
from keras_affsr.training.run_directory import RunDirectory as RunDirectory
from keras_affsr.training.run_directory import read_json as read_json
from keras_affsr.training.run_directory import write_json as write_json
from keras_affsr.training.strategy import is_chief as is_chief
from keras_affsr.training.strategy import make_strategy as make_strategy
from keras_affsr.training.summary import generate as generate
from keras_affsr.training.summary import scores as scores
