"""What every test starts from."""

import keras
import pytest


@pytest.fixture(autouse=True)
def fresh_state():
    """Seeds everything, and undoes what a test did to Keras's globals."""
    policy = keras.config.dtype_policy()
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy(policy)
    keras.backend.clear_session(free_memory=False)
