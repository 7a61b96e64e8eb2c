"""The command line. Data on stdout, all else on stderr; one file a command, loaded when it is called."""
