"""The demo: a whole desk on one machine, with stand-in vendors and made-up people. `manage.py demo` runs it.

parts   what runs: the stand-in vendors, the worker, the web server
cases   what is in it: accounts for each role, vendor accounts, and how a sample case is opened
story   the sample cases, and what the demo's people do about them in the first seconds
once    the main job, headless: one case from opening to the verified export
"""
