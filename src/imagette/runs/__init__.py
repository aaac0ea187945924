"""Layer 4: from a recipe to a run folder on the disk, safely, and back."""
