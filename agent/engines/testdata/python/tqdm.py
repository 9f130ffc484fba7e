"""A stand-in for tqdm's bar, without the drawing."""


class tqdm:
    def __init__(self, iterable=None, desc=None, total=None, leave=True, file=None, unit="it", disable=False):
        self.n, self.total, self.disable = 0, total, disable

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def update(self, n=1):
        if not self.disable:
            self.n += n
