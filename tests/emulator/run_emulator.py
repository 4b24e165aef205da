"""Runs the AWS emulator in this process until standard input closes: it dies with whoever started it, however that ends."""

import os
import sys
import threading


def exit_with_parent():
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


threading.Thread(target=exit_with_parent, daemon=True).start()
sys.argv = ["ministack"]
from ministack.app import main  # noqa: E402  (the thread must watch before the slow import)

main()
