"""Reports: tables, plots and the report of a run, all from the files in its directory."""
