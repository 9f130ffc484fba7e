"""`moto_server`, whose S3 does one request at a time: it looks whether a key is there and writes it afterwards, so that of two
threads that create one key both would be told that they did. It says so in its Server header, because the monitor refuses moto.
"""

import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.server import main
from werkzeug.serving import WSGIRequestHandler

one_at_a_time = threading.Lock()
answer = DomainDispatcherApplication.__call__


def answer_in_turn(self, environ, start_response):
    if "/s3/" not in environ.get("HTTP_AUTHORIZATION", ""):
        return answer(self, environ, start_response)
    with one_at_a_time:
        return answer(self, environ, start_response)


DomainDispatcherApplication.__call__ = answer_in_turn
WSGIRequestHandler.version_string = lambda self: "moto-one-at-a-time"
main()
