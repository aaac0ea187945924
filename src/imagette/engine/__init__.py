"""Layer 3: training and prediction in memory, without a folder."""
