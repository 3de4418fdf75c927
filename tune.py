"""`kmlc tune` without installing."""

from kmlc.commands.tune import main

if __name__ == "__main__":
    raise SystemExit(main())
