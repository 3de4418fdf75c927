"""Tasks: what a model's logits mean; how they are trained, judged, decided and written."""
