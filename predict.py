"""`kmlc predict` without installing."""

from kmlc.commands.predict import main

if __name__ == "__main__":
    raise SystemExit(main())
