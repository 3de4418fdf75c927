"""The commands, one module each: parse, call one function, say what to type next."""

NAMES = ("train", "tune", "predict", "report", "captions", "compare", "features")
