"""Experiments on feed-forward nets, one file each: models in, rows of a long table out."""
