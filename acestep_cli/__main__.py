"""`python -m acestep_cli` is the same program as `acestep`."""

from acestep_cli.cli import main

if __name__ == "__main__":
    main()
