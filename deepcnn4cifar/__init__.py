"""Very deep convolutional networks (VGG) on CIFAR-10"""
__version__ = "0.2.0"

import os
import sys

if os.environ.get('IN_TEST'):
    # nbdev_test runs several notebooks at once: with a thread each, they do not wait for one another
    os.environ.setdefault('OMP_NUM_THREADS', '1')  # read when torch is first imported, and by child processes
    if 'torch' in sys.modules:
        sys.modules['torch'].set_num_threads(int(os.environ['OMP_NUM_THREADS'].split(',')[0]))
