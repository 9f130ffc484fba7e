"""Stands in for the one call of ctranslate2 that is ours."""


def get_cuda_device_count():
    return 0
