"""A stand-in for the one ctranslate2 call that we use."""


def get_cuda_device_count():
    return 0
