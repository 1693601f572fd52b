"""One file a verb: words in, a request built, `run` called, a result handed back.

Each module here has a `command` (see `options.Verb`); `acestep_cli.cli` names it in its table.
"""
