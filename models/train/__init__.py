"""Data and training of the small models: `python -m models.train` from the folder of the checkout.

The files of `models/` import their neighbours by plain names, as a user's script in that folder does.
"""

import sys
from pathlib import Path

MODELS = Path(__file__).resolve().parent.parent
if str(MODELS) not in sys.path:
    sys.path.insert(0, str(MODELS))
