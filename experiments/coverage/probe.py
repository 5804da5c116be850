"""Runs under the interpreter under test.

    probe.py dump|load      requests on standard input, answers on standard output, one line of JSON each
    probe.py about          what this interpreter is, and which carriers it has

The work is in workers.py, so that __main__ is bare: cases live in it.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
__import__('workers').main()
