"""Layer 0: what every other room uses. Nothing here imports torch."""
