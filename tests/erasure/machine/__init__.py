"""A random world around lifecycle and engine, held to the desk's promises after every step (test_machine.py)."""
