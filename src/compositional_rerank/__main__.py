"""`python -m compositional_rerank` is the command `compositional-rerank`."""

import sys

from compositional_rerank.cli import main

if __name__ == "__main__":
    sys.exit(main())
