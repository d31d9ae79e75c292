"`python -m deepcnn4cifar`; like `__init__.py`, one of the two modules that no notebook exports"

import sys

from deepcnn4cifar.cli import main

if __name__ == '__main__':
    sys.exit(main())
