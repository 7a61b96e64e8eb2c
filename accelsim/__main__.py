"""`python -m accelsim`."""

import sys

from accelsim.cli.main import main

sys.exit(main())
