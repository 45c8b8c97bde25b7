"""Drives stomp.py's WebSocket client; support/client.mjs tells what it is asked and what it tells.

The library's WebSocket connection speaks 1.2. Its older versions exist over TCP only, so that they are put on its
WebSocket transport here.
"""

import json
import sys
from urllib.parse import urlsplit

import stomp
from stomp.adapter.ws import WSTransport
from stomp.connect import BaseConnection, StompConnection10, StompConnection11
from stomp.protocol import Protocol10, Protocol11


def emit(event, **details):
    print(json.dumps({"event": event, **details}), flush=True)


class Stomp10(StompConnection10):
    def __init__(self, address, path, _heart_beat):
        transport = WSTransport([address], ws_path=path, reconnect_attempts_max=1)
        BaseConnection.__init__(self, transport)
        Protocol10.__init__(self, transport)


class Stomp11(StompConnection11):
    def __init__(self, address, path, heart_beat):
        transport = WSTransport([address], ws_path=path, reconnect_attempts_max=1)
        BaseConnection.__init__(self, transport)
        Protocol11.__init__(self, transport, heart_beat)


def stomp12(address, path, heart_beat):
    return stomp.WSStompConnection([address], ws_path=path, heartbeats=heart_beat, reconnect_attempts_max=1)


CONNECTIONS = {"1.0": Stomp10, "1.1": Stomp11, "1.2": stomp12}


class Listener(stomp.ConnectionListener):
    def __init__(self):
        self.messages = {}

    def on_connected(self, frame):
        # CONNECTED of a server that speaks 1.0 only has no version.
        emit("connected", version=frame.headers.get("version", "1.0"))

    def on_message(self, frame):
        self.messages[frame.headers["subscription"], frame.headers["message-id"]] = frame.headers
        emit("message", subscription=frame.headers["subscription"], headers=frame.headers, body=frame.body)

    def on_receipt(self, frame):
        emit("receipt", id=frame.headers["receipt-id"], headers=frame.headers)

    def on_error(self, frame):
        emit("error", message=frame.headers.get("message"), body=frame.body)

    def on_disconnected(self):
        emit("closed")


class Driver:
    def connect(self, url, versions, heartBeat, **_):
        address = urlsplit(url)
        self.version = versions[-1]
        self.listener = Listener()
        connect = CONNECTIONS[self.version]
        self.connection = connect((address.hostname, address.port), address.path, tuple(heartBeat))
        self.connection.set_listener("driver", self.listener)
        self.connection.connect()

    def subscribe(self, id, destination, headers=None, receipt=None):
        headers = dict(headers or {})
        if receipt:
            headers["receipt"] = receipt
        self.connection.subscribe(destination, id=id, ack=headers.pop("ack", "auto"), headers=headers)

    def unsubscribe(self, id):
        self.connection.unsubscribe(id=id, headers={"receipt": id})

    def acknowledge(self, id, message):
        headers = self.listener.messages[id, message]
        if self.version == "1.2":
            self.connection.ack(headers["ack"])
        elif self.version == "1.1":
            self.connection.ack(message, id)
        else:
            self.connection.ack(message)

    def disconnect(self, receipt):
        self.connection.disconnect(receipt)


def main():
    driver = Driver()
    for line in sys.stdin:
        command = json.loads(line)
        try:
            getattr(driver, command.pop("do"))(**command)
        except Exception as error:  # told to the test, which decides
            emit("failed", reason=repr(error))


main()
