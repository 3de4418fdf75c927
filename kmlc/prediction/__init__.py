"""Prediction with finished runs, from the command line and as a library; feature vectors of images."""
