"""What is kept between commands, or for as long as one runs: caches, which know no models."""
