"""Layer 1: recipes, the pages of TOML that decide a training. Nothing here imports torch."""
