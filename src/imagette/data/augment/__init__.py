"""What is done to a training batch: every image anew each epoch, all images of a batch at once, on the device."""

from imagette.data.augment.normalize import Normalize
from imagette.data.augment.pipeline import Augmentation

__all__ = ["Augmentation", "Normalize"]
