"""Training: near-miss generation, data recipes, stage-one and stage-two training."""
