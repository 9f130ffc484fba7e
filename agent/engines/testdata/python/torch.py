"""A stand-in for the torch calls that we use."""

import contextlib

float32 = "float32"
no_grad = contextlib.nullcontext


class zeros(tuple):
    def __new__(cls, shape, dtype):
        return tuple.__new__(cls, shape)

    def to(self, _device):
        return self


class cuda:
    @staticmethod
    def is_available():
        return False
