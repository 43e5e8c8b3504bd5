"""A terminal in the hands of a test: what a program draws there, and keys that a person presses."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from waiting import eventually

ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07)")


class Terminal:
    """Runs `words` on a terminal of `width` x `height`; what comes is read by text()."""

    def __init__(self, words, environment, width=120, height=40):
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.process = subprocess.Popen(words, env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self._read = b""
        self._readable = select.poll()
        self._readable.register(self._master, select.POLLIN)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    def raw(self):
        """All that has come so far."""
        end = time.monotonic() + 0.1
        while time.monotonic() < end and self._readable.poll(50):
            try:
                piece = os.read(self._master, 65536)
            except OSError:  # The program has ended.
                break
            if not piece:
                break
            self._read += piece
        return self._read.decode(errors="replace")

    def frames(self):
        """The frames that were drawn in place, without colours, as lists of lines."""
        pieces = self.raw().split("\x1b[?2026h")[1:]
        whole = [piece.split("\x1b[?2026l")[0] for piece in pieces if "\x1b[?2026l" in piece]
        return [[line.rstrip() for line in ESCAPE.sub("", frame).replace("\r", "").split("\n")] for frame in whole]

    def wait_frame(self, matches, what):
        return eventually(lambda: next((frame for frame in self.frames()[::-1] if matches("\n".join(frame))), None), what)

    def wait_text(self, text):
        return eventually(lambda: text in ESCAPE.sub("", self.raw()) and self.raw(), f"{text!r} on the terminal")

    def press(self, keys):
        os.write(self._master, keys.encode())

    def interrupt(self):
        """As ctrl-C; answers the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)
