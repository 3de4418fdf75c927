"""Prediction: tables to submissions, one picture to names with probabilities."""
