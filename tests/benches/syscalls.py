#!/usr/bin/env python3
"""Counts the system calls that a flush takes: one write is the goal, and this shows what else there is.

A server of one worker, N sessions that subscribe to the same k symbols, and a feed that pulses: k ticks at once, some
times a second. So each pulse owes each session k MESSAGE frames, which are one flush. What the worker's thread and the
ingest thread ask of the kernel meanwhile is counted by perf, which doesn't slow them; where perf may not, strace does.

    tests/benches/syscalls.py [--sessions 100,1000] [--frames 1,10] [--pulses 25] [--json]

The binary is target/release/tickcast, or TICKCAST_BIN. Exit code 1 if a flush took more than one write.
"""

import argparse
import contextlib
import json
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("TICKCAST_BIN", str(ROOT / "target/release/tickcast"))
PULSES_PER_S = 5
PATIENCE_S = 60
INGESTED = "tickcast_ticks_ingested_total"
SENT = 'tickcast_messages_sent_total{transport="websocket"}'
WRITES = 'tickcast_writes_total{transport="websocket"}'
# A pulse that Kafka's client cuts in two makes two flushes of one; that's rare.
WRITES_A_FLUSH_MAX = 1.02
# What is told apart; each further kind would be a descriptor more, and opening hundreds takes seconds.
KINDS = (
    "write", "writev", "sendto", "sendmsg", "read", "recvfrom", "epoll_wait", "epoll_pwait", "epoll_ctl", "poll", "ppoll",
    "futex", "getsockopt", "setsockopt", "madvise", "mmap", "munmap", "brk", "accept4", "close", "shutdown",
    "clock_nanosleep", "sched_yield", "getrandom", "timerfd_settime",
)


class Server:
    """A server of one worker on a free port, and the feed into its embedded broker."""

    def __init__(self):
        command = [BINARY, "serve", "--listen", "127.0.0.1:0", "--workers", "1", "--log-format", "json"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TICKCAST_")}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        self.page = re.search(r"http://(\S+):(\d+)/", self.process.stdout.readline())
        self.host, self.port = self.page[1], int(self.page[2])
        self.kafka = self.process.stdout.readline().split()[1]

    def metrics(self):
        with urllib.request.urlopen(f"http://{self.host}:{self.port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[:1] != "#"}

    def threads(self):
        """The threads whose calls are counted, by what they are."""
        found = {}
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            name = (task / "comm").read_text().strip()
            # actix names its workers after the system that they belong to; the kernel keeps 15 characters.
            kind = {"actix-rt|system": "worker", "ingest": "ingest"}.get(name)
            if kind:
                found[kind] = int(task.name)
        return found

    @contextlib.contextmanager
    def pulses(self, frames, count):
        """Publishes `frames` ticks at once, so many times, by their times in a file."""
        with tempfile.NamedTemporaryFile("w", suffix=".ndjson") as file:
            for pulse in range(count):
                for number in range(frames):
                    cents = 10000 + (pulse * 7 + number) % 50
                    tick = {"symbol": f"S{number}", "price": f"{cents / 100:.2f}", "size": 100, "venue": "XNAS"}
                    tick |= {"bid": f"{(cents - 1) / 100:.2f}", "bid_size": 300}
                    tick |= {"ask": f"{(cents + 1) / 100:.2f}", "ask_size": 200}
                    tick |= {"time_us": 1732187000000000 + pulse * 1000000 // PULSES_PER_S}
                    file.write(json.dumps(tick) + "\n")
            file.flush()
            command = [BINARY, "feed", "replay", file.name, "--speed", "1", "--kafka", self.kafka]
            command += ["--kafka-property", "linger.ms=50"]
            feed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                yield
            finally:
                feed.kill()
                feed.wait()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Sessions:
    """Clients that read and throw away, on a thread of their own."""

    def __init__(self, server, count, symbols):
        self.sockets = []
        for _ in range(count):
            self.sockets.append(self.open(server, symbols))
        self.selector = selectors.DefaultSelector()
        for client in self.sockets:
            client.setblocking(False)
            self.selector.register(client, selectors.EVENT_READ)
        self.is_over = False
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    @staticmethod
    def open(server, symbols):
        client = socket.create_connection((server.host, server.port), PATIENCE_S)
        client.sendall(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Protocol: v12.stomp\r\n\r\n"
        )
        expect(client, b"\r\n\r\n")
        send(client, "CONNECT\naccept-version:1.2\nhost:localhost\nheart-beat:0,0\n\n\0")
        expect(client, b"CONNECTED")
        for number in range(symbols):
            send(client, f"SUBSCRIBE\nid:{number}\ndestination:/topic/price.stock.S{number}\nsnapshot:false\n"
                 f"receipt:r{number}\n\n\0")
            expect(client, f"receipt-id:r{number}\n".encode())
        return client

    def read(self):
        buffer = bytearray(65536)
        while not self.is_over:
            for key, _ in self.selector.select(0.1):
                with contextlib.suppress(BlockingIOError):
                    key.fileobj.recv_into(buffer)

    def close(self):
        self.is_over = True
        self.thread.join()
        for client in self.sockets:
            client.close()
        self.selector.close()


def expect(client, what):
    """Reads until the bytes have come."""
    received = b""
    while what not in received:
        piece = client.recv(65536)
        if not piece:
            sys.exit(f"the server hung up instead of saying {what!r}: {received!r}")
        received += piece


def send(client, text):
    """One text message, masked with zeros."""
    payload = text.encode()
    if len(payload) >= 126:
        header = bytes([0x81, 0x80 | 126]) + len(payload).to_bytes(2, "big")
    else:
        header = bytes([0x81, 0x80 | len(payload)])
    client.sendall(header + bytes(4) + payload)


class Perf:
    """Counts a thread's calls without slowing it."""

    def __init__(self, thread):
        names = ["raw_syscalls:sys_enter"] + [f"syscalls:sys_enter_{name}" for name in KINDS]
        # The counters run when the command does, which says so and waits.
        command = ["perf", "stat", "-x,", "-e", ",".join(names), "-t", str(thread), "--", "sh", "-c", "echo; read line"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self.is_counting = bool(self.process.stdout.readline())

    def calls(self):
        """Ends; the calls by name."""
        counted = self.process.communicate("\n")[1]
        calls = {}
        for line in counted.splitlines():
            fields = line.split(",")
            if len(fields) > 2 and fields[0].isdigit() and int(fields[0]):
                calls[fields[2].rpartition("sys_enter_")[2].rpartition(":")[2]] = int(fields[0])
        others = calls.pop("sys_enter", 0) - sum(calls.values())
        return calls | {"others": others} if others > 0 else calls


class Strace:
    """The same by stopping the thread at each of them."""

    def __init__(self, thread):
        command = ["strace", "-c", "-U", "name,calls", "-p", str(thread)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.is_counting = "attached" in self.process.stderr.readline()

    def calls(self):
        """Ends; the calls by name."""
        self.process.send_signal(signal.SIGINT)
        rows = (line.split() for line in self.process.communicate()[1].splitlines())
        return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit() and row[0] != "total"}


def pick_counter(asked):
    """How calls are counted here."""
    for counter in (Perf, Strace):
        name = counter.__name__.lower()
        if asked in (None, name) and shutil.which(name):
            # Nobody is asked to trace himself.
            with subprocess.Popen(["sleep", "60"]) as somebody:
                trial = counter(somebody.pid)
                trial.calls()
                somebody.kill()
            if trial.is_counting:
                return counter
    sys.exit(f"{asked or 'perf or strace'} can't count system calls here: not installed, or not allowed to")


def measure(counter, sessions, frames, pulses):
    """One size: the flushes, their messages, and the calls of each thread."""
    clients = None
    server = Server()
    try:
        clients = Sessions(server, sessions, frames)
        # The first pulse finds nothing that the later ones need: encoders' rooms, the symbols themselves.
        with server.pulses(frames, 1):
            before = await_pulses(server, frames, sessions * frames)
        counters = {kind: counter(thread) for kind, thread in server.threads().items()}
        begun = time.monotonic()
        with server.pulses(frames, pulses):
            time.sleep(pulses / PULSES_PER_S)
            after = await_pulses(server, before[INGESTED] + frames * pulses, sessions * frames)
        calls = {kind: counter.calls() for kind, counter in counters.items()}
        seconds = time.monotonic() - begun
    finally:
        if clients:
            clients.close()
        server.stop()
    messages = after[SENT] - before[SENT]
    return {
        "sessions": sessions,
        "frames": frames,
        # Those that come while the feed connects are conflated into one.
        "pulses": messages / frames / sessions,
        "flushes": messages / frames,
        "seconds": seconds,
        "messages": messages,
        "writes": after[WRITES] - before[WRITES],
        "calls": calls,
    }


def await_pulses(server, ticks, messages):
    """All metrics, once so many ticks have come in and every pulse has gone out whole, as so many messages."""
    deadline = time.monotonic() + PATIENCE_S
    metrics = server.metrics()
    while True:
        before = metrics
        time.sleep(0.1)
        metrics = server.metrics()
        is_out = metrics[SENT] == before[SENT] > 0 and metrics[SENT] % messages == 0
        if is_out and metrics[INGESTED] >= ticks:
            return metrics
        if time.monotonic() > deadline:
            sys.exit(f"{metrics[INGESTED]:.0f} ticks have come in, and {ticks:.0f} were published")


def show(result):
    """A table of one size: each kind of call, how many there were, and how many a flush."""
    flushes, pulses = result["flushes"], result["pulses"]
    print(f"\n{result['sessions']} sessions, {result['frames']} frames a flush, {pulses:g} pulses in "
          f"{result['seconds']:.1f} s: {result['writes'] / flushes:.3f} writes a flush by the server's own count")
    for kind, calls in sorted(result["calls"].items(), reverse=True):
        print(f"  {kind:<22}{'calls':>9}{'a flush':>10}{'a pulse':>10}{'a second':>10}")
        for name, number in sorted(calls.items(), key=lambda item: -item[1]):
            figures = (number / flushes, number / pulses, number / result["seconds"])
            print(f"    {name:<20}{number:>9}{figures[0]:>10.4f}{figures[1]:>10.2f}{figures[2]:>10.1f}")


def main():
    """Measures each size asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sessions", type=numbers, default=[100, 1000], help="how many, by commas")
    parser.add_argument("--frames", type=numbers, default=[1, 10], help="symbols a session, by commas")
    parser.add_argument("--pulses", type=int, default=25, help=f"{PULSES_PER_S} of them a second")
    parser.add_argument("--with", dest="counter", choices=["perf", "strace"], help="how calls are counted")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    asked = parser.parse_args()
    counter = pick_counter(asked.counter)
    results = [measure(counter, n, k, asked.pulses) for n in asked.sessions for k in asked.frames]
    if asked.json:
        print(json.dumps({"counted_by": counter.__name__.lower(), "sizes": results}, indent=2))
    else:
        print(f"counted by {counter.__name__.lower()}")
        for result in results:
            show(result)
    sys.exit(any(result["writes"] > result["flushes"] * WRITES_A_FLUSH_MAX for result in results))


def numbers(text):
    """Of a list by commas."""
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    main()
