"""`moto_server`, whose S3 does one request at a time: it checks whether a key exists and writes it afterwards, so that of two
threads that create one key both would get success. Its SQS loses messages that are sent while another thread deletes one, so
everything but receives, which wait, is one at a time there, too. Its Server header shows this, because the monitor refuses moto.
"""

import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.server import main
from werkzeug.serving import WSGIRequestHandler

one_at_a_time = threading.Lock()
dispatch = DomainDispatcherApplication.__call__


def answer_in_turn(self, environ, start_response):
    service = environ.get("HTTP_AUTHORIZATION", "")
    waits = environ.get("HTTP_X_AMZ_TARGET", "").endswith(".ReceiveMessage")
    if "/s3/" not in service and ("/sqs/" not in service or waits):
        return dispatch(self, environ, start_response)
    with one_at_a_time:
        return dispatch(self, environ, start_response)


DomainDispatcherApplication.__call__ = answer_in_turn
WSGIRequestHandler.version_string = lambda self: "moto-one-at-a-time"
main()
