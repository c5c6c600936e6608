"""The demo: a whole desk on one machine, with stand-in vendors and made-up people. `manage.py demo` runs it.

parts   what runs: the sandbox, the worker, the web server
cases   what is in it: accounts for each role, vendor accounts, sample cases
once    the main job, headless: one case from opening to the verified export
"""
