"""Find models and checkpoints, and check that they are what they claim to be; `default/` is shipped."""
