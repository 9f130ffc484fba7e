"""A stand-in for the numpy calls that we use."""

float32 = "float32"


class Samples(list):
    def astype(self, _type):
        return self

    def __truediv__(self, _divisor):
        return self


def zeros(shape, _type):
    return shape


def concatenate(pieces):
    return Samples(value for piece in pieces for value in piece)
