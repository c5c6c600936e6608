"""The engine. A lane is a vendor's due sub-tasks; a worker claims one, makes one call, settles it, and goes on.

    claims      what these parts hand to each other, and the times that hang together
    lanes       claim due work: intent before bytes          (transaction 1)
    steps       run one step of a connector: one HTTP call   (no transaction)
    settle      write down what came of it, if still ours    (transaction 2)
    sweep       make up for what was lost: hints, leases, ends
    supervisor  keep qcluster alive on one host              (`manage.py work`)

The times hang together: a call is sent within SEND_SECONDS of its claim, its lease is longer than that, a lane hands
back after RUN_SECONDS, and the queue waits far longer for a worker than any of these (settings.Q_CLUSTER).
"""
