"""An engine without a library, for tests of its process: the name of the audio says what becomes of a job."""

import os
import sys
import time

sys.path.insert(0, sys.argv[1])
import worker_protocol  # noqa: E402


class Engine:
    packages = ()
    capabilities = {"model": "none", "device": "cpu", "gpu_optimized": False, "batch_size": 1}

    def __init__(self, options, parallel):
        if "absent" in options:
            raise RuntimeError("CUDA failed with error out of memory")
        if "hangs" in options:
            time.sleep(1000)
        self.parallel, self._works = parallel, True

    def check(self):
        if not self._works:
            raise RuntimeError("out of order")

    def transcribe(self, job):
        """Of the name `waits-dies`, each word is an act, and a file of that name with `.go` lets it go on."""
        print("a line about %s" % os.path.basename(job.audio_path))
        job.audio(1)
        for act in os.path.basename(job.audio_path).split("-"):
            if act == "waits":
                while not os.path.exists(job.audio_path + ".go"):
                    time.sleep(0.005)
                    job.check()
            elif act == "hangs":
                time.sleep(1000)
            elif act == "dies":
                os.abort()
            elif act == "loses":
                self._works = False
                raise RuntimeError("out of order")
            elif act == "grows":
                worker_protocol.memory_bytes = lambda: 9 * 1024**3
        return {"pid": os.getpid(), "said": job.options["say"]}


worker_protocol.run(Engine)
