"""Imagette: train, understand and ship classifiers for small images."""
