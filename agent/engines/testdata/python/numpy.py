"""A stand-in for the three numpy calls that we use."""

float32 = "float32"


class Samples(list):
    def astype(self, _type):
        return self

    def __truediv__(self, _divisor):
        return self


def concatenate(pieces):
    return Samples(value for piece in pieces for value in piece)
