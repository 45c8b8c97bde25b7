#!/usr/bin/env python3
"""Makes the seeds of the fuzz targets from the transcripts in tests/it/transcripts.

    tests/fuzz/seeds.py

A seed of `stomp_decoder` is the lengths of eight pieces and what a client says; one of
`websocket_reader` is masked frames, one of `sockjs_framing` JSON, both cut likewise; one of
`session_script` is a whole conversation; one of `tick_decoder` is a record's value; one of `checkpoint`
is what is behind a checkpoint's checksum.
"""

import json
import pathlib
import re

HERE = pathlib.Path(__file__).parent
CUTS = bytes([1, 2, 3, 5, 8, 13, 21, 34])


def unwritten(text):
    """A client's message with what can't be written put in, as tests/it/transcripts.rs does it."""
    text = re.sub(r"\^\{(.*?)\*(\d+)\}", lambda it: it[1] * int(it[2]), text, flags=re.S)
    return text.replace("^@", "\0").replace("^M", "\r").encode()


def blocks(text):
    lines = [line for line in text.split("\n") if not line.startswith("#")]
    return [block.split("\n") for block in re.split(r"\n\n+", "\n".join(lines).strip("\n"))]


def spoken(block):
    return unwritten("\n".join(line[1:].removeprefix(" ") for line in block))


def frame(first, payload):
    key = b"\x37\xfa\x21\x3d"
    masked = bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))
    if len(payload) < 126:
        length = bytes([0x80 | len(payload)])
    else:
        length = b"\xfe" + len(payload).to_bytes(2)
    return bytes([first]) + length + key + masked


def steps(conversation):
    """The conversation as a script of session_script, on one client."""
    yield b"o"
    for block in conversation:
        word, _, rest = block[0].partition(" ")
        match word:
            case ">":
                yield b"d0" + spoken(block)
            case "tick":
                yield b"k" + rest.split(" ")[0].encode()
            case "tombstone":
                yield b"l" + rest.encode()
            case "leave":
                yield b"c0"
            case "close":
                yield b"t15000"


def write(target, name, seed):
    path = HERE / "seeds" / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(seed)


def from_transcripts():
    for transcript in sorted((HERE / "../it/transcripts").glob("*.txt")):
        conversation = blocks(transcript.read_text())
        name = transcript.stem
        said = [spoken(block) for block in conversation if block[0].startswith(">")]
        write("stomp_decoder", name, CUTS + b"".join(said))
        write("session_script", name, b"\xff".join(steps(conversation)))


def of_frames():
    """What transcripts can't say: fragments, control frames, closes, and what is wrong with them."""
    text = "κόσμε".encode()
    frames = {
        "fragments": [frame(0x01, b"a"), frame(0x89, b"?"), frame(0x00, b""), frame(0x80, b"b"), frame(0x82, b"\xff")],
        "text": [frame(0x01, text[:3]), frame(0x80, text[3:]), frame(0x81, text)],
        "text_cut": [frame(0x81, text[:3])],
        "long": [frame(0x82, b"x" * 256), frame(0x81, b"y" * 257)],
        "length_form": [bytes([0x82, 0xFE, 0, 1, 0, 0, 0, 0]) + b"x"],
        "terabyte": [bytes([0x82, 0xFF]) + (1 << 40).to_bytes(8)],
        "pings": [frame(0x89, b"p" * 125), frame(0x8A, b""), frame(0x89, b"p" * 126)],
        "close": [frame(0x88, b"\x03\xe8bye"), frame(0x89, b"")],
        "close_empty": [frame(0x88, b"")],
        "close_half": [frame(0x88, b"\x03")],
        "close_code": [frame(0x88, b"\x03\xed")],
        "close_text": [frame(0x88, b"\x03\xe8\xff")],
        "reserved": [frame(0xC1, b"")],
        "opcode": [frame(0x83, b"")],
        "unmasked": [b"\x81\x00"],
        "nested": [frame(0x01, b"a"), frame(0x81, b"b")],
        "continued": [frame(0x80, b"a")],
        "control_fragment": [frame(0x09, b"")],
    }
    for name, parts in frames.items():
        write("websocket_reader", name, CUTS + b"".join(parts))


def of_sessions():
    """What one client alone doesn't do: stalls, several clients, time, the market at large."""
    connect = b"CONNECT\naccept-version:1.2\nheart-beat:%s\n\n\0"
    subscribe = b"SUBSCRIBE\nid:%d\ndestination:/topic/price.stock.%s\nreceipt:r\n\n\0"
    unsubscribe = b"UNSUBSCRIBE\nid:%d\nreceipt:r\n\n\0"
    scripts = {
        "stalled": [b"o", b"d0" + connect % b"0,0", b"d0" + subscribe % (1, b"*"), b"b0", b"kA", b"kB", b"kA 5", b"t5000", b"kC", b"u0", b"kA"],
        "stuck": [b"o", b"d0" + connect % b"0,0", b"b0", b"d0" + unsubscribe % 1, b"t11000"],
        "two": [b"o", b"o", b"d0" + connect % b"0,0", b"d1" + connect % b"5000,5000", b"d0" + subscribe % (1, b"A"), b"d1" + subscribe % (7, b"A*"), b"kA", b"kAB", b"x0", b"kA", b"d1" + unsubscribe % 7, b"kA"],
        "resubscribed": [b"o", b"d0" + connect % b"0,0", b"kA"] + [b"d0" + subscribe % (1, b"A"), b"d0" + unsubscribe % 1] * 3 + [b"kA"],
        "beats": [b"o", b"d0" + connect % b"1000,1000", b"t800", b"t800", b"d0\n", b"t25000", b"q0", b"t25000", b"t25000", b"t25000", b"t25000"],
        "flood": [b"o", b"d0" + connect % b"0,0", b"d0" + unsubscribe % 1 * 260, b"t1000", b"t5000"],
        "unread": [b"o", b"d0" + connect % b"0,0", b"b0"] + [b"d0" + unsubscribe % 1 * 50] * 4 + [b"u0"],
        "pings": [b"o"] + [b"p0hello"] * 12 + [b"c04999", b"p0late", b"d0late"],
        "long_receipts": [b"o", b"d0" + connect % b"0,0", b"b0"] + [b"d0UNSUBSCRIBE\nid:1\nreceipt:" + b"\\c" * 3000 + b"\n\n\0"] * 2 + [b"u0"],
        "delisted": [b"o", b"kA", b"d0" + connect % b"0,0", b"d0" + subscribe % (1, b"A"), b"lA", b"d0" + subscribe % (2, b"A"), b"kA"],
        "disconnect": [b"o", b"d0" + connect % b"0,0", b"d0DISCONNECT\nreceipt:bye\n\n\0", b"c0"],
        "shutdown": [b"o", b"o", b"d0" + connect % b"0,0", b"b0", b"s", b"c0", b"t3000"],
        "refused_early": [b"o", b"d0UNSUBSCRIBE\nid:1\nreceipt:a\\cb\\\\\n\n\0"],
        "fault": [b"o", b"d0" + connect % b"0,0", b"f0", b"kA", b"e0"],
    }
    for name, script in scripts.items():
        write("session_script", name, b"\xff".join(script))


def of_sockjs():
    """What a SockJS client sends, and what SockJS escapes; paths and callbacks."""
    for transcript in sorted((HERE / "../it/transcripts").glob("*.txt"))[::6]:
        said = [spoken(block).decode() for block in blocks(transcript.read_text()) if block[0].startswith(">")]
        write("sockjs_framing", transcript.stem, CUTS + json.dumps(said).encode())
    texts = {
        "empty": "",
        "array_empty": "[]",
        "strings": '["a","","\\u0000b\\n","\\ud83d\\ude00"]',
        "halves": '["a\\ud83d","\\ude00b"]',
        "string": '"one"',
        "broken": '["a"',
        "deep": "[" * 200,
        "numbers": '[1,null,{"a":"b"}]',
        "mangled": "a\u200c\u2028\u2029\ufeff\uffff\U0001f600 </script><!-- \"\\\\",
        "control": "".join(map(chr, range(33))),
        "path": "000/session/xhr_streaming",
        "iframe": "iframe-0.1.2.html",
        "callback": "_jp.a1b2",
    }
    for name, text in texts.items():
        write("sockjs_framing", name, CUTS + text.encode())


def of_ticks():
    """Records of both formats, whole, framed and nearly right."""
    whole = b'{"symbol":"AAPL","time_us":1732187000123456,"price":189.84,"size":100,"bid":189.83,"bid_size":300,"ask":null,"venue":"XNAS"}'
    # Tags and zigzag varints by hand: symbol, time_us, price, size, bid, venue, clear_ask.
    message = b"\x0a\x04AAPL\x10\x80\xb0\x8a\xa5\xe6\xf5\x89\x03\x18\x80\xf0\xa1\xb1\x86\x0b\x20\x02\x28\x01\x4a\x04XNAS\x58\x01"
    ticks = {
        "json": whole,
        "json_framed": b"\0\0\0\0\x07" + whole,
        "json_text": b'{"symbol":"A","price":"-9223372036.854775808","size":"0.000000001"}',
        "json_escaped": b'{"symbol":"EUR\\/USD","b\\u0069d":1.5,"x":[{"price":1}]}',
        "json_overlong": b'{"symbol":"A","price":1234567.890123456}',
        "json_exponent": b'{"symbol":"A","price":1.5e2,"size":1E-9}',
        "protobuf": message,
        "protobuf_framed": b"\0\0\0\0\x07\0" + message,
        "protobuf_framed_index": b"\0\0\0\0\x07\x02\0" + message,
        "protobuf_other": b"\0\0\0\0\x07\x02\x02" + message,
        "protobuf_nested": b"\0\0\0\0\x07\xfe\xff\xff\xff\x0f",
        "protobuf_overlong": b"\0\0\0\0\x07\x80\x80\x80\x80\x80\0",
        "protobuf_contradiction": message + b"\x38\x02",
        "protobuf_unknown": message + b"\x9a\x06\x03abc\x63\x64",
        "cut": message[:9],
        "content_type": b"application/x-protobuf; proto=tickcast.v1.Tick",
    }
    for name, value in ticks.items():
        write("tick_decoder", name, value)


def of_checkpoints():
    """Bodies as src/checkpoint writes them: the head, and a symbol of one part or of two."""
    head = b"\0" + b"\x01c" + b"\x01t" + b"\0" + b"\x01e" + b"\0" + b"\x01\x00\x05\x00"
    trade = b"\x01" + b"\0\x05\0\0\0\0" + b"\x02\0"
    levels = b"\x02\x02\0" * 3
    every_field = b"\xff\x7f" + b"\x01\x07\x01\0\0\0" + levels + b"\x02\x02\x02\x04\x01\0" + b"\x01V\0" + b"\0"
    symbol = b"\x01A\x01\0"
    bodies = {
        "none": head + b"\0",
        "one": head + b"\x01" + symbol + b"\x01" + trade,
        "moved": head + b"\x01" + symbol + b"\x02" + trade + every_field,
        "cut": head + b"\x02" + symbol + b"\x01" + trade,
    }
    for name, body in bodies.items():
        write("checkpoint", name, body)


from_transcripts()
of_checkpoints()
of_ticks()
of_frames()
of_sessions()
of_sockjs()
