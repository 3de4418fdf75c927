"""Tasks: what a model's logits mean; how they are trained, evaluated, predicted and written."""
