"""What the Flex Template's launcher runs. All else is in the package: nothing is pickled from here."""

import sys

from pipeline.launcher import main

if __name__ == "__main__":
    sys.exit(main())
