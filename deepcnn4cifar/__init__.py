"""Very deep convolutional networks (VGG) on CIFAR-10"""
__version__ = "0.1.0"
