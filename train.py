"""`kmlc train` without installing."""

from kmlc.commands import leave, run

if __name__ == "__main__":
    leave(run("train"))
