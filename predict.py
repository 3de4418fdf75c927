"""`kmlc predict` without installing."""

from kmlc.commands import run

if __name__ == "__main__":
    raise SystemExit(run("predict"))
