"""Layer 2: labelled images, where they come from, how they are split, changed and handed out in batches."""
